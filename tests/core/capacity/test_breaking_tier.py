"""The tier at which a stack breaks."""

import pytest

from bench.core.capacity.breaking_tier import find_breaking_tier
from bench.core.capacity.load_trial import LoadTrial, TrialVerdict
from tests.core.capacity.queue_stand import QueueStand, exponential

STAND = QueueStand(4, exponential(0.5))


def _trial(load: float, verdict: TrialVerdict, **tier_ms: float) -> LoadTrial:
    trial = STAND.measure(load, duration_s=50.0)
    return trial.model_copy(update={"verdict": verdict, "tier_ms": tier_ms})


@pytest.mark.parametrize(
    ("before", "after", "tier"),
    [
        ({"backend": 10, "queue": 5}, {"backend": 12, "queue": 900}, "queue"),
        ({"backend": 10, "model": 2000}, {"backend": 60, "model": 2020}, "backend"),  # absolute growth
        ({"backend": 10}, {"backend": 11, "queue": 700}, "queue"),  # reported only when it takes time
        ({"backend": 10, "queue": 5}, {"backend": 12}, "backend"),  # no longer reported
        ({"agent": 10, "model": 500}, {"agent": 110, "model": 600}, "model"),  # a tie
        ({"agent": 10, "unattributed": 5}, {"agent": 11, "unattributed": 900}, None),
        ({"agent": 10}, {"agent": 9}, None),
        ({}, {"agent": 9}, None),
        ({"agent": 9}, {}, None),
    ],
)
def test_the_tier_that_grows_most_breaks(
    before: dict[str, float], after: dict[str, float], tier: str | None
) -> None:
    """The largest growth of the mean time counts, and no tier is blamed for time that no tier reports."""
    trials = [_trial(20, TrialVerdict.BROKEN, **after), _trial(10, TrialVerdict.MET, **before)]
    assert find_breaking_tier(trials) == tier


def test_the_nearest_loads_count() -> None:
    """A load far below or far above the safe load shows other effects."""
    trials = [
        _trial(1, TrialVerdict.MET, model=1, queue=0),
        _trial(10, TrialVerdict.MET, model=100, queue=50),
        _trial(12, TrialVerdict.OPEN, model=900, queue=0),
        _trial(14, TrialVerdict.BROKEN, model=120, queue=500),
        _trial(40, TrialVerdict.BROKEN, model=9000, queue=600),
    ]
    assert find_breaking_tier(trials) == "queue"
    assert find_breaking_tier(trials[:3]) is None
    assert find_breaking_tier(trials[2:]) is None


def test_trials_of_one_load_are_averaged() -> None:
    """Two trials of a load are one measurement of it."""
    trials = [
        _trial(10, TrialVerdict.MET, model=100, queue=100),
        _trial(20, TrialVerdict.BROKEN, model=500, queue=100),
        _trial(20, TrialVerdict.BROKEN, model=100, queue=700),
    ]
    assert find_breaking_tier(trials) == "queue"


def test_a_broken_load_below_a_met_one_is_noise() -> None:
    """The first broken load above all met ones counts, if there is one."""
    noisy = [
        _trial(5, TrialVerdict.MET, model=100, queue=0),
        _trial(8, TrialVerdict.BROKEN, model=900, queue=0),
        _trial(10, TrialVerdict.MET, model=100, queue=50),
    ]
    assert find_breaking_tier(noisy) == "model"
    assert find_breaking_tier([*noisy, _trial(20, TrialVerdict.BROKEN, model=100, queue=700)]) == "queue"
