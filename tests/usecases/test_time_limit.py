"""The time of a job, with a clock of the test."""

import math
import signal
import threading

import pytest

from bench.store import scenarios
from bench.usecases.time_limit import TimeLimit, expect_s, interrupt_after


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        """Return the time of the test."""
        return self.now_s


def test_a_measurement_begins_only_if_it_ends_in_time() -> None:
    """It may take a quarter longer than expected."""
    clock = _Clock()
    limit = TimeLimit(100.0, clock)
    assert limit.has_time_for(79.0)
    assert not limit.has_time_for(80.0)
    clock.now_s = 90.0
    assert limit.has_time_for(7.0)
    assert not limit.has_time_for(9.0)


@pytest.mark.parametrize(
    ("name", "expected_s"),
    [("quick", 30.0), ("spike", 80.0), ("timeout", 60.0), ("agent-quick", 60.0), ("endurance", 3600.0)],
)
def test_a_scenario_that_ends_with_its_iterations_is_expected_to_be_short(
    name: str, expected_s: float
) -> None:
    """Its longest duration is an hour, for which no job has time."""
    assert expect_s(scenarios.load(name).scenario) == expected_s


def test_a_part_gets_its_share_of_the_time_that_is_left() -> None:
    """A limit that is over has no time for a part, and a job without a limit gives parts none."""
    clock = _Clock()
    limit = TimeLimit(100.0, clock)
    clock.now_s = 40.0
    assert limit.share(0.5).left_s == 30.0
    clock.now_s = 200.0
    assert limit.share(0.5).left_s == 0.0
    assert not limit.share(1.0).has_time_for(0.0)
    assert TimeLimit(None, clock).share(0.1).left_s == math.inf


def test_a_block_that_hangs_is_interrupted_after_the_limit() -> None:
    """Like Ctrl-C, so that everything that was started ends; other blocks are not interrupted."""
    with interrupt_after(TimeLimit(None)) as is_over:
        assert not is_over.is_set()
    with interrupt_after(TimeLimit(1000.0)) as is_over:
        pass
    assert not is_over.is_set()
    with pytest.raises(KeyboardInterrupt):
        _hang()


def test_a_program_in_the_background_is_interrupted_too() -> None:
    """Its shell made it ignore Ctrl-C, which it does again after the block."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt):
            _hang()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def _hang() -> None:
    with interrupt_after(TimeLimit(0.0), margin_s=0.0):
        threading.Event().wait(60.0)
