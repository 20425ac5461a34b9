"""The colours of tiers on a page."""

import pytest

from bench.core.report.report import make_report
from bench.core.samples.metrics import UNATTRIBUTED
from bench.core.verdict.compare import compare
from bench.render.html.tier_colours import UNATTRIBUTED_COLOUR, colour_tiers
from tests.factories import TIER_TIMES, run_at
from tests.render.reports import reports


def test_each_tier_has_a_colour_of_its_own_and_two_runs_of_a_stack_agree() -> None:
    """A tier keeps its colour if it is missing in one run; unattributed time is grey."""
    colours = colour_tiers(reports()["regression"])
    assert len({colours[name] for name in TIER_TIMES}) == len(TIER_TIMES)
    assert colours[UNATTRIBUTED] == UNATTRIBUTED_COLOUR
    assert colour_tiers(reports()["missing"]) == colours


def test_twenty_tiers_have_colours_and_none_is_that_of_unattributed_time() -> None:
    """Colours repeat, but the grey of unattributed time stays its own."""
    names = [f"tier{number:02}" for number in range(20)]
    colours = colour_tiers(reports()["all-failed"], names)
    assert {colours[name] for name in names} == {*range(UNATTRIBUTED_COLOUR)}


@pytest.mark.parametrize("idle_ms", [0.0, 0.01])
def test_the_longest_tiers_have_different_colours(idle_ms: float) -> None:
    """Of seven tiers, the one that took the least time shares its colour."""
    run = run_at(tier_times=TIER_TIMES | {"idle": idle_ms})
    colours = colour_tiers(make_report(run, compare(run, None)))
    assert len({colours[name] for name in TIER_TIMES}) == len(TIER_TIMES)
