"""Where to look next: the compared versions, the page, and the commands for all numbers."""

import shlex

from rich.cells import cell_len
from rich.text import Text

from bench.core.report.affected import CONFIRMED, describe_since, is_worse
from bench.core.report.report import Report
from bench.core.report.reproduce import describe_reproduction
from bench.render.document.format import ShortLayout
from bench.render.short.block import LineBlock, Rank, clean, wrap_text

_LABEL = 10
"""Columns of a label."""
_COMMIT = 9
_LONGEST_PLACE = 2
"""Lines of a path or a command; a cut one would be useless."""


def list_places(report: Report, layout: ShortLayout, width: int) -> LineBlock:
    """Return a line for the compared versions, and the lines that lead to more."""
    places = {
        "since" if is_worse(report) else "base": describe_versions(report, width - _LABEL),
        **list_commands(layout),
        **_find_confirmed(report, layout),
        "again": _measure_again(report),
    }
    lines: list[Text] = []
    for label, text in places.items():
        if text:
            lines += place_lines(label, text, width)
    return LineBlock(tuple(lines), rank=Rank.PLACES, least=len(lines))


def _find_confirmed(report: Report, layout: ShortLayout) -> dict[str, str]:
    """Return the file with the numbers of both runs; `bench report` judges the first one alone."""
    if report.comparison.confirmed_by is None or layout.folder is None or layout.page is None:
        return {}
    return {"numbers": f"{layout.folder}/report.md"}


def _measure_again(report: Report) -> str:
    """Return the command that measures the run again."""
    return describe_reproduction(report).commands[-1]


def list_commands(layout: ShortLayout) -> dict[str, str]:
    """Return the page, the command that prints all numbers, and the one that measures again, by label."""
    report = "" if layout.folder is None else f"bench report {shlex.quote(layout.folder)}"
    page = layout.page or (f"{report} --out html" if report else "")
    return {"page": page, "numbers": f"{report} --verbose" if report else ""}


def describe_versions(report: Report, width: int) -> str:
    """Return since when the run is worse, or its base, with the measured commit if there is space for it."""
    since = describe_since(report)
    if cell_len(since) > width:
        since = since.removesuffix(f", {CONFIRMED}")
    commit = report.result.provenance.commit
    if not since or commit is None:
        return since
    both = f"{since}; now {commit[:_COMMIT]}"
    return both if cell_len(both) <= width else since


def place_lines(label: str, text: str, width: int) -> list[Text]:
    """Return a label with a text beside it, on a narrow terminal below it."""
    lines = wrap_text(Text(clean(text)), max(1, width - _LABEL), _LONGEST_PLACE)
    placed = []
    for number, line in enumerate(lines):
        heading = label if number == 0 else ""
        placed.append(Text.assemble((f"{heading:<{_LABEL}}", "dim"), line))
    return placed
