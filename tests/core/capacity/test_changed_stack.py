"""Laws of the warning about a stack that changed during a search."""

from bench.core.capacity.changed_stack import describe_change
from bench.core.capacity.load_trial import TrialVerdict
from tests.searches import make_trial


def test_a_stack_that_slows_down_during_a_search_is_named() -> None:
    """A small load that breaks an objective contradicts a much larger one that met all of them."""
    early = make_trial(32)
    late = make_trial(20, TrialVerdict.BROKEN, start_s=240.0)
    assert describe_change([early, late], "users") == (
        "20 users broke an objective 4m after 32 met all of them: "
        "the stack changed during the search, so its answer holds for no moment"
    )


def test_close_loads_and_undecided_trials_contradict_nothing() -> None:
    """They differ by chance."""
    broken = make_trial(20, TrialVerdict.BROKEN)
    assert describe_change([make_trial(24), broken], "users") is None
    assert describe_change([make_trial(40, TrialVerdict.OPEN), broken], "users") is None
    assert describe_change([make_trial(40)], "users") is None
