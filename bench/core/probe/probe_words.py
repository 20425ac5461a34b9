"""Words of a report on probes."""

from typing import assert_never

from bench.core.probe.probe_result import ProbeReport, ProbeStatus
from bench.core.values import wording


def headline(report: ProbeReport) -> str:
    """Return the first sentence: `embedded: 2 findings in 36 rules (1 high, 1 low), …`."""
    findings = report.findings
    severities: dict[str, int] = {}
    for finding in findings:
        severities[finding.severity.value] = severities.get(finding.severity.value, 0) + 1
    counts = ", ".join(f"{count} {name}" for name, count in severities.items())
    first = wording.counted(len(findings), "finding") if findings else "no finding"
    parts = [f"{first} in {len(report.results)} rules" + (f" ({counts})" if counts else "")]
    for status in (ProbeStatus.CANNOT_TELL, ProbeStatus.NOT_PROMISED):
        count = len(report.list_results(status))
        if count:
            parts.append(f"{count} {describe_status(status)}")
    sent = f"{wording.counted(report.requests, 'request')} in {wording.duration(1000 * report.elapsed_s)}"
    return f"{report.stack}, target {report.target}: {', '.join(parts)}; {sent}"


def describe_status(status: ProbeStatus) -> str:
    """Return the words of a status."""
    match status:
        case ProbeStatus.FINDING:
            return "finding"
        case ProbeStatus.CANNOT_TELL:
            return "cannot tell"
        case ProbeStatus.NOT_PROMISED:
            return "not promised"
        case ProbeStatus.NOT_APPLICABLE:
            return "not applicable"
        case ProbeStatus.PASSED:
            return "passed"
        case _:
            assert_never(status)
