"""A judged run as JUnit XML, for whatever shows tests: a case for each gating metric and each threshold.

There is no standard. What is written here is what Jenkins' schema (junit-10.xsd) allows and GitLab, Azure and
GitHub's actions read: failures, errors and skipped cases with a message, properties, seconds.
"""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from bench.core.limits.judge import ThresholdResult
from bench.core.report.report import Report
from bench.core.report.suite import SuiteReport
from bench.core.samples.metrics import label_and_unit
from bench.core.values import wording
from bench.core.values.escape import escape_xml
from bench.core.verdict.compare import Decision, explain_inconclusive
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.render.document.document import compare_with
from bench.render.document.format import RunInput, SuiteInput


class _Ended(StrEnum):
    """How a case ended, by the name of its element."""

    PASSED = "passed"  # has no element
    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class _Case:
    """One thing that a run was asked.

    Attributes:
        group: What it is asked by: the baseline, the anchor, thresholds; empty for the run itself.
        name: What is asked.
        ended: How that ended.
        why: In a sentence, where it did not pass.
        details: The figures, a line each.
        time_s: What it took.
    """

    group: str
    name: str
    ended: _Ended = _Ended.PASSED
    why: str = ""
    details: tuple[str, ...] = ()
    time_s: float = 0.0


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the report on a run."""
    yield run_junit(run.report)


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the report on a suite."""
    yield suite_junit(suite.report)


def run_junit(report: Report) -> str:
    """The report as JUnit XML: something fails or errs in it if and only if the run did."""
    return _document(report.result.scenario.name, [_testsuite(report, None)])


def suite_junit(suite: SuiteReport) -> str:
    """The same of several runs, one after the other; a scenario that was not measured is an error."""
    made = [_testsuite(each, suite.excused.get(each.result.scenario.name)) for each in suite.reports]
    vanished = _Case("", "measurement", _Ended.ERROR, "it was not measured")
    return _document("bench", [*made, *(_element(name, [vanished]) for name in suite.missing)])


def _document(name: str, suites: list[ET.Element]) -> str:
    totals = {key: str(sum(int(each.get(key, 0)) for each in suites)) for key in _counts([])}
    time_s = sum(float(each.get("time", 0)) for each in suites)
    # The schema has skipped cases in a suite, and not in all suites.
    totals.pop("skipped")
    root = ET.Element("testsuites", {"name": escape_xml(name), "time": _seconds(time_s), **totals})
    root.extend(suites)
    ET.indent(root, " ")
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _testsuite(report: Report, excuse: str | None) -> ET.Element:
    """The suite of a run.

    Args:
        report: What was said of it.
        excuse: Why its regressions are none of its version's, among other runs; None when they are.
    """
    made = report.result.provenance
    element = _element(report.result.scenario.name, list(_cases(report, excuse)))
    element.set("timestamp", f"{made.started_at:%Y-%m-%dT%H:%M:%S}")
    properties = ET.Element("properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=escape_xml(name), value=escape_xml(value))
    element.insert(0, properties)
    return element


def _element(name: str, cases: list[_Case]) -> ET.Element:
    time_s = _seconds(sum(case.time_s for case in cases))
    element = ET.Element("testsuite", {"name": escape_xml(name), "time": time_s, **_counts(cases)})
    for case in cases:
        element.append(_testcase(name, case))
    return element


def _counts(cases: list[_Case]) -> dict[str, str]:
    ended = [case.ended for case in cases]
    return {
        "tests": str(len(cases)),
        "failures": str(ended.count(_Ended.FAILURE)),
        "errors": str(ended.count(_Ended.ERROR)),
        "skipped": str(ended.count(_Ended.SKIPPED)),
    }


def _testcase(scenario: str, case: _Case) -> ET.Element:
    classname = f"{scenario}.{case.group}" if case.group else scenario
    time_s = _seconds(case.time_s)
    element = ET.Element("testcase", name=escape_xml(case.name), classname=escape_xml(classname), time=time_s)
    details = "\n".join(map(escape_xml, case.details))
    if case.ended is not _Ended.PASSED:
        ended = ET.SubElement(element, case.ended, message=escape_xml(case.why))
        ended.text = details
    elif details:
        ET.SubElement(element, "system-out").text = details
    return element


def _cases(report: Report, excuse: str | None) -> Iterator[_Case]:
    comparison, result = report.comparison, report.result
    invalid = report.decision is Decision.INVALID
    run = _Case("", "measurement", time_s=max(0.0, result.summary.elapsed_s))
    yield (
        replace(run, ended=_Ended.ERROR, why=report.headline, details=comparison.reasons) if invalid else run
    )
    asked = [
        *_compared("baseline", comparison.metrics),
        *_compared("pinned", comparison.against_pinned),
        *(_threshold(each) for each in result.thresholds),
    ]
    if invalid:
        asked = [replace(case, ended=_Ended.SKIPPED, why="the run was no measurement") for case in asked]
    elif not comparison.metrics:
        why = "; ".join(comparison.reasons)
        asked.append(_Case("baseline", "comparison", _Ended.SKIPPED, f"it was not compared: {why}"))
    if excuse is None and report.decision is not Decision.FAIL:
        excuse = "; ".join(comparison.reasons)
    if excuse is not None:
        # It looks worse and fails nobody, so it must not fail whoever counts failures.
        asked = [
            replace(case, ended=_Ended.SKIPPED, why=f"{case.why}; {excuse}")
            if case.ended is _Ended.FAILURE
            else case
            for case in asked
        ]
    yield from asked


def _compared(group: str, metrics: Iterable[MetricComparison]) -> list[_Case]:
    return [_metric(group, each) for each in metrics if each.gates]


def _metric(group: str, each: MetricComparison) -> _Case:
    table = compare_with("", "metric", [each])
    (row,) = table.rows
    case = _Case(
        group,
        each.key,
        details=tuple(f"{name}: {text}" for name, text in zip(table.columns, row, strict=True)),
    )
    label, base, head, change, *_ = row
    match each.verdict:
        case Verdict.REGRESSED:
            return replace(case, ended=_Ended.FAILURE, why=f"{label} regressed: {base} → {head} ({change})")
        case Verdict.MISSING:
            return replace(case, ended=_Ended.FAILURE, why=f"{label} vanished: the baseline has it")
        case Verdict.INCONCLUSIVE:
            return replace(case, ended=_Ended.SKIPPED, why=f"cannot tell: {explain_inconclusive(each)}")
        case Verdict.NEW:
            return replace(case, ended=_Ended.SKIPPED, why="new: the baseline does not have it yet")
        case Verdict.IMPROVED | Verdict.UNCHANGED:
            return case
        case _:
            assert_never(each.verdict)


def _threshold(each: ThresholdResult) -> _Case:
    measured = wording.value(each.value, label_and_unit(each.metric)[1])
    name, details = f"{each.metric} {each.expression}", (f"measured: {measured}",)
    if not each.crossed:
        return _Case("thresholds", name, details=details)
    return _Case("thresholds", name, _Ended.FAILURE, f"threshold crossed: measured {measured}", details)


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    """Where it comes from; what is not known is left out."""
    result, comparison = report.result, report.comparison
    yield from {"decision": report.decision.value, "headline": report.headline}.items()
    for record in (result.provenance, result.fingerprint):
        fields = record.model_dump(mode="json", exclude={"injections", "parts"}, exclude_none=True)
        yield from (
            (name, value if isinstance(value, str) else json.dumps(value)) for name, value in fields.items()
        )
    yield from ((f"injected.{knob}", f"{value:g}") for knob, value in result.provenance.injections.items())
    yield from ((f"part.{name}", text) for name, text in result.fingerprint.parts.items())
    yield "baseline_runs", str(comparison.baseline_runs)
    if comparison.newest_baseline_commit is not None:
        yield "newest_baseline_commit", comparison.newest_baseline_commit


def _seconds(time_s: float) -> str:
    return f"{time_s:.3f}"
