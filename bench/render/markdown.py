"""The format `markdown`: reports in GitHub's Markdown, for a file, a job summary or a comment."""

from collections.abc import Iterator

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from bench.core.history.trend import Trend
from bench.core.report.not_measured import NotMeasured
from bench.core.report.report import Report
from bench.core.report.suite import SuiteReport
from bench.core.report.words import ICONS, Tone, find_word
from bench.core.values.escape import escape_markdown, escape_markdown_cell
from bench.render.document.document import Document, make_document
from bench.render.document.format import RunInput, SuiteInput, TrendInput
from bench.render.document.table import Table
from bench.render.document.trend import make_trend_document
from bench.render.mermaid import tiers_chart


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the report on a run."""
    yield run_markdown(run.report)


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the report on a suite."""
    yield suite_markdown(suite.report)


def render_trends(trends: TrendInput) -> Iterator[str]:
    """Yield the trends, with an empty line between two."""
    yield "\n".join(map(trend_markdown, trends.trends))


def run_markdown(report: Report) -> str:
    """Return the report on a run; text from outside is escaped."""
    return document_markdown(make_document(report), tiers_chart(report))


def suite_markdown(suite: SuiteReport) -> str:
    """Return the decision on a suite, then the report on each run."""
    lines = [f"# {ICONS[suite.word.tone]} {escape_markdown(suite.headline)}", ""]
    for reason in suite.reasons:
        lines.append(f"- {escape_markdown(reason)}")
    for failure in suite.not_measured:
        lines += _log_lines(failure)
    runs = "\n".join(map(run_markdown, suite.reports))
    return "\n".join(lines) + "\n\n" + runs


def _log_lines(failure: NotMeasured) -> list[str]:
    """Return the end of the log of a scenario that was not measured."""
    if not failure.log:
        return []
    lines = ["", f"The end of the log of {escape_markdown(failure.scenario)}:", ""]
    for line in failure.log:
        lines.append(f"- {escape_markdown(line)}")
    return lines


def trend_markdown(trend: Trend) -> str:
    """Return the report on a trend; text from outside is escaped."""
    return document_markdown(make_trend_document(trend))


def document_markdown(document: Document, chart: str = "") -> str:
    """Return a document as Markdown that ends in a newline; text from outside is escaped.

    Args:
        document: The document.
        chart: A block of Markdown that is inserted below the comparison. It is not escaped.
    """
    page = template("report.md.j2")
    return page.render(document=document, chart=chart, icon=ICONS[document.word.tone]).strip() + "\n"


def template(name: str) -> Template:
    """Return a template of Markdown, with the filters `escape`, `cell`, `result` and `alignment`."""
    return _ENVIRONMENT.get_template(name)


def alignment(table: Table) -> str:
    """Return the line below a table's head, which aligns numbers to the right."""
    inner = ["---:"] * (len(table.columns) - 2)
    return f"| :--- | {' | '.join([*inner, ':---'])} |"


def result_cell(text: str) -> str:
    """Return the last cell of a row: a result gets the icon of its tone, except if it needs no attention."""
    word = find_word(text)
    icon = "" if word is None or word.tone is Tone.QUIET else f"{ICONS[word.tone]} "
    return icon + escape_markdown_cell(text)


def _make_environment() -> Environment:
    # The filters escape for Markdown. HTML's escaping would show its entities in code.
    environment = Environment(  # noqa: S701 - see above
        loader=PackageLoader("bench.render"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        escape=escape_markdown, cell=escape_markdown_cell, result=result_cell, alignment=alignment
    )
    return environment


_ENVIRONMENT = _make_environment()
