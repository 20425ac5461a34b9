"""Several runs side by side in the formats without a page."""

import csv
import io
import json
import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from bench.render.document.format import Terminal
from bench.render.formats import SIDE_BY_SIDE_FORMATS
from tests.render.side_runs import SETS, RunSet

LINES = 25


def write(name: str, runs: RunSet, *, width: int = 80, lines: int | None = None, colour: bool = False) -> str:
    """Return a report."""
    given = runs.given(Terminal(width, colour), lines)
    return "".join(SIDE_BY_SIDE_FORMATS[name].render(given))


@pytest.mark.parametrize("name", SETS)
def test_the_terminal_shows_each_kind_of_set(name: str, golden: Callable[[str, str], None]) -> None:
    """The short text for 80 columns equals the approved file, and fits a screen of 25 lines."""
    text = write("text", SETS[name](), lines=LINES)
    golden(f"side-by-side-{name}.txt", text)
    assert len(text.splitlines()) <= LINES
    assert max(map(cell_len, text.splitlines())) <= 80


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("width", [40, 47, 60, 80, 120])
def test_every_text_fits_its_width(name: str, width: int) -> None:
    """No line is wider than the terminal, whatever is left out."""
    for lines in (LINES, None):
        text = write("text", SETS[name](), width=width, lines=lines)
        assert lines is None or len(text.splitlines()) <= lines
        assert max(map(cell_len, text.splitlines())) <= width
        assert "\x1b" not in text


@pytest.mark.parametrize("name", SETS)
def test_the_complete_text_has_every_metric_and_condition(name: str) -> None:
    """With `--verbose`, no row is left out."""
    side = SETS[name]().report
    text = write("text", SETS[name](), width=400)
    assert "--verbose" not in text
    for row in side.metrics:
        assert row.label[:20] in text
    for condition in side.differing:
        assert condition.name[:20] in text


def test_what_has_no_room_is_counted() -> None:
    """A short report states how many metrics, differences and warnings it leaves out."""
    side = SETS["other-load"]().report
    text = write("text", SETS["other-load"](), lines=LINES)
    found = re.search(r"(\d+) more metrics and (\d+) more differences: --verbose", text)
    assert found is not None
    shown = len(
        re.findall(
            r"^(?:(?:mean |p\d\d )?(?:response time|time to)|time in|unattributed|processor|success)",
            text,
            re.MULTILINE,
        )
    )
    assert int(found[1]) + shown == len(side.metrics)


def test_colours_are_optional_and_hostile_text_steers_no_terminal() -> None:
    """Names from outside reach the terminal without control characters and on their own line."""
    for colour in (True, False):
        text = write("text", SETS["hostile"](), colour=colour, lines=LINES)
        assert "\x1b[31m" not in text
    assert "\x1b" not in write("text", SETS["hostile"]())


@pytest.mark.parametrize("name", SETS)
def test_markdown_shows_each_kind_of_set(name: str, golden: Callable[[str, str], None]) -> None:
    """The Markdown equals the approved file."""
    golden(f"side-by-side-{name}.md", write("markdown", SETS[name]()))


def test_hostile_text_stays_text_in_markdown() -> None:
    """A name contains no tag, and ends no cell."""
    text = write("markdown", SETS["hostile"]())
    assert not re.search(r"(?<!\\)<(?!/?details|/?summary)", text)
    heads = [line for line in text.splitlines() if line.startswith("| condition |")]
    (head,) = heads
    rows = text.partition(head)[2].splitlines()[2:]
    for row in rows:
        if row.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", row)) == 4


@pytest.mark.parametrize("name", SETS)
def test_csv_has_a_row_for_each_value(name: str) -> None:
    """Each value of each run is a row with numbers; no cell is a formula."""
    side = SETS[name]().report
    rows = list(csv.DictReader(io.StringIO(write("csv", SETS[name]()))))
    values = [value for row in side.metrics for value in row.values if value is not None]
    assert [float(row["value"]) for row in rows] == pytest.approx([value.value for value in values])
    for row in rows:
        for name_of_cell, cell in row.items():
            if name_of_cell not in {"value", "low", "high", "difference", "difference_ratio"}:
                assert not cell.startswith(("=", "+", "-", "@"))


@pytest.mark.parametrize("name", SETS)
def test_json_is_the_report(name: str) -> None:
    """The JSON is that of the schema `side-by-side`."""
    content = json.loads(write("json", SETS[name]()))
    assert content == json.loads(SETS[name]().report.model_dump_json())
