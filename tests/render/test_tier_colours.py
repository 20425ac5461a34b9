"""The colours of tiers on a page."""

import re

import pytest

from bench.core.report.report import make_report
from bench.core.samples.metrics import UNATTRIBUTED
from bench.core.verdict.compare import compare
from bench.render.html.assets import load_assets
from bench.render.html.page import render_page
from bench.render.html.tier_colours import HATCHED, UNATTRIBUTED_COLOUR, colour_tiers
from tests.factories import TIER_TIMES, run_at
from tests.render.drawn import regressed
from tests.render.reports import reports


def test_each_tier_has_a_colour_of_its_own_and_two_runs_of_a_stack_agree() -> None:
    """A tier keeps its colour if it is missing in one run; unattributed time is grey."""
    colours = colour_tiers(reports()["regression"])
    assert len({colours[name] for name in TIER_TIMES}) == len(TIER_TIMES)
    assert colours[UNATTRIBUTED] == UNATTRIBUTED_COLOUR
    assert colour_tiers(reports()["missing"]) == colours


@pytest.mark.parametrize("count", [1, 7, 8, 14])
def test_no_two_tiers_look_the_same(count: int) -> None:
    """Seven tiers have a colour of their own, further ones a hatched one, and none the grey."""
    run = run_at(tier_times={f"tier{number:02}": 10.0 for number in range(count)})
    colours = dict(colour_tiers(make_report(run, compare(run, None))))
    del colours[UNATTRIBUTED]
    looks = set(colours.values())
    assert len(looks) == count
    assert UNATTRIBUTED_COLOUR not in looks
    assert len([look for look in looks if look >= HATCHED]) == max(0, count - 7)


def test_every_look_has_a_style_and_a_pattern() -> None:
    """Each number of a colour has its class in the style sheets, and a hatched one its pattern."""
    names = [f"tier{number:02}" for number in range(20)]
    style = load_assets().style
    page = render_page(*regressed())
    for look in {*colour_tiers(reports()["all-failed"], names).values()}:
        assert f".c{look} {{ fill:" in style
        assert f".swatch.c{look} {{ background:" in style
        if look >= HATCHED:
            assert f'<pattern id="hatch{look - HATCHED}"' in page


def test_the_stripes_of_a_sample_have_the_direction_of_its_areas() -> None:
    """A pattern turns vertical stripes; a gradient has its stripes across its angle, which mirrors them."""
    turns = re.findall(
        r'<pattern id="hatch\d+"[^>]*patternTransform="rotate\((-?\d+)\)"', render_page(*regressed())
    )
    angles = re.findall(
        r"\.swatch\.c\d+ \{ background: repeating-linear-gradient\((-?\d+)deg", load_assets().style
    )
    assert {*map(int, turns)} == {45}
    assert {*map(int, angles)} == {-45}


@pytest.mark.parametrize("idle_ms", [0.0, 0.01])
def test_the_longest_tiers_have_plain_colours(idle_ms: float) -> None:
    """Of eight tiers, the one that took the least time is hatched."""
    run = run_at(tier_times={f"tier{number}": 10.0 for number in range(7)} | {"idle": idle_ms})
    colours = colour_tiers(make_report(run, compare(run, None)))
    assert [name for name, look in colours.items() if look >= HATCHED] == ["idle"]
