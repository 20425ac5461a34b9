"""The format `markdown`: reports in GitHub's Markdown, for a file, a job summary or a comment."""

import re
from collections.abc import Iterator, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from bench.core.history.trend import Trend
from bench.core.report.changes import list_changes
from bench.core.report.report import Report
from bench.core.report.suite import SuiteReport
from bench.core.report.words import ICONS, Tone, find_word
from bench.core.values.escape import (
    escape_markdown,
    escape_markdown_cell,
    escape_markdown_element,
    visible_text,
)
from bench.core.values.machine_paths import shorten_paths
from bench.render.document.document import Document, make_document
from bench.render.document.experiment import make_experiment_document
from bench.render.document.format import ExperimentInput, RunInput, SuiteInput, TrendInput
from bench.render.document.table import Table
from bench.render.document.tier_bars import TierBar, make_tier_bars
from bench.render.document.trend import make_trend_document

MOST_CHANGES = 5
"""Changes that stay open in a comment and a job summary."""


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the report on a run."""
    yield run_markdown(run.report)


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the report on a suite."""
    yield suite_markdown(suite.report)


def render_trends(trends: TrendInput) -> Iterator[str]:
    """Yield the trends, with an empty line between two."""
    yield "\n".join(map(trend_markdown, trends.trends))


def render_experiment(experiment: ExperimentInput) -> Iterator[str]:
    """Yield the report on an experiment."""
    yield document_markdown(make_experiment_document(experiment.result))


def run_markdown(report: Report) -> str:
    """Return the report on a run; text from outside is escaped."""
    return document_markdown(make_document(report), make_tier_bars(report))


def suite_markdown(suite: SuiteReport) -> str:
    """Return the verdict on a suite and its changes, then the report on each run."""
    page = template("suite.md.j2")
    text = page.render(suite=suite, icon=ICONS[suite.word.tone], changes=changes_markdown(suite))
    runs = "\n".join(map(run_markdown, suite.reports))
    return f"{tidy(text)}\n{runs}"


def changes_markdown(suite: SuiteReport) -> str:
    """Return at most five rows of changes, the bars of the changed tiers, and the end of each log."""
    changes = list_changes(suite)
    bars = () if suite.lead is None else make_tier_bars(suite.lead)
    return template("changes.md.j2").render(
        changes=changes[:MOST_CHANGES],
        hidden=max(0, len(changes) - MOST_CHANGES),
        has_scenarios=len(suite.reports) + len(suite.not_measured) > 1,
        bars=bars,
        failures=suite.not_measured,
    )


def tidy(text: str) -> str:
    """Return a text that ends in one newline, with at most one empty line between two others."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def trend_markdown(trend: Trend) -> str:
    """Return the report on a trend; text from outside is escaped."""
    return document_markdown(make_trend_document(trend))


def document_markdown(document: Document, bars: Sequence[TierBar] = ()) -> str:
    """Return a document as Markdown that ends in a newline; text from outside is escaped.

    Args:
        document: The document.
        bars: The bars of the tiers that changed.
    """
    page = template("report.md.j2")
    return tidy(page.render(document=document, bars=bars, icon=ICONS[document.word.tone]))


def template(name: str) -> Template:
    """Return a template of Markdown, with the filters of Markdown."""
    return _ENVIRONMENT.get_template(name)


def alignment(table: Table) -> str:
    """Return the line below a table's head, which aligns numbers to the right."""
    inner = ["---:"] * (len(table.columns) - 2)
    return f"| :--- | {' | '.join([*inner, ':---'])} |"


def result_cell(text: str) -> str:
    """Return the last cell of a row: a result gets the icon of its tone, except if it needs no attention."""
    word = find_word(text)
    icon = "" if word is None or word.tone is Tone.QUIET else f"{ICONS[word.tone]} "
    return icon + cell(text)


def escape(text: str) -> str:
    """Return a text from outside for the middle of a line, without paths of the machine that measured."""
    return escape_markdown(shorten_paths(text))


def escape_in_element(text: str) -> str:
    """Return a text from outside for an HTML element that stands in Markdown."""
    return escape_markdown_element(shorten_paths(text))


def cell(text: str) -> str:
    """Return a text from outside for a table's cell."""
    return escape_markdown_cell(shorten_paths(text))


def code_block(lines: Sequence[str]) -> str:
    """Return lines from outside as a block of code, which they cannot end. GitHub finds no mentions in it."""
    visible = [visible_text(shorten_paths(line)) for line in lines]
    longest = max(map(len, re.findall("`+", "\n".join(visible))), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *visible, fence])


def _make_environment() -> Environment:
    # The filters escape for Markdown. HTML's escaping would show its entities in code.
    environment = Environment(  # noqa: S701 - see above
        loader=PackageLoader("bench.render"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        escape=escape,
        element=escape_in_element,
        cell=cell,
        result=result_cell,
        alignment=alignment,
        code_block=code_block,
    )
    environment.globals["icons"] = ICONS
    return environment


_ENVIRONMENT = _make_environment()
