"""A short report fits a screen, answers first, and contradicts no complete report."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.text import Text

from bench.core.report.affected import find_decisive_row
from bench.core.report.report import Report, make_report
from bench.core.report.words import sign_unanswered
from bench.core.run.result import RunResult
from bench.core.verdict.compare import Decision
from bench.core.verdict.verdict import Verdict
from bench.render.document.format import SCREEN_LINES, ShortLayout, Terminal
from bench.render.results import results_text
from bench.render.short.block import LineBlock, Rank, fit
from bench.render.short.change_bar import (
    DRAWN,
    FULL,
    HIGH,
    LESS,
    LOW,
    MORE,
    POINT,
    ZERO,
    DrawnChange,
    draw_axis,
    draw_change,
    draw_tier,
    find_scale,
)
from bench.render.short.run import short_run_text
from bench.render.short.suite import short_suite_text
from tests.render.capacities import capacities, run_with
from tests.render.reports import make_row, reports, suites
from tests.render.short_reports import all_reports, all_suites

FOLDER = "results/20260105T120000Z-quick-0000"
LAYOUT = ShortLayout(folder=FOLDER, page=f"{FOLDER}/report.html")
WIDTHS = (80, 60, 40, 20)
REPORTS = all_reports()
SUITES = all_suites()
Golden = Callable[[str, str], None]


def short_text(report: Report, *, width: int = 80, colour: bool = False) -> str:
    """Return the short report on a run."""
    return short_run_text(report, LAYOUT, width=width, colour=colour)


def check_size(text: str, width: int, lines: int = SCREEN_LINES) -> None:
    """Check that a text has at most this number of lines, none of which wraps."""
    shown = text.splitlines()
    assert len(shown) <= lines, text
    assert text.endswith("\n")
    for line in shown:
        assert cell_len(line) <= width, line
        assert line.isprintable(), line


@pytest.mark.parametrize("width", WIDTHS)
def test_every_report_fits_a_screen(width: int) -> None:
    """Any report on a run has at most 25 lines on a terminal of any width, and no line wraps."""
    for report in REPORTS.values():
        for lines in (SCREEN_LINES, 10):
            layout = replace(LAYOUT, lines=lines)
            check_size(short_run_text(report, layout, width=width, colour=False), width, lines)


@pytest.mark.parametrize("width", WIDTHS)
def test_every_suite_fits_a_screen(width: int) -> None:
    """A suite of 100 scenarios has at most 25 lines, too."""
    for suite in SUITES.values():
        check_size(short_suite_text(suite, LAYOUT, width=width, colour=False), width)


def _results() -> Iterator[RunResult]:
    for name, report in REPORTS.items():
        if not name.startswith("random"):
            yield report.result
    for capacity in capacities().values():
        yield run_with(capacity)


@pytest.mark.parametrize("width", WIDTHS)
def test_all_results_fit_a_screen(width: int) -> None:
    """The results of a run without a verdict have at most 25 lines, too."""
    for result in _results():
        check_size(results_text(result, Terminal(width, short=LAYOUT)), width)


@pytest.mark.parametrize("name", REPORTS)
def test_the_answer_comes_first(name: str) -> None:
    """The decision and its first words are at the top; page and commands are at the end."""
    report = REPORTS[name]
    text = short_text(report)
    capacity = report.result.capacity
    if capacity is None:
        assert text.startswith(f"{sign_unanswered(report.word)}{report.word.text.upper()}")
    else:
        assert report.word.text.upper() in text
    words = re.findall(r"\w+", report.headline.casefold() if report.headline.isascii() else "")[:4]
    flat = " ".join(text.casefold().split())
    assert all(word in flat for word in words)
    places = [f"page      {LAYOUT.page}", f"numbers   bench report {FOLDER} --verbose"]
    assert "\n".join(places) in text
    assert "\nagain     bench " in text


@pytest.mark.parametrize("name", reports())
def test_short_reports_look_as_they_were_approved(name: str, golden: Golden) -> None:
    """The short text of each kind of report, for 80 columns, equals the approved file."""
    golden(f"short-{name}.txt", short_text(reports()[name]))


@pytest.mark.parametrize("name", suites())
def test_short_suites_look_as_they_were_approved(name: str, golden: Golden) -> None:
    """The short text of a suite equals the approved file."""
    golden(f"short-{name}.txt", short_suite_text(suites()[name], LAYOUT, width=80, colour=False))


@pytest.mark.parametrize("name", ["narrow", "none-met"])
def test_short_searches_look_as_they_were_approved(name: str, golden: Golden) -> None:
    """The short answer of a search equals the approved file."""
    golden(f"short-capacity-{name}.txt", short_text(REPORTS[f"capacity {name}"]))
    results = results_text(run_with(capacities()[name]), Terminal(80, short=LAYOUT))
    golden(f"short-results-capacity-{name}.txt", results)


def test_colours_change_no_letter() -> None:
    """A report with colours has the same letters, and one without them has no control character."""
    for report in reports().values():
        coloured = short_text(report, colour=True)
        assert "\x1b[" in coloured
        assert re.sub(r"\x1b\[[0-9;]*m", "", coloured).split() == short_text(report).split()


def test_worse_rows_are_never_hidden_by_others() -> None:
    """A message that is shown is at least as urgent as each message that is counted."""
    text = short_text(REPORTS["long-messages"])
    assert "class long" in text
    assert "… 13 more: 3 cannot tell, 10 no change" in text


def test_the_decisive_row_has_the_verdict_of_the_run() -> None:
    """The drawn row is worse if the run failed by a change, and unclear if the run has no verdict."""
    for name in ("regression", "long-messages", "drifted", "mixed"):
        row = find_decisive_row(REPORTS[name])
        assert row is not None
        assert row.verdict is Verdict.WORSE
    unclear = find_decisive_row(REPORTS["too-noisy"])
    assert unclear is not None
    assert unclear.verdict is Verdict.INCONCLUSIVE
    assert find_decisive_row(REPORTS["interrupted"]) is None


def _random_changes() -> Iterator[DrawnChange]:
    randoms = random.Random(3)
    for _ in range(300):
        size = 10.0 ** randoms.uniform(-3.0, 3.0)
        middle = randoms.uniform(-1.0, 1.0) * size
        error = randoms.uniform(0.0, 1.0) * size
        yield DrawnChange(middle - error, middle, middle + error, randoms.choice((0.0, 0.1, 1.0, 20.0)))


@pytest.mark.parametrize("width", [7, 12, 41, 60])
def test_a_drawing_keeps_the_order_of_its_numbers(width: int) -> None:
    """Low end, point and high end are in this order, and on the right side of zero."""
    for change in _random_changes():
        scale = find_scale([change])
        assert scale is not None
        line = draw_change(change, scale, width, "").plain
        assert len(line) == width
        point = line.index(POINT)
        assert line.find(LOW) < point
        assert HIGH not in line or line.index(HIGH) > point
        zero = scale.place(0.0, width)
        assert (point - zero) * change.middle >= 0.0
        if ZERO in line:
            assert line.index(ZERO) == zero
        axis = draw_axis(change, scale, width).plain
        assert len(axis) == width
        assert "0" in axis


def test_a_tier_shows_what_it_added_and_what_it_saved() -> None:
    """The bars of base and head have their common part in one style, and the difference in another."""
    assert draw_tier(10.0, 20.0, 20.0, 10).plain == FULL * 5 + MORE * 5
    assert draw_tier(20.0, 10.0, 20.0, 10).plain == FULL * 5 + LESS * 5
    assert draw_tier(0.001, 0.001, 20.0, 10).plain == FULL
    assert draw_tier(None, 20.0, 20.0, 10).plain == MORE * 10


def test_a_drawing_needs_a_known_interval() -> None:
    """Changes without a size have no scale."""
    assert find_scale([None]) is None
    assert find_scale([DrawnChange(0.0, 0.0, 0.0, 0.0)]) is None


def _block(lines: int, rank: Rank, **more: object) -> LineBlock:
    return LineBlock(tuple(Text(f"{rank.name} {number}") for number in range(lines)), rank, **more)  # type: ignore[arg-type]


def test_blocks_share_the_lines_by_rank() -> None:
    """Each block gets its least lines first, then the lower rank gets more; a cut block counts its rest."""
    first = _block(5, Rank.NOTES, describe_rest=lambda rest: f"{rest} more")
    second = _block(5, Rank.VERDICT, least=5)
    lines = [line.plain for line in fit([first, second], 8, 80)]
    assert lines == ["NOTES 0", "NOTES 1", "… 3 more", *(f"VERDICT {number}" for number in range(5))]
    assert [line.plain for line in fit([first, second], 5, 80)] == [f"VERDICT {n}" for n in range(5)]
    assert len(fit([first, second], 11, 80)) == 11
    assert fit([first, second], 11, 80)[5].plain == ""


def test_drawings_use_known_characters() -> None:
    """Every character outside of ASCII that a drawing has is in the list that an encoding can replace."""
    for report in reports().values():
        for letter in short_text(report):
            if "\u2500" <= letter <= "\u25ff":
                assert letter in DRAWN + "▶"


def test_costs_of_services_have_different_names() -> None:
    """The service comes first, since a long name loses its end."""
    keys = [f"service.{name}.{cost}" for name in ("agent", "backend") for cost in ("cpu_ms", "memory_bytes")]
    rows = tuple(make_row(key, Verdict.WORSE, 50.0, 0.4) for key in keys)
    report = REPORTS["tolerated"]
    comparison = report.comparison.model_copy(update={"metrics": rows, "decision": Decision.FAIL})
    text = short_text(make_report(report.result, comparison))
    for name in ("agent CPU time", "agent memory", "backend CPU time", "backend memory"):
        assert f"\n{name} " in text


def test_a_confirmed_run_names_the_file_with_the_numbers_of_both_runs() -> None:
    """`bench report` judges the first run alone, so its numbers may be others."""
    report = REPORTS["regression"]
    confirmed = report.comparison.model_copy(update={"confirmed_by": "20260105T120100Z-quick-0001"})
    text = short_text(make_report(report.result, confirmed))
    assert f"\nnumbers   {FOLDER}/report.md\n" in text
    assert "--verbose" not in text
