from dataclasses import replace

import pytest

from bench.core.run.recording import Recording
from bench.core.run.stalls import TargetStall, find_stalls
from bench.core.samples.sample import Outcome, Stall
from bench.core.samples.samples import Samples
from tests.core.run.stall_worlds import World, run_world
from tests.factories import make_recording, make_sample, make_scenario

CLOSED = make_scenario().phases
OPEN = make_scenario(phases=[{"executor": "constant-arrival-rate", "rate": 5, "duration_s": 30}]).phases
STOP = ((10.1, 12.1),)

QUIET = {
    "parallel": World(),
    "parallel, unequal": World(spread=1.5),
    "many users": World(users=50, spread=1.5, duration_s=15.0),
    "two users": World(users=2, spread=1.0),
    "a slow model with two users": World(users=2, work_s=3.0, spread=1.0, duration_s=120.0),
    "a slow model with three users": World(users=3, work_s=3.0, spread=1.5, duration_s=120.0),
    "one user": World(users=1, work_s=4.0, spread=1.5, duration_s=120.0),
    "a queue": World(workers=1, work_s=0.2),
    "a slow queue": World(workers=1, users=5, work_s=3.0, spread=0.5, duration_s=120.0),
    "think times": World(think_time_s=(5.0, 7.0), spread=1.0, duration_s=60.0),
    "long think times": World(think_time_s=(1.0, 20.0), users=20, duration_s=60.0),
    "a ramp": World(ramp_s=20.0, users=20, spread=0.5),
    "a ramp on a slow model": World(ramp_s=20.0, users=10, work_s=4.0, spread=0.5, duration_s=40.0),
    "streams": World(tokens=40, work_s=2.0),
    "few streams": World(tokens=40, work_s=2.0, users=3, spread=0.8),
    "streams with a tool": World(tokens=40, work_s=2.0, tool_s=2.0),
    "streams in a queue": World(tokens=20, workers=1, users=5, spread=0.7),
    "time-outs": World(spread=1.5, timeout_s=2.0),
    "only time-outs": World(work_s=10.0, spread=1.0, timeout_s=2.0),
    "an open loop": World(rate=5.0, spread=1.5),
    "a slow open loop": World(rate=0.5, work_s=3.0, spread=1.0, duration_s=120.0),
}
HEAVY_QUEUES = (
    World(workers=1, work_s=0.2, spread=1.0),
    World(workers=1, work_s=0.2, spread=1.5, duration_s=60.0),
    World(workers=2, work_s=0.3, spread=1.0),
    World(workers=1, work_s=0.15, spread=1.0, rate=4.0),
)
STOPPED = {
    "parallel": World(stalls=STOP),
    "three users": World(users=3, stalls=STOP),
    "think times": World(users=20, think_time_s=(5.0, 7.0), stalls=((12.5, 14.5),)),
    "a queue": World(workers=1, work_s=0.1, stalls=STOP),
    "half a second": World(users=20, work_s=0.1, duration_s=12.0, stalls=((8.1, 8.6),)),
    "streams": World(tokens=40, work_s=2.0, stalls=STOP),
    "streams with a tool": World(tokens=40, work_s=2.0, tool_s=1.0, stalls=((10.1, 14.1),)),
    "time-outs": World(work_s=0.2, timeout_s=1.0, stalls=STOP),
    "a ramp": World(ramp_s=20.0, users=20, stalls=STOP),
    "an open loop": World(rate=5.0, stalls=STOP),
    "every five seconds": World(work_s=0.1, stalls=tuple((at_s, at_s + 1.0) for at_s in range(4, 28, 5))),
}


def stalls_of(world: World, seed: int) -> tuple[TargetStall, ...]:
    """Return the stalls that are found in a world."""
    return find_stalls(run_world(world, seed), CLOSED if world.rate is None else OPEN)


@pytest.mark.parametrize("world", QUIET.values(), ids=QUIET)
def test_nothing_is_found_where_nothing_stood_still(world: World) -> None:
    """Slow models, think times, single users, ramps, queues, tools and time-outs are no stalls."""
    assert [stalls_of(world, seed) for seed in range(4)] == [()] * 4


def test_a_queue_behind_very_unequal_work_is_seldom_a_stall() -> None:
    """One response that takes a hundred times as long as others holds up all: rarely, this is a finding."""
    wrong = [bool(stalls_of(world, seed)) for world in HEAVY_QUEUES for seed in range(10)]
    assert sum(wrong) <= 0.1 * len(wrong)


@pytest.mark.parametrize("world", STOPPED.values(), ids=STOPPED)
def test_a_stop_is_found_at_its_time(world: World) -> None:
    """Nine of ten stops are found; the period begins and ends within the time between two signs of life."""
    found = 0
    for seed in range(5):
        stalls = stalls_of(world, seed)
        for start_s, end_s in world.stalls:
            matching = [stall for stall in stalls if stall.start_s < end_s and stall.end_s > start_s]
            found += len(matching) == 1
            assert all(abs(stall.end_s - end_s) < 1.0 for stall in matching)
        assert len(stalls) <= len(world.stalls)
    assert found >= 0.9 * 5 * len(world.stalls)


def test_the_period_is_exact_for_busy_users() -> None:
    """With fifty users, something ends in each tenth of a second, so the stop is known to a tenth."""
    (stall,) = stalls_of(World(users=50, work_s=0.2, duration_s=14.0, stalls=STOP), 1)
    assert (round(stall.start_s, 1), round(stall.end_s, 1), stall.waiting) == (10.1, 12.1, 50)


@pytest.mark.parametrize("users", [1, 2])
def test_few_users_cannot_show_a_stall(users: int) -> None:
    """Slow responses of one or two users may have their own reasons."""
    assert stalls_of(World(users=users, stalls=STOP), 1) == ()


def test_a_slow_start_is_no_stall() -> None:
    """All users start together and wait for the first answers, before the target has ever answered."""
    first = [make_sample(vu, vu=vu, iteration=0, at_s=0.0, latency_ms=5_000.0 + vu) for vu in range(10)]
    later = [
        make_sample(
            number, vu=number % 10, iteration=1 + number // 10, at_s=5.1 + number * 0.05, latency_ms=450.0
        )
        for number in range(300)
    ]
    assert find_stalls(make_recording([*first, *later]), CLOSED) == ()


def test_a_pause_of_the_load_generator_is_no_stall_of_the_target() -> None:
    """If the load generator did not run, it saw nothing."""
    recording = run_world(World(stalls=STOP), 1)
    assert find_stalls(recording, CLOSED)
    paused = replace(recording, pauses=(Stall(at_s=10.0, length_s=2.2),))
    assert find_stalls(paused, CLOSED) == ()


def test_a_target_that_never_answers_again_stood_still_until_the_end() -> None:
    """Requests that time out are no sign of life."""
    stall = stalls_of(World(timeout_s=5.0, stalls=((20.0, 900.0),)), 2)[-1]
    assert stall.start_s == pytest.approx(20.0, abs=0.3)
    assert stall.length_s > 9.0


@pytest.mark.parametrize(
    "recording",
    [
        make_recording([]),
        make_recording([make_sample()], elapsed_s=0.0),
        make_recording([make_sample(outcome=Outcome.DROPPED)]),
        make_recording([make_sample(outcome=Outcome.TIMEOUT, first_byte_s=None)]),
    ],
    ids=["no requests", "no time", "dropped", "no answer"],
)
def test_a_run_without_answers_has_no_stalls(recording: Recording) -> None:
    """Nothing was alive before, so nothing stood still."""
    assert find_stalls(recording, CLOSED) == ()


def test_streams_that_failed_are_not_silent() -> None:
    """When the tokens of a cut-off stream came is not recorded, so the stream may have been alive."""
    recording = run_world(World(tokens=40, work_s=2.0, stalls=STOP), 1)
    assert find_stalls(recording, CLOSED)
    cut_off = make_sample(
        vu=99, iteration=1, at_s=8.0, finished_s=14.0, first_byte_s=8.1, first_token_s=8.1, last_token_s=13.9,
        outcome=Outcome.CUT_OFF,
    )  # fmt: skip
    samples = Samples.of([*recording.samples, cut_off])
    assert find_stalls(replace(recording, samples=samples), CLOSED) == ()
