import numpy as np
import pytest

from bench.core.run.stall_effect import StallEffect, describe_stalls, stall_effect
from bench.core.run.stalls import TargetStall, find_stalls
from bench.core.samples.samples import Samples
from tests.core.run.stall_worlds import World, run_world
from tests.factories import make_sample, make_scenario

CLOSED = make_scenario().phases
OPEN = make_scenario(phases=[{"executor": "constant-arrival-rate", "rate": 5, "duration_s": 30}]).phases
STALL = TargetStall(start_s=10.0, end_s=12.0, waiting=10)


def test_an_open_loop_would_have_seen_the_stall() -> None:
    """The estimate from a closed loop is the p99 of an open loop with the same target."""
    world = World(users=10, duration_s=60.0, spread=0.1, stalls=((10.1, 12.1),))
    closed = run_world(world, 1)
    stalls = find_stalls(closed, CLOSED)
    effect = stall_effect(stalls, closed.samples, CLOSED, closed.elapsed_s)
    opened_ms = []
    for seed in range(8):
        opened = run_world(World(rate=20.0, duration_s=60.0, spread=0.1, stalls=((10.1, 12.1),)), seed)
        times_s = opened.samples.column("finished_s") - opened.samples.column("scheduled_s")
        opened_ms.append(1000 * float(np.quantile(times_s, 0.99)))
    assert effect is not None
    assert effect.percentile == "p99"
    assert effect.open_loop_ms == pytest.approx(np.mean(opened_ms), rel=0.15)
    assert effect.measured_ms < 0.7 * effect.open_loop_ms


def test_a_short_stall_shows_in_a_higher_percentile() -> None:
    """A stall of 0.5 % of the run is beyond p99, so it is p99.9 that an open loop would have seen."""
    samples = Samples.of(make_sample(seq, at_s=seq * 0.4, latency_ms=100.0) for seq in range(1_000))
    effect = stall_effect([STALL], samples, CLOSED, 400.0)
    assert effect is not None
    assert effect.percentile == "p99_9"
    assert effect.measured_ms == pytest.approx(100.0)
    assert effect.open_loop_ms == pytest.approx(1_700.0, rel=0.02)


@pytest.mark.parametrize(
    ("stalls", "count", "phases", "elapsed_s"),
    [
        ((), 200, CLOSED, 60.0),
        ((STALL,), 200, OPEN, 60.0),
        ((STALL,), 50, CLOSED, 60.0),
        ((STALL,), 200, CLOSED, 9e4),
    ],
    ids=["no stall", "open loop", "few requests", "long run"],
)
def test_there_is_no_effect_without_a_percentile(
    stalls: tuple[TargetStall, ...], count: int, phases: tuple[object, ...], elapsed_s: float
) -> None:
    """An open loop shows its stalls itself, and few requests or a very short stall have no percentile."""
    samples = Samples.of(make_sample(seq) for seq in range(count))
    assert stall_effect(stalls, samples, phases, elapsed_s) is None  # type: ignore[arg-type]


def test_a_sentence_names_the_times_and_the_percentile() -> None:
    """The reader learns when everything stood still, and what users who do not wait would have seen."""
    effect = StallEffect(percentile="p99_9", measured_ms=640.0, open_loop_ms=1_950.0)
    assert describe_stalls([], None) == ()
    (sentence,) = describe_stalls([STALL], effect)
    assert sentence == (
        "everything stood still from 10.0 to 12.0 s, while 10 requests waited; "
        "an open loop would have seen a p99.9 of 1,950 ms instead of 640 ms"
    )


def test_a_sentence_names_the_longest_of_many_stalls() -> None:
    """Three times are listed, in their order, and the number of all."""
    stalls = [TargetStall(start_s=at, end_s=at + 1 + at / 10, waiting=3) for at in (2.0, 4.0, 6.0, 8.0)]
    (sentence,) = describe_stalls(stalls, None)
    assert sentence == (
        "everything stood still 4 times: longest from 4.0 to 5.4 s, 6.0 to 7.6 s and 8.0 to 9.8 s, "
        "while 3 requests waited"
    )
