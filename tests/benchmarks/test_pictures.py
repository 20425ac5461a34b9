import re
from pathlib import Path

import pytest

from bench.core.report.words import Tone
from bench.core.verdict.compare import Decision
from bench.render.document.format import SCREEN_COLUMNS, SCREEN_LINES
from benchmarks.pictures.badges import BADGES, draw_badge
from benchmarks.pictures.examples import COMPARISON, RUNS, print_example, quick, render_example, render_site
from benchmarks.pictures.page_pictures import LARGEST, SHOTS
from benchmarks.pictures.world import Change, make_quick_run

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
EXPECTED = {
    "page": (Decision.FAIL, Tone.BAD),
    "page-pass": (Decision.PASS, Tone.GOOD),
    "page-tolerated": (Decision.PASS, Tone.CAUTION),
    "page-cannot-tell": (Decision.INCONCLUSIVE, Tone.UNSURE),
    "page-invalid": (Decision.INVALID, Tone.INVALID),
    "page-errors": (Decision.FAIL, Tone.BAD),
    "capacity": (Decision.INCONCLUSIVE, Tone.UNSURE),
}


@pytest.mark.parametrize("name", RUNS)
def test_a_picture_shows_the_result_of_its_name(name: str) -> None:
    """Each example has the decision and the tone that its picture stands for."""
    report, _ = RUNS[name]()
    assert (report.decision, report.word.tone) == EXPECTED[name]


@pytest.mark.parametrize("name", BADGES)
def test_the_documentation_shows_the_present_badges(name: str) -> None:
    """`python -m benchmarks.pictures pages` changes no badge."""
    assert (PICTURES / name).read_text(encoding="utf-8") == draw_badge(name)


def test_an_example_is_computed_without_chance() -> None:
    """The same example gives the same page, so a picture changes only with the renderer."""
    assert render_example("page") == render_example("page")
    first, _ = make_quick_run(quick(), Change(), 3)
    again, _ = make_quick_run(quick(), Change(), 3)
    assert first == again


def test_each_picture_is_small_and_used() -> None:
    """A picture has at most 200 kB, and a page of the documentation shows it."""
    text = "".join(page.read_text(encoding="utf-8") for page in PICTURES.parent.rglob("*.md"))
    for name in {*SHOTS, *BADGES}:
        assert (PICTURES / name).stat().st_size <= LARGEST, name
        assert f"pictures/{name})" in text, name


def test_a_terminal_shows_the_report_on_one_screen() -> None:
    """The drawn report has at most 25 lines of 80 columns, in colours."""
    text = print_example("page")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert plain != text
    assert len(plain.rstrip().splitlines()) <= SCREEN_LINES
    assert max(map(len, plain.splitlines())) <= SCREEN_COLUMNS


def test_each_picture_has_a_page() -> None:
    """A picture is taken of an example, or of a page of the site."""
    pages = {*RUNS, COMPARISON, *render_site()}
    assert {shot.page for shot in SHOTS.values()} <= pages
