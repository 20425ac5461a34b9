import json
import re
from collections.abc import Callable

import pytest

from bench.core.report.report import Report
from bench.core.values.escape import escape_markdown, escape_markdown_cell
from bench.render.json_ import run_json
from bench.render.markdown import run_markdown
from bench.render.text import run_text
from tests.render.reports import HOSTILE, reports

REPORTS = reports()
DOLLAR = "<span>$</span>"
Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", REPORTS)
def test_the_terminal_shows_each_kind_of_report(name: str, golden: Golden) -> None:
    """The text of each kind of report, for 80 columns, equals the approved file."""
    golden(f"{name}.txt", run_text(REPORTS[name], width=80, colour=False))


@pytest.mark.parametrize("name", REPORTS)
def test_markdown_shows_each_kind_of_report(name: str, golden: Golden) -> None:
    """The Markdown of each kind of report equals the approved file."""
    golden(f"{name}.md", run_markdown(REPORTS[name]))


@pytest.mark.parametrize("name", REPORTS)
def test_json_contains_the_complete_report(name: str) -> None:
    """A report survives a round trip through JSON."""
    text = run_json(REPORTS[name])
    assert Report.model_validate_json(text) == REPORTS[name]
    assert json.loads(text)["headline"] == REPORTS[name].headline


@pytest.mark.parametrize("name", REPORTS)
def test_every_format_contains_the_headline(name: str) -> None:
    """The first words of the headline stand in Markdown and in text."""
    words = re.findall(r"\w+", REPORTS[name].headline.casefold())[:6]
    markdown = run_markdown(REPORTS[name]).splitlines()[0].replace("\\", "").replace("\u200b", "").casefold()
    terminal = " ".join(run_text(REPORTS[name], width=200, colour=False).casefold().split())
    for word in words:
        assert word in markdown
        assert word in terminal


def test_no_terminal_line_is_wider_than_the_terminal() -> None:
    """No line of a report is wider than the terminal."""
    for report in REPORTS.values():
        assert max(map(len, run_text(report, width=80, colour=False).splitlines())) <= 80


def test_colours_are_optional() -> None:
    """ANSI codes are written only if colours are enabled."""
    assert "\x1b[" in run_text(REPORTS["regression"], width=80, colour=True)
    for report in REPORTS.values():
        assert "\x1b" not in run_text(report, width=80, colour=False)


def test_control_characters_do_not_reach_the_terminal() -> None:
    """Control characters in a target's text become spaces, with and without colours."""
    text = run_text(REPORTS["hostile"], width=200, colour=True)
    assert "\x1b[31m\n" not in text
    assert "everyone [x](http://evil.example) `code` | cell  [31m www" in " ".join(text.split("\n"))


def test_hostile_text_stays_text_in_markdown() -> None:
    """A target's text contains no tag, mention, link, image, block of code or cell."""
    text = run_markdown(REPORTS["hostile"])
    assert not re.search(r"(?<!\\)<(?!/?details|/?summary|br>|/?code)", text)
    assert "@everyone" not in text
    assert "http://" not in text
    assert "www.evil" not in text
    assert "[x](" not in text
    rows = [line for line in text.splitlines() if line.startswith("| http\\_error")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows if "500" in row] == [6]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("p(95)<5000", "p(95)\\<5000"),
        ("the tier `backend` grew", "the tier `backend` grew"),
        ("`a|b`", "\\`a\\|b\\`"),
        ("# title", "\\# title"),
        ("1. one", "\\1. one"),
        ("- item", "\\- item"),
        ("see #12 and GH-3", "see #\u200b12 and GH\u200b-3"),
        ("two\r\nlines\u2028three", "two lines three"),
        ("~", "\\~"),
        ("$$x$$ costs $`1`$", f"{DOLLAR * 2}x{DOLLAR * 2} costs {DOLLAR}`1`{DOLLAR}"),
        ("nepo\u202e \u2066to\u200b@\u200bal\ufefflies", "nepo to@\u200ballies"),
        ("``www.a.example`x.y`", "\\`\\`www\\.a.example`x.y`"),
    ],
)
def test_markup_is_escaped(text: str, expected: str) -> None:
    """Each piece of markup loses its meaning, and a name in backticks stays code."""
    assert escape_markdown(text) == expected


def test_a_long_line_is_cut() -> None:
    """A sentence is cut to a thousand characters."""
    assert len(escape_markdown("x" * 10_000)) == 1_001


def test_a_long_cell_is_cut() -> None:
    """A cell is cut to 200 characters."""
    assert len(escape_markdown_cell("x" * 10_000)) == 201


def test_the_hostile_text_is_hostile() -> None:
    """The hostile text contains each piece that the tests above search for."""
    assert all(part in HOSTILE for part in ("<img", "@everyone", "http://", "www.", "\x1b", "|", "`"))
