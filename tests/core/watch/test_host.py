from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.run.summary import summarise
from bench.core.run.validity import STOLEN_RATIO, THROTTLED_RATIO, judge_validity
from bench.core.watch.host import (
    FEWEST_CORES,
    Host,
    HostReading,
    MachineState,
    divide_cores,
    host_of,
    noisiest,
)
from tests.factories import make_recording

FOUR = MachineState(cores=(0, 1, 2, 3))
START = HostReading(
    at_s=10.0, stolen=100, processor=10_000, periods=50, throttled=5, hot=3, hot_ms=40.0, swapped=7
)
END = HostReading(
    at_s=20.0, stolen=140, processor=14_000, periods=150, throttled=8, hot=5, hot_ms=440.0, swapped=7
)


def test_a_host_is_what_happened_between_two_readings() -> None:
    """Shares are of what went by in the run, not of what went by since the machine was started."""
    machine = MachineState(cores=(0, 1), quota_cores=1.5, governors=("performance",), load=0.4)
    assert host_of(machine, START, END, {"stack": (0,)}) == Host(
        cores=2,
        quota_cores=1.5,
        governors=("performance",),
        load_at_start=0.4,
        stolen_ratio=0.01,
        throttled_ratio=0.03,
        hot_count=2,
        hot_ratio=0.02,
        swapped_pages=0,
        pinned={"stack": (0,)},
    )


def test_what_the_kernel_does_not_tell_is_not_known() -> None:
    """What cannot be read is absent, and so is a share of no time at all."""
    nothing = HostReading(at_s=1.0)
    assert host_of(MachineState(), nothing, replace(nothing, at_s=2.0)) == Host()
    assert host_of(FOUR, START, nothing) == Host(cores=4)
    assert host_of(FOUR, START, START).stolen_ratio is None


def test_a_counter_that_began_anew_says_nothing() -> None:
    """A smaller number than before is of another count."""
    assert host_of(FOUR, END, START) == Host(cores=4, swapped_pages=0)


def test_of_several_runs_the_least_quiet_counts() -> None:
    """A comparison in turns is as quiet as its least quiet run."""
    quiet, hot = Host(stolen_ratio=0.01), Host(hot_ratio=0.2)
    assert noisiest([quiet, None, hot, Host()]) == hot
    assert noisiest([None]) is None


def test_nobody_is_held_to_no_core() -> None:
    """A file may say so, and no run does."""
    with pytest.raises(ValueError, match="pinned"):
        Host.model_validate({"pinned": {"stack": []}})


def judged(**host: Any) -> tuple[str, ...]:
    """Why a run on such a host is not valid."""
    recording = make_recording(host=Host(**host))
    return judge_validity(recording, summarise(recording)).reasons


def test_a_machine_that_was_not_quiet_makes_a_run_invalid() -> None:
    """Who had how much of it is said, and what is allowed."""
    reasons = judged(stolen_ratio=0.12, throttled_ratio=0.5, hot_ratio=0.06)
    assert [reason.removeprefix("the machine was not quiet: ") for reason in reasons] == [
        "other guests of the machine had 12 % of its processor time, 10 % are allowed",
        "the processor quota was used up in 50 % of its periods, 5 % are allowed",
        "the processor was slowed by heat in 6 % of the time, 5 % are allowed",
    ]


def test_what_hosted_runners_usually_lose_is_allowed() -> None:
    """A few per cent, the limits themselves, and what nobody knows are held against nobody."""
    assert judged(stolen_ratio=0.05, throttled_ratio=0.01, hot_count=9, swapped_pages=10_000) == ()
    assert judged(stolen_ratio=STOLEN_RATIO, throttled_ratio=THROTTLED_RATIO) == ()
    assert judged() == ()


@pytest.mark.parametrize(
    ("machine", "workers", "expected"),
    [
        (FOUR, 1, ((3,), (0, 1, 2))),
        (FOUR, 2, ((2, 3), (0, 1))),
        (FOUR, 9, ((2, 3), (0, 1))),
        (MachineState(cores=(9, 2, 4, 7, 5)), 1, ((9,), (2, 4, 5, 7))),
        (MachineState(cores=(0, 1, 2)), 1, None),
        (MachineState(), 1, None),
        (replace(FOUR, quota_cores=2.0), 1, None),
        (replace(FOUR, quota_cores=4.0), 1, ((3,), (0, 1, 2))),
    ],
)
def test_cores_are_divided_where_there_are_enough(machine: MachineState, workers: int, expected: Any) -> None:
    """A generator has a core, the stack has half of them at least, and few cores are nobody's own."""
    assert divide_cores(machine, workers) == expected


@given(st.sets(st.integers(0, 300), max_size=64), st.integers(1, 64))
def test_no_core_is_shared_and_none_is_lost(cores: set[int], workers: int) -> None:
    """Each core is either the load's or the stack's."""
    found = divide_cores(MachineState(cores=tuple(cores)), workers)
    assert (found is None) is (len(cores) < FEWEST_CORES)
    if found is not None:
        own, rest = found
        assert set(own) | set(rest) == cores
        assert len(own) + len(rest) == len(cores)
        assert 1 <= len(own) <= len(rest)
