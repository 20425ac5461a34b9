"""The format `junit`: a judged run as test cases, one for each deciding metric and each threshold."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from dataclasses import replace
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
from bench.render.document.capacity import CapacityDocument, make_capacity_document
from bench.render.document.document import comparison_table, message_table
from bench.render.document.format import RunInput, SuiteInput
from bench.render.document.junit_suite import JunitCase, JunitStatus, suite_element, write_suites
from bench.render.document.table import Table


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the report on a run."""
    yield run_junit(run.report)


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the report on a suite."""
    yield suite_junit(suite.report)


def run_junit(report: Report) -> str:
    """Return the report on a run. It has a failure or an error exactly if the run failed or is invalid."""
    return write_suites(report.result.scenario.name, [_run_element(report, None)])


def suite_junit(suite: SuiteReport) -> str:
    """Return the reports on all runs. A scenario that was not measured is an error."""
    elements = []
    for report in suite.reports:
        elements.append(_run_element(report, suite.excused.get(report.result.scenario.name)))
    for failure in suite.not_measured:
        case = JunitCase("", "measurement", JunitStatus.ERROR, str(failure), failure.log)
        elements.append(suite_element(failure.scenario, [case]))
    return write_suites("bench", elements)


def _run_element(report: Report, excuse: str | None) -> ET.Element:
    """Return the test suite of a run.

    Args:
        report: The judged run.
        excuse: Why the suite does not blame the version for the run's regressions; None if it does.
    """
    element = suite_element(report.result.scenario.name, _make_cases(report, excuse))
    element.set("timestamp", f"{report.result.provenance.started_at:%Y-%m-%dT%H:%M:%S}")
    properties = ET.Element("properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=escape_xml(name), value=escape_xml(value))
    element.insert(0, properties)
    return element


def _make_cases(report: Report, excuse: str | None) -> list[JunitCase]:
    comparison = report.comparison
    result = report.result
    summary = result.summary
    observed = (
        *describe_unanswered(summary.unanswered, summary.requests),
        *describe_stalls(summary.stalls, summary.stall_effect),
    )
    run = JunitCase("", "measurement", details=observed, time_s=max(0.0, summary.elapsed_s))
    cases = [
        *map(_capacity_case, filter(None, [make_capacity_document(result)])),
        *_metric_cases("baseline", comparison.metrics),
        *_metric_cases("pinned", comparison.against_pinned),
        *map(_message_case, comparison.messages),
        *map(_vanished_case, comparison.vanished_messages),
        *(map(_threshold_case, result.thresholds)),
    ]
    if report.decision is Decision.INVALID:
        run = replace(
            run, status=JunitStatus.ERROR, message=report.headline, details=(*comparison.reasons, *observed)
        )
        return [
            run,
            *(replace(case, status=JunitStatus.SKIPPED, message="the run is invalid") for case in cases),
        ]
    if not comparison.metrics:
        reasons = "; ".join(comparison.reasons)
        cases.append(JunitCase("baseline", "comparison", JunitStatus.SKIPPED, f"not compared: {reasons}"))
    if excuse is None and report.decision is not Decision.FAIL:
        excuse = "; ".join(comparison.reasons)
    if excuse is not None:
        # The run did not fail, so a tool that counts failures must not find one.
        cases = [_skip_failure(case, excuse) for case in cases]
    return [run, *cases]


def _capacity_case(document: CapacityDocument) -> JunitCase:
    """Return the case of a safe load; only its comparison with a baseline can fail a run."""
    details = [f"{label}: {text}" for label, text in document.facts]
    for row in document.trials.rows:
        cells = zip(document.trials.columns, row, strict=True)
        details.append(", ".join(f"{name}: {text}" for name, text in cells))
    case = JunitCase("capacity", "safe load", details=(document.answer, *details))
    if document.has_safe_load:
        return case
    return replace(case, status=JunitStatus.SKIPPED, message=document.answer)


def _skip_failure(case: JunitCase, excuse: str) -> JunitCase:
    if case.status is not JunitStatus.FAILURE:
        return case
    return replace(case, status=JunitStatus.SKIPPED, message=f"{case.message}; {excuse}")


def _metric_cases(group: str, rows: Iterable[MetricComparison]) -> list[JunitCase]:
    return [_metric_case(group, row) for row in rows if row.gates]


def _metric_case(group: str, row: MetricComparison) -> JunitCase:
    table = comparison_table("", "metric", [row])
    label = table.rows[0][0]
    case = JunitCase(group, row.key, details=_describe_row(table))
    match row.verdict:
        case Verdict.WORSE:
            return replace(case, status=JunitStatus.FAILURE, message=describe_metric(row))
        case Verdict.MISSING:
            return replace(
                case, status=JunitStatus.FAILURE, message=f"{label} is missing: the baseline has it"
            )
        case Verdict.INCONCLUSIVE:
            return replace(
                case, status=JunitStatus.SKIPPED, message=f"cannot tell: {explain_inconclusive(row)}"
            )
        case Verdict.NEW:
            return replace(case, status=JunitStatus.SKIPPED, message="new: the baseline does not have it")
        case Verdict.BETTER | Verdict.UNCHANGED | Verdict.WITHIN_TOLERANCE:
            return case
        case _:
            assert_never(row.verdict)


def _describe_row(table: Table) -> tuple[str, ...]:
    """Return the cells of a table's only row, one line each."""
    return tuple(f"{name}: {text}" for name, text in zip(table.columns, table.rows[0], strict=True))


def _message_case(row: MessageComparison) -> JunitCase:
    """Return the case of a message or of a class; only a worse one fails the run."""
    name = f"{row.kind} {row.name} {row.key}"
    case = JunitCase("messages", name, details=_describe_row(message_table([row])))
    if row.verdict is not Verdict.WORSE:
        return case
    return replace(case, status=JunitStatus.FAILURE, message=describe_messages([row], 0, ()))


def _vanished_case(name: str) -> JunitCase:
    return JunitCase("messages", f"message {name}", JunitStatus.FAILURE, "the message has no answer any more")


def _threshold_case(threshold: ThresholdResult) -> JunitCase:
    measured = threshold.measured
    case = JunitCase(
        "thresholds", f"{threshold.metric} {threshold.expression}", details=(f"measured: {measured}",)
    )
    if not threshold.crossed:
        return case
    return replace(case, status=JunitStatus.FAILURE, message=f"threshold crossed: measured {measured}")


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
