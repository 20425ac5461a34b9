import random
from datetime import timedelta
from typing import Any

import pytest

from bench.core.run.result import RunResult
from bench.core.samples.metric import Part
from bench.core.samples.sample import Stop, StopCause
from bench.core.values.stats import proportion_interval
from bench.core.verdict.assess import MIN_NOISE_RUNS, assess
from bench.core.verdict.compare import Decision, compare
from bench.core.verdict.levels import pin
from bench.core.verdict.noise import MAX_PRIOR_DF, MIN_SD, MetricNoise, Noise
from bench.errors import ConfigError, MeasurementError
from tests.factories import (
    MACHINES,
    NOON,
    TIER_TIMES,
    make_baseline,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_run,
    run_at,
    run_on_machine,
)


def same(count: int, sd: float, seed: int = 1) -> list[RunResult]:
    """Runs of one version that differ by this much."""
    dice = random.Random(seed)
    return [run_at(1.0 + dice.gauss(0.0, sd), number) for number in range(count)]


def known(**changes: Any) -> Noise:
    """The noise of twenty quiet runs; fields by name."""
    content: dict[str, Any] = {
        "scenario": "quick",
        "fingerprint": make_fingerprint(),
        "measured_at": NOON,
        "runs": 20,
        "alarms": 0,
        "alarms_low_ratio": 0.0,
        "alarms_high_ratio": 0.14,
        "metrics": {"e2e_ms": MetricNoise(runs=20, sd=0.03, detectable_ratio=0.1)},
    }
    return Noise.model_validate(content | changes)


def test_the_spread_between_runs_is_measured() -> None:
    """Runs that were drawn with a spread of 4 % show about this spread and its smallest detectable change."""
    measured_noise = assess(same(40, 0.04))
    row = measured_noise.metrics["e2e_ms"]
    assert (measured_noise.runs, row.runs) == (40, 40)
    assert row.sd == pytest.approx(0.04, rel=0.3)
    assert row.detectable_ratio > 2 * row.sd
    assert measured_noise.measured_at == NOON + timedelta(hours=39)


def test_the_machine_is_no_noise() -> None:
    """On machines that differ by 7 %, with reference workloads that show it, hardly any spread is left."""
    runs = [run_on_machine(factor, factor, number) for number, factor in enumerate(MACHINES)]
    alone = [run_on_machine(factor, None, number) for number, factor in enumerate(MACHINES)]
    assert assess(runs).metrics["e2e_ms"].sd < 0.002
    assert assess(alone).metrics["e2e_ms"].sd > 0.06


def test_runs_of_one_version_raise_few_alarms() -> None:
    """Quiet runs hardly ever regress against each other, and the rate has its exact interval."""
    measured_noise = assess(same(40, 0.03))
    assert measured_noise.alarms <= 2
    interval = tuple(round(end, 4) for end in proportion_interval(measured_noise.alarms, 40, 0.95))
    assert (measured_noise.alarms_low_ratio, measured_noise.alarms_high_ratio) == interval
    assert not measured_noise.advisory


def test_alarms_use_the_measured_priors() -> None:
    """A run that fails with the measured priors is an alarm, although the default priors let it pass."""
    runs = [*same(MIN_NOISE_RUNS + 6, 0.003), run_at(1.12, 90)]
    *others, odd = runs
    baseline = make_baseline()
    assert compare(odd, baseline).decision is Decision.FAIL
    assert assess(runs).alarms == 1
    assert assess(others).alarms == 0


def test_unattributed_time_raises_no_alarm() -> None:
    """A run with more unattributed time does not fail, so it is not a false alarm."""
    quiet = [run_at(1.0, number) for number in range(10)]
    odd = run_at(1.0, 50, tier_times={tier: row / 2 for tier, row in TIER_TIMES.items()})
    measured_noise = compare(odd, make_baseline([1.0] * 10))
    assert [row.key for row in measured_noise.regressed(Part.EXPLAINS)] == ["tier.unattributed_ms"]
    assert assess([*quiet, odd]).alarms == 0


@pytest.mark.parametrize(("count", "total", "low", "high"), [(0, 10, 0.0, 0.3085), (5, 10, 0.1871, 0.8129)])
def test_the_interval_of_a_rate_is_exact(count: int, total: int, low: float, high: float) -> None:
    """The values are from the tables of Clopper and Pearson."""
    assert proportion_interval(count, total, 0.95) == pytest.approx((low, high), abs=1e-4)


def test_too_few_runs_are_refused() -> None:
    """The minimum less one run is an error, and so is an empty list."""
    for runs in ([], same(MIN_NOISE_RUNS - 1, 0.01)):
        with pytest.raises(ConfigError, match="are too few to measure noise"):
            assess(runs)


def test_runs_of_other_conditions_are_refused() -> None:
    """Runs of another machine, invalid runs, and runs with injected faults are errors."""
    usual = same(MIN_NOISE_RUNS, 0.01)
    other = run_at(1.0, 0, fingerprint=make_fingerprint(stack_digest="c" * 64))
    with pytest.raises(ConfigError, match="differs from the newest run: stack_digest"):
        assess([*usual, other])
    stopped = make_run(make_recording(stop=Stop(cause=StopCause.INTERRUPT, reason="Ctrl-C")))
    with pytest.raises(MeasurementError, match="is invalid: the run ended early: Ctrl-C"):
        assess([*usual, stopped])
    worse = run_at(1.0, 0, provenance=make_provenance(injections={"model.slowdown": 2.0}))
    with pytest.raises(ConfigError, match="has injected faults"):
        assess([*usual, worse])


def test_a_rare_metric_is_left_out() -> None:
    """A tier that only some runs report has no measured spread, not 0."""
    usual = same(MIN_NOISE_RUNS, 0.01)
    bare = [run_at(1.0, 50 + number, tier_times={"agent": 2.0}) for number in range(3)]
    assert set(assess([*usual, *bare]).metrics) >= {"e2e_ms", "tier.agent_ms"}
    few = assess([*[run_at(1.0, number, tier_times={"agent": 2.0}) for number in range(6)], run_at(1.0, 9)])
    assert "tier.queue_ms" not in few.metrics


def test_measured_noise_is_the_prior() -> None:
    """A quiet scenario detects smaller changes than the default prior; an unknown metric has no prior."""
    run, baseline = run_at(1.0), make_baseline()
    certain = known(metrics={"e2e_ms": MetricNoise(runs=500, sd=0.0001, detectable_ratio=0.001)})
    usual, quiet = (
        next(
            row.detectable_ratio for row in compare(run, baseline, noise=noise).metrics if row.key == "e2e_ms"
        )
        for noise in (None, certain)
    )
    assert usual is not None
    assert quiet is not None
    assert quiet < usual
    assert known().prior("ttft_ms") is None


def test_a_prior_is_limited() -> None:
    """Runs of one afternoon can be more alike than those of other days."""
    certain = known(metrics={"e2e_ms": MetricNoise(runs=500, sd=0.0001, detectable_ratio=0.001)})
    assert certain.prior("e2e_ms") == (MIN_SD, MAX_PRIOR_DF)


def test_an_advisory_gate_fails_for_vanished_metrics() -> None:
    """A vanished tier is not noise and fails; drift can be noise and does not."""
    erring = known(alarms=8, alarms_low_ratio=0.19, alarms_high_ratio=0.64)
    gone = run_at(1.0, tier_times={"agent": 2.0})
    assert compare(gone, make_baseline(), noise=erring).decision is Decision.FAIL
    pinned = pin(make_baseline(), reason="release", by="Tess Ter", at=NOON)
    rolled = make_baseline([1.3] * 10).model_copy(update={"pinned": pinned.pinned})
    assert compare(run_at(1.3), rolled).decision is Decision.FAIL
    advised = compare(run_at(1.3), rolled, noise=erring)
    assert advised.decision is Decision.INCONCLUSIVE
    assert "response time drifted: it is worse than in the pinned baseline" in advised.reasons


def test_a_gate_with_many_false_alarms_only_advises() -> None:
    """A regression does not fail and the reason is reported; a crossed threshold still fails."""
    erring = known(alarms=8, alarms_low_ratio=0.19, alarms_high_ratio=0.64)
    assert erring.advisory
    advised = compare(run_at(1.5), make_baseline(), noise=erring)
    assert advised.decision is Decision.INCONCLUSIVE
    assert advised.reasons[0] == "the gate only advises: 8 of 20 runs of the same version were false alarms"
    assert compare(run_at(1.5), make_baseline(), noise=known()).decision is Decision.FAIL
    assert compare(run_at(40.0), make_baseline(), noise=erring).decision is Decision.FAIL
