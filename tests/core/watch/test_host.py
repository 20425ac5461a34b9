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
    find_shared_cores,
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


def test_host_shares_cover_the_time_between_two_readings() -> None:
    """The shares cover the time of the run, not the time since the machine started."""
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


def test_missing_kernel_counters_stay_unknown() -> None:
    """A counter that cannot be read gives None, and so does a share of no time."""
    empty = HostReading(at_s=1.0)
    assert host_of(MachineState(), empty, replace(empty, at_s=2.0)) == Host()
    assert host_of(FOUR, START, empty) == Host(cores=4)
    assert host_of(FOUR, START, START).stolen_ratio is None


def test_a_counter_that_restarted_is_ignored() -> None:
    """A counter that is smaller than before gives no value."""
    assert host_of(FOUR, END, START) == Host(cores=4, swapped_pages=0)


def test_the_noisiest_run_stands_for_an_interleaved_comparison() -> None:
    """`noisiest` returns the host values of the noisiest run."""
    quiet, hot = Host(stolen_ratio=0.01), Host(hot_ratio=0.2)
    assert noisiest([quiet, None, hot, Host()]) == hot
    assert noisiest([None]) is None


def test_pinning_needs_at_least_one_core() -> None:
    """A host with an empty list of pinned cores is refused."""
    with pytest.raises(ValueError, match="pinned"):
        Host.model_validate({"pinned": {"stack": []}})


def invalid_reasons(**host: Any) -> tuple[str, ...]:
    """Return the reasons why a run on such a host is invalid."""
    recording = make_recording(host=Host(**host))
    return judge_validity(recording, summarise(recording)).reasons


def test_a_noisy_machine_makes_a_run_invalid() -> None:
    """The reasons name the lost share of processor time and the allowed share."""
    reasons = invalid_reasons(stolen_ratio=0.12, throttled_ratio=0.5, hot_ratio=0.06)
    assert [reason.removeprefix("the machine was not quiet: ") for reason in reasons] == [
        "other guests of the machine had 12 % of its processor time, 10 % are allowed",
        "the processor quota was used up in 50 % of its periods, 5 % are allowed",
        "the processor was slowed by heat in 6 % of the time, 5 % are allowed",
    ]


def test_the_usual_noise_of_hosted_runners_is_allowed() -> None:
    """A few per cent, the limits themselves and unknown values are all valid."""
    assert invalid_reasons(stolen_ratio=0.05, throttled_ratio=0.01, hot_count=9, swapped_pages=10_000) == ()
    assert invalid_reasons(stolen_ratio=STOLEN_RATIO, throttled_ratio=THROTTLED_RATIO) == ()
    assert invalid_reasons() == ()


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
def test_cores_are_divided_if_the_machine_has_enough(
    machine: MachineState, workers: int, expected: Any
) -> None:
    """Each load generator gets one core, and the stack gets at least half of the cores."""
    assert divide_cores(machine, workers) == expected


@given(st.sets(st.integers(0, 300), max_size=64), st.integers(1, 64))
def test_every_core_is_assigned_exactly_once(cores: set[int], workers: int) -> None:
    """Each core belongs to the load generators or to the stack."""
    division = divide_cores(MachineState(cores=tuple(cores)), workers)
    assert (division is None) is (len(cores) < FEWEST_CORES)
    if division is not None:
        generator_cores, stack_cores = division
        assert set(generator_cores) | set(stack_cores) == cores
        assert len(generator_cores) + len(stack_cores) == len(cores)
        assert 1 <= len(generator_cores) <= len(stack_cores)


@pytest.mark.parametrize(
    ("cores", "quota", "workers", "bound", "shared"),
    [
        ((0,), None, 1, ((), ()), 1.0),
        ((0, 1), None, 1, ((), ()), None),
        ((0, 1), None, 2, ((), ()), 2.0),
        ((0, 1), 1.5, 1, ((), ()), 1.5),
        ((0, 1), 2.0, 1, ((), ()), None),
        (tuple(range(8)), 4.0, 2, ((6, 7), tuple(range(6))), None),
        (tuple(range(8)), 2.0, 2, ((6, 7), tuple(range(6))), 2.0),
        (tuple(range(8)), None, 9, ((4, 5, 6, 7), (0, 1, 2, 3)), None),
        ((), None, 1, ((), ()), None),
    ],
)
def test_processes_share_cores_if_these_are_too_few_for_one_each(
    cores: tuple[int, ...],
    quota: float | None,
    workers: int,
    bound: tuple[tuple[int, ...], tuple[int, ...]],
    shared: float | None,
) -> None:
    """Cores of their own are enough, unless the quota is not; unknown cores may be enough."""
    assert find_shared_cores(MachineState(cores=cores, quota_cores=quota), workers, *bound) == shared
