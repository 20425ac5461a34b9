"""The format `junit`: a judged run as test cases, one for each deciding metric and each threshold.

JUnit XML has no standard. This file follows Jenkins' schema (junit-10.xsd), which GitLab, Azure and actions
for GitHub read too: failures, errors and skipped cases with a message, properties, times in seconds.
"""

import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from bench.core.limits.judge import ThresholdResult
from bench.core.report.report import Report
from bench.core.report.sentences import describe_messages, describe_metric
from bench.core.report.suite import SuiteReport
from bench.core.run.stall_effect import describe_stalls
from bench.core.run.unanswered import describe_unanswered
from bench.core.values.escape import escape_xml
from bench.core.verdict.compare import Decision, explain_inconclusive
from bench.core.verdict.message_comparison import MessageComparison
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.render.document.document import comparison_table, message_table
from bench.render.document.format import RunInput, SuiteInput
from bench.render.document.table import Table


class _Status(StrEnum):
    """The status of a case, by the name of its element."""

    PASSED = "passed"
    """Has no element."""
    FAILURE = "failure"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class _Case:
    """A test case."""

    group: str
    """`baseline`, `pinned`, `messages` or `thresholds`; empty for the run itself."""
    name: str
    """The metric, or the metric with its threshold."""
    status: _Status = _Status.PASSED
    """The result."""
    message: str = ""
    """The reason in one sentence, for a case that did not pass."""
    details: tuple[str, ...] = ()
    """Numbers, one line each."""
    time_s: float = 0.0
    """Duration."""


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the report on a run."""
    yield run_junit(run.report)


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the report on a suite."""
    yield suite_junit(suite.report)


def run_junit(report: Report) -> str:
    """Return the report on a run. It has a failure or an error exactly if the run failed or is invalid."""
    return _write(report.result.scenario.name, [_run_element(report, None)])


def suite_junit(suite: SuiteReport) -> str:
    """Return the reports on all runs. A scenario that was not measured is an error."""
    elements = []
    for report in suite.reports:
        elements.append(_run_element(report, suite.excused.get(report.result.scenario.name)))
    for failure in suite.not_measured:
        case = _Case("", "measurement", _Status.ERROR, str(failure), failure.log)
        elements.append(_suite_element(failure.scenario, [case]))
    return _write("bench", elements)


def _write(name: str, elements: Sequence[ET.Element]) -> str:
    root = ET.Element("testsuites", name=escape_xml(name), time=_seconds(_sum("time", elements)))
    # The schema allows `skipped` in a test suite only.
    for attribute in ("tests", "failures", "errors"):
        root.set(attribute, f"{_sum(attribute, elements):.0f}")
    root.extend(elements)
    ET.indent(root, " ")
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text.decode() + "\n"


def _sum(attribute: str, elements: Iterable[ET.Element]) -> float:
    return sum(float(element.attrib[attribute]) for element in elements)


def _run_element(report: Report, excuse: str | None) -> ET.Element:
    """Return the test suite of a run.

    Args:
        report: The judged run.
        excuse: Why the suite does not blame the version for the run's regressions; None if it does.
    """
    element = _suite_element(report.result.scenario.name, _make_cases(report, excuse))
    element.set("timestamp", f"{report.result.provenance.started_at:%Y-%m-%dT%H:%M:%S}")
    properties = ET.Element("properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=escape_xml(name), value=escape_xml(value))
    element.insert(0, properties)
    return element


def _suite_element(name: str, cases: Sequence[_Case]) -> ET.Element:
    counts: Counter[_Status] = Counter()
    time_s = 0.0
    for case in cases:
        counts[case.status] += 1
        time_s += case.time_s
    element = ET.Element(
        "testsuite",
        name=escape_xml(name),
        time=_seconds(time_s),
        tests=str(len(cases)),
        failures=str(counts[_Status.FAILURE]),
        errors=str(counts[_Status.ERROR]),
        skipped=str(counts[_Status.SKIPPED]),
    )
    for case in cases:
        element.append(_case_element(name, case))
    return element


def _case_element(scenario: str, case: _Case) -> ET.Element:
    classname = f"{scenario}.{case.group}" if case.group else scenario
    element = ET.Element(
        "testcase",
        name=escape_xml(case.name),
        classname=escape_xml(classname),
        time=_seconds(case.time_s),
    )
    details = "\n".join(map(escape_xml, case.details))
    if case.status is not _Status.PASSED:
        status = ET.SubElement(element, case.status, message=escape_xml(case.message))
        status.text = details
    elif details:
        ET.SubElement(element, "system-out").text = details
    return element


def _make_cases(report: Report, excuse: str | None) -> list[_Case]:
    comparison = report.comparison
    result = report.result
    summary = result.summary
    observed = (
        *describe_unanswered(summary.unanswered, summary.requests),
        *describe_stalls(summary.stalls, summary.stall_effect),
    )
    run = _Case("", "measurement", details=observed, time_s=max(0.0, summary.elapsed_s))
    cases = [
        *_metric_cases("baseline", comparison.metrics),
        *_metric_cases("pinned", comparison.against_pinned),
        *map(_message_case, comparison.messages),
        *map(_vanished_case, comparison.vanished_messages),
        *(map(_threshold_case, result.thresholds)),
    ]
    if report.decision is Decision.INVALID:
        run = replace(
            run, status=_Status.ERROR, message=report.headline, details=(*comparison.reasons, *observed)
        )
        return [run, *(replace(case, status=_Status.SKIPPED, message="the run is invalid") for case in cases)]
    if not comparison.metrics:
        reasons = "; ".join(comparison.reasons)
        cases.append(_Case("baseline", "comparison", _Status.SKIPPED, f"not compared: {reasons}"))
    if excuse is None and report.decision is not Decision.FAIL:
        excuse = "; ".join(comparison.reasons)
    if excuse is not None:
        # The run did not fail, so a tool that counts failures must not find one.
        cases = [_skip_failure(case, excuse) for case in cases]
    return [run, *cases]


def _skip_failure(case: _Case, excuse: str) -> _Case:
    if case.status is not _Status.FAILURE:
        return case
    return replace(case, status=_Status.SKIPPED, message=f"{case.message}; {excuse}")


def _metric_cases(group: str, rows: Iterable[MetricComparison]) -> list[_Case]:
    return [_metric_case(group, row) for row in rows if row.gates]


def _metric_case(group: str, row: MetricComparison) -> _Case:
    table = comparison_table("", "metric", [row])
    label = table.rows[0][0]
    case = _Case(group, row.key, details=_describe_row(table))
    match row.verdict:
        case Verdict.WORSE:
            return replace(case, status=_Status.FAILURE, message=describe_metric(row))
        case Verdict.MISSING:
            return replace(case, status=_Status.FAILURE, message=f"{label} is missing: the baseline has it")
        case Verdict.INCONCLUSIVE:
            return replace(case, status=_Status.SKIPPED, message=f"cannot tell: {explain_inconclusive(row)}")
        case Verdict.NEW:
            return replace(case, status=_Status.SKIPPED, message="new: the baseline does not have it")
        case Verdict.BETTER | Verdict.UNCHANGED | Verdict.WITHIN_TOLERANCE:
            return case
        case _:
            assert_never(row.verdict)


def _describe_row(table: Table) -> tuple[str, ...]:
    """Return the cells of a table's only row, one line each."""
    return tuple(f"{name}: {text}" for name, text in zip(table.columns, table.rows[0], strict=True))


def _message_case(row: MessageComparison) -> _Case:
    """Return the case of a message or of a class; only a worse one fails the run."""
    name = f"{row.kind} {row.name} {row.key}"
    case = _Case("messages", name, details=_describe_row(message_table([row])))
    if row.verdict is not Verdict.WORSE:
        return case
    return replace(case, status=_Status.FAILURE, message=describe_messages([row], 0, ()))


def _vanished_case(name: str) -> _Case:
    return _Case("messages", f"message {name}", _Status.FAILURE, "the message has no answer any more")


def _threshold_case(threshold: ThresholdResult) -> _Case:
    measured = threshold.measured
    case = _Case(
        "thresholds", f"{threshold.metric} {threshold.expression}", details=(f"measured: {measured}",)
    )
    if not threshold.crossed:
        return case
    return replace(case, status=_Status.FAILURE, message=f"threshold crossed: measured {measured}")


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    """Yield name and value of each known fact about the origin of the run."""
    result = report.result
    yield "decision", report.decision.value
    yield "headline", report.headline
    for record in (result.provenance, result.fingerprint):
        fields = record.model_dump(mode="json", exclude={"injections", "parts"}, exclude_none=True)
        for name, value in fields.items():
            yield name, value if isinstance(value, str) else json.dumps(value)
    for knob, factor in result.provenance.injections.items():
        yield f"injected.{knob}", f"{factor:g}"
    for name, digest in result.fingerprint.parts.items():
        yield f"part.{name}", digest
    yield "baseline_runs", str(report.comparison.baseline_runs)
    if report.comparison.newest_baseline_commit is not None:
        yield "newest_baseline_commit", report.comparison.newest_baseline_commit


def _seconds(time_s: float) -> str:
    return f"{time_s:.3f}"
