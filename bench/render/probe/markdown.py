"""The format `markdown` of probes: a table of all rules, for a file or a job summary."""

from collections.abc import Iterator

from bench.core.probe.probe_result import ProbeReport, ProbeStatus
from bench.core.probe.probe_words import describe_status, headline
from bench.core.values.escape import escape_markdown, escape_markdown_cell
from bench.render.document.format import ProbeInput

_ORDER = (
    ProbeStatus.FINDING,
    ProbeStatus.CANNOT_TELL,
    ProbeStatus.NOT_PROMISED,
    ProbeStatus.NOT_APPLICABLE,
    ProbeStatus.PASSED,
)


def render_probe(probe: ProbeInput) -> Iterator[str]:
    """Yield the report."""
    yield "\n".join(_lines(probe.report)) + "\n"


def _lines(report: ProbeReport) -> Iterator[str]:
    yield f"## Probes of {escape_markdown(report.stack)}"
    yield ""
    yield escape_markdown(headline(report)) + "."
    yield ""
    yield "| result | severity | rule | request | expected | actual | references |"
    yield "| :--- | :--- | :--- | :--- | :--- | :--- | :--- |"
    for status in _ORDER:
        rows = report.findings if status is ProbeStatus.FINDING else report.list_results(status)
        for row in rows:
            references = ", ".join(filter(None, [row.cwe, row.owasp]))
            rule = f"`{row.rule}` {row.title}"
            texts = [describe_status(status), row.severity.value, rule]
            texts += [row.request, row.expected, row.actual, references]
            yield "| " + " | ".join(map(escape_markdown_cell, texts)) + " |"
    for finding in report.findings:
        yield ""
        yield f"- `{finding.rule}`: {escape_markdown(finding.cure)}."
