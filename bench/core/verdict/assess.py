"""Judges runs of the same by each other (A/A): each beside all others."""

import math
from collections.abc import Sequence

import numpy as np

from bench.core.calibration.machine import machine_of, slope_on
from bench.core.run.figures import figures_of
from bench.core.run.result import RunResult, check_usable, differences, environment
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.verdict.baseline import MIN_RUNS, Baseline, accepted_run
from bench.core.verdict.compare import compare
from bench.core.verdict.noise import MetricNoise, Noise
from bench.core.verdict.shift import usual_of
from bench.core.verdict.verdict import ALPHA, ALPHAS, POWER
from bench.errors import ConfigError

FEWEST_RUNS = MIN_RUNS + 1
_DIGITS = 4  # so that the difference of two files can be read
_BASELINE_RUNS = 10  # of which the smallest detectable change speaks


def assess(runs: Sequence[RunResult]) -> Noise:
    """What runs of the same show of the noise between them.

    Raises:
        ConfigError: There are too few, or they are not of the same.
        MeasurementError: One of them is invalid or was broken off.
    """
    newest = max(runs, key=lambda run: run.provenance.started_at, default=None)
    if newest is None or len(runs) < FEWEST_RUNS:
        raise ConfigError(f"{len(runs)} runs say too little of noise", f"{FEWEST_RUNS} are needed")
    for run in runs:
        _check(run, newest)
    keys = sorted({key for run in runs for key in figures_of(run.summary)})
    controlled = (
        None if newest.fingerprint.simulated else machine_of([], [run.reference_workload for run in runs])
    )
    paces = controlled.base if controlled else (0.0,) * len(runs)
    found = {key: _noise(key, [figures_of(run.summary).get(key, {}) for run in runs], paces) for key in keys}
    noise = Noise(
        scenario=newest.scenario.name,
        fingerprint=newest.fingerprint,
        measured_at=newest.provenance.started_at,
        runs=len(runs),
        alarms=0,
        alarms_low_ratio=0.0,
        alarms_high_ratio=1.0,
        metrics={key: each for key, each in found.items() if each is not None},
    )
    # The gate whose errors are counted is the one that has these priors.
    alarms = sum(_alarms(run, [other for other in runs if other is not run], noise) for run in runs)
    low_ratio, high_ratio = stats.proportion_interval(alarms, len(runs), 0.95)
    return noise.model_copy(
        update={
            "alarms": alarms,
            "alarms_low_ratio": round(low_ratio, _DIGITS),
            "alarms_high_ratio": round(high_ratio, _DIGITS),
        }
    )


def _check(run: RunResult, newest: RunResult) -> None:
    check_usable(run)
    unlike = differences(run.fingerprint, newest.fingerprint)
    if run.scenario.name != newest.scenario.name or unlike:
        what = ", ".join(unlike) or f"scenario {run.scenario.name}"
        run_id = run.provenance.run_id
        raise ConfigError(f"run {run_id} is not of the same as the newest: {what}", "leave it out")


def _alarms(run: RunResult, others: Sequence[RunResult], noise: Noise) -> bool:
    """Whether a run would fail beside the others, which are the same: what only explains fails nobody."""
    made = run.provenance.started_at
    baseline = Baseline(
        scenario=run.scenario.name,
        stack=run.fingerprint.stack,
        environment=environment(run.fingerprint),
        runs=tuple(accepted_run(each, "A/A", "bench baseline noise", made) for each in others),
    )
    found = compare(run, baseline, noise=noise)
    return any(found.regressed(part) for part in ALPHAS)


def _noise(key: str, runs: Sequence[dict[str, float]], paces: Sequence[float]) -> MetricNoise | None:
    start_ms = metric(key).smallest_change
    known = [(run, pace) for run, pace in zip(runs, paces, strict=True) if run]
    if len(known) < FEWEST_RUNS:
        return None
    usual = usual_of([run for run, _ in known], start_ms)
    residuals = np.array([stats.paired_change(run, usual, start_ms) for run, _ in known])
    own_paces = np.array([pace for _, pace in known])
    sd = float(np.std(residuals - slope_on(own_paces, residuals) * own_paces, ddof=1))
    error = sd * math.sqrt(1.0 + 1.0 / _BASELINE_RUNS)
    mde = stats.smallest_detectable(error, len(known) - 1, ALPHA, POWER)
    return MetricNoise(runs=len(known), sd=round(sd, _DIGITS), mde_ratio=round(math.expm1(mde), _DIGITS))
