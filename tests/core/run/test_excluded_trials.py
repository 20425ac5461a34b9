"""Laws of the trials of a capacity search that do not count."""

from dataclasses import replace

from bench.core.run.excluded_trials import MOST_DISTURBED, ExcludedTrials
from bench.core.run.recording import Recording
from bench.core.run.summary import summarise
from bench.core.run.validity import judge_search
from bench.core.samples.sample import Stall
from tests.core.run.test_validity import lagging
from tests.factories import make_recording

QUIET = make_recording()
PAUSED = replace(QUIET, pauses=(Stall(1.0, 2.0),))


def _find(excluded: ExcludedTrials, recording: Recording) -> str | None:
    return excluded.find_reason(recording, summarise(recording))


def test_a_disturbed_trial_does_not_make_a_search_invalid() -> None:
    """The search repeats it. On a machine that is never quiet, later trials count, and it is invalid."""
    excluded = ExcludedTrials()
    assert _find(excluded, QUIET) is None
    for _ in range(MOST_DISTURBED):
        assert "paused" in str(_find(excluded, PAUSED))
        assert excluded.limit is None
    assert _find(excluded, PAUSED) is None
    assert not judge_search(PAUSED, summarise(PAUSED)).valid
    assert judge_search(QUIET, summarise(QUIET)).valid


def test_a_load_that_was_sent_late_never_counts() -> None:
    """It shows the load generator, and not the stack."""
    excluded = ExcludedTrials()
    late = lagging([900.0] * 20)
    for _ in range(MOST_DISTURBED + 2):
        assert "late" in str(_find(excluded, late))
        assert excluded.limit is not None
    assert _find(excluded, PAUSED) is not None
