"""The advice that a capacity search gives: experiments for the tier at which the safe load ends."""

from typing import Any

import pytest

from bench.core.experiment.situation import Situation
from bench.core.report.advice import Remedy, describe_advice, give_advice
from bench.core.report.situations import find_situations
from tests.factories import TIER_TIMES
from tests.searches import make_search

BRIEF_QUEUE = TIER_TIMES | {"queue": 1.0}


def situations(**changes: Any) -> dict[Situation, str]:
    """The situations of a search; fields of its answer by name."""
    run = make_search((17, 15, 19), changes=changes, tier_times=BRIEF_QUEUE)
    return {observed.situation: observed.text for observed in find_situations(run)}


def test_the_tier_at_which_the_safe_load_ends_is_a_situation() -> None:
    """Its share over all tried loads may be small: the objective breaks at the larger ones only."""
    observed = situations(breaks_at="queue")
    assert observed[Situation.WAITING] == (
        "waiting for the model grows most beyond the safe load of 17 users, so that an objective breaks"
    )


@pytest.mark.parametrize("breaks_at", [None, "backend"])
def test_a_tier_without_experiments_gives_no_advice(breaks_at: str | None) -> None:
    """No tier is named without a measurement of it."""
    assert Situation.WAITING not in situations(breaks_at=breaks_at)


def test_the_advice_names_the_experiments_that_help() -> None:
    """A reader gets the command that measures a remedy."""
    run = make_search((17, 15, 19), tier_times=BRIEF_QUEUE)
    remedies = (Remedy("model-slots", (Situation.WAITING,), None),)
    texts = [describe_advice(advice) for advice in give_advice(find_situations(run), remedies)]
    (waiting,) = [text for text in texts if text.startswith("Waiting for the model")]
    assert waiting.endswith("Measure it: bench experiment model-slots.")
