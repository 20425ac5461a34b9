"""The format `junit` of probes: a test case for each rule. A finding is a failure."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator

from bench.core.probe.probe_result import ProbeReport, ProbeResult, ProbeStatus
from bench.core.probe.probe_words import describe_status, headline
from bench.core.values.escape import escape_xml
from bench.render.document.format import ProbeInput
from bench.render.document.junit_suite import JunitCase, JunitStatus, suite_element, write_suites


def render_probe(probe: ProbeInput) -> Iterator[str]:
    """Yield the report."""
    report = probe.report
    element = suite_element(f"probe.{report.stack}", [_make_case(result) for result in report.results])
    element.set("timestamp", f"{report.started_at:%Y-%m-%dT%H:%M:%S}")
    element.set("time", f"{report.elapsed_s:.3f}")
    properties = ET.Element("properties")
    for name, value in _list_properties(report):
        ET.SubElement(properties, "property", name=name, value=escape_xml(value))
    element.insert(0, properties)
    yield write_suites("bench probe", [element])


def _make_case(result: ProbeResult) -> JunitCase:
    group = result.rule.partition("-")[0]
    details = (
        f"severity: {result.severity.value}",
        f"request: {result.request}",
        f"expected: {result.expected}",
        f"actual: {result.actual}",
        f"references: {', '.join(filter(None, [result.cwe, result.owasp]))}",
    )
    match result.status:
        case ProbeStatus.PASSED:
            return JunitCase(group, result.rule, details=details)
        case ProbeStatus.FINDING:
            message = f"{result.severity.value}: {result.title}: got {result.actual}"
            return JunitCase(
                group, result.rule, JunitStatus.FAILURE, message, (*details, f"cure: {result.cure}")
            )
        case _:
            message = f"{describe_status(result.status)}: {result.actual}"
            return JunitCase(group, result.rule, JunitStatus.SKIPPED, message, details)


def _list_properties(report: ProbeReport) -> Iterator[tuple[str, str]]:
    yield "headline", headline(report)
    yield "stack", report.stack
    yield "target", report.target
    yield "url", report.url
    yield "requests", str(report.requests)
