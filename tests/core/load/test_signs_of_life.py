import signal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.signs_of_life import (
    LONGEST_SILENCE,
    LONGEST_START,
    SHORTEST_PAUSE_S,
    Pulse,
    Silence,
    describe_loss,
    describe_silence,
)
from bench.core.samples.sample import Stall


@given(st.floats(0, 60), st.floats(0, 60))
def test_a_long_time_between_two_beats_is_a_pause(gap_s: float, asleep_s: float) -> None:
    """The pause is found on either clock: one of them stands still while the machine sleeps."""
    pause = Pulse(100.0, 500.0).beat(100.0 + gap_s, 500.0 + asleep_s)
    longest_s = max(100.0 + gap_s - 100.0, 500.0 + asleep_s - 500.0)
    assert pause == (Stall(at_s=100.0, length_s=longest_s) if longest_s >= SHORTEST_PAUSE_S else None)


def test_a_pause_is_reported_once() -> None:
    """The next beat counts from the end of the pause."""
    pulse = Pulse(0.0, 0.0)
    assert pulse.beat(5.0, 5.0) is not None
    assert pulse.beat(5.5, 5.5) is None


def test_a_process_that_starts_may_be_silent_for_longer() -> None:
    """After its first sign of life, the shorter limit counts."""
    silence = Silence([1, 2])
    for _ in range(LONGEST_START - LONGEST_SILENCE):
        assert silence.check() == []
    silence.note(2)
    lost = [silence.check() for _ in range(LONGEST_SILENCE)]
    assert lost == [[]] * (LONGEST_SILENCE - 1) + [[1, 2]]


@given(st.lists(st.sets(st.sampled_from([1, 2, 3])), max_size=60))
def test_a_process_is_lost_after_too_many_silent_checks(signs: list[set[int]]) -> None:
    """Only checks in a row count, and a process that ended is not missed."""
    silence = Silence([1, 2, 3])
    for pid in [1, 2, 3]:
        silence.note(pid)
    silent = dict.fromkeys([1, 2, 3], 0)
    for alive in signs:
        for pid in alive:
            silence.note(pid)
            silent[pid] = 0
        for pid in silent:
            silent[pid] += 1
        assert silence.check() == [pid for pid, checks in silent.items() if checks >= LONGEST_SILENCE]
    for pid in silent:
        silence.remove(pid)
    assert silence.check() == []


@pytest.mark.parametrize(
    ("code", "memory", "sentence"),
    [
        (-9, False, "a load generator was ended by the signal SIGKILL"),
        (-9, True, "the kernel ended a load generator (SIGKILL): out of memory"),
        (-signal.SIGSEGV, True, "a load generator was ended by the signal SIGSEGV"),
        (-50, False, "a load generator was ended by the signal 50"),
        (1, False, "a load generator ended with exit code 1; see its error message above"),
        (0, False, "a load generator ended with exit code 0; see its error message above"),
        (None, False, "the connection to a load generator ended: its machine closed it"),
    ],
)
def test_the_end_of_a_load_generator_has_its_cause(code: int | None, memory: bool, sentence: str) -> None:
    """The sentence has the signal or the exit code, and memory only for SIGKILL."""
    assert describe_loss(code, is_out_of_memory=memory) == sentence


def test_a_silent_load_generator_is_named_with_the_length_of_its_silence() -> None:
    """The sentence has the name and the shortest time."""
    expected = "load generator 'b' gave no sign of life for at least 15 s, and was ended"
    assert describe_silence("load generator 'b'") == expected
