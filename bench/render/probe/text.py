"""The format `text` of probes: findings completely, all other rules in one line each."""

from collections.abc import Iterator
from textwrap import wrap

from bench.core.probe.probe_result import ProbeReport, ProbeResult, ProbeStatus
from bench.core.probe.probe_words import describe_status, headline
from bench.core.values import wording
from bench.core.values.escape import escape_terminal
from bench.render.document.format import ProbeInput

_RULE_WIDTH = 26
_OTHERS = (
    ProbeStatus.CANNOT_TELL,
    ProbeStatus.NOT_PROMISED,
    ProbeStatus.NOT_APPLICABLE,
    ProbeStatus.PASSED,
)


def render_probe(probe: ProbeInput) -> Iterator[str]:
    """Yield the report."""
    yield "\n".join(_lines(probe.report, probe.terminal.width)) + "\n"


def _lines(report: ProbeReport, width: int) -> Iterator[str]:
    yield from wrap(escape_terminal(headline(report)), width, break_on_hyphens=False)
    for finding in report.findings:
        yield ""
        first = f"{finding.severity.value:<9} {finding.rule}: {finding.title} ({_references(finding)})"
        yield from wrap(first, width, subsequent_indent=" " * 10, break_on_hyphens=False)
        yield from _fields(finding, width)
    for status in _OTHERS:
        rows = report.list_results(status)
        if rows:
            yield ""
            yield f"{describe_status(status)}:"
        for row in rows:
            first = f"  {row.rule:<{_RULE_WIDTH}} "
            yield first + wording.shorten(escape_terminal(row.actual), width - len(first))


def _fields(finding: ProbeResult, width: int) -> Iterator[str]:
    fields = {
        "request": finding.request,
        "expected": finding.expected,
        "actual": finding.actual,
        "cure": finding.cure,
    }
    for name, text in fields.items():
        first = f"{'':10}{name:<9} "
        yield from wrap(
            escape_terminal(text),
            width,
            initial_indent=first,
            subsequent_indent=" " * len(first),
            break_on_hyphens=False,
        )


def _references(finding: ProbeResult) -> str:
    return ", ".join(filter(None, [finding.cwe, finding.owasp])) or "no CWE"
