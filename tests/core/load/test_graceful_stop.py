from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.graceful_stop import SHORTEST_S, graceful_stop, longest_graceful_stop

SECONDS = st.floats(0.0, 1000.0)


@given(SECONDS, SECONDS, SECONDS)
def test_a_declared_graceful_stop_is_exact(declared_s: float, slowest_s: float, timeout_s: float) -> None:
    """Neither the answers nor the time-out change a value that the scenario declares."""
    assert graceful_stop(declared_s, slowest_s, timeout_s) == declared_s
    assert longest_graceful_stop(declared_s, timeout_s) == declared_s


@given(SECONDS, SECONDS)
def test_a_default_graceful_stop_follows_the_answers(slowest_s: float, timeout_s: float) -> None:
    """It is long enough for twice the slowest answer, and never longer than a request may take."""
    stop_s = graceful_stop(None, slowest_s, timeout_s)
    assert stop_s <= longest_graceful_stop(None, timeout_s)
    assert stop_s >= min(timeout_s, SHORTEST_S)
    assert stop_s >= min(timeout_s, 2 * slowest_s)
    assert stop_s in {timeout_s, SHORTEST_S, 2 * slowest_s}


@given(SECONDS, SECONDS, SECONDS)
def test_slower_answers_never_shorten_the_graceful_stop(one: float, other: float, timeout_s: float) -> None:
    """The engine may extend a graceful stop while it runs, and never shortens it."""
    slower, faster = max(one, other), min(one, other)
    assert graceful_stop(None, slower, timeout_s) >= graceful_stop(None, faster, timeout_s)
