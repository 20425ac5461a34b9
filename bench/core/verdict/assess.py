"""Measure the noise of a scenario: judge each of several runs of one version against all others (A/A)."""

import math
from collections.abc import Mapping, Sequence

from bench.core.calibration.machine_speed import compare_speed
from bench.core.run.figures import Figures
from bench.core.run.result import RunResult, check_usable, differences, environment
from bench.core.run.safe_load import compared_figures
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.values.robust import variance_of_median
from bench.core.verdict.accepted_runs import ALPHAS, MARGIN_RATIO
from bench.core.verdict.baseline import MIN_RUNS, Baseline, Level, to_baseline_run
from bench.core.verdict.change import ChangeEstimate, judge_change
from bench.core.verdict.compare import compare
from bench.core.verdict.level_shift import measure_spread
from bench.core.verdict.margins import margin_of
from bench.core.verdict.noise import MAX_PRIOR_DF, MIN_SD, MetricNoise, Noise
from bench.errors import ConfigError

MIN_NOISE_RUNS = MIN_RUNS + 1
_DIGITS = 4  # digits in the noise file, which people read in diffs
_BASELINE_RUNS = 10  # number of baseline runs for the smallest detectable change


def assess(runs: Sequence[RunResult]) -> Noise:
    """Return the noise between runs of one version.

    Raises:
        ConfigError: There are too few runs, or their conditions differ.
        MeasurementError: A run is invalid or was interrupted.
    """
    if len(runs) < MIN_NOISE_RUNS:
        raise ConfigError(
            f"{len(runs)} runs are too few to measure noise", f"measure at least {MIN_NOISE_RUNS} runs"
        )
    newest = max(runs, key=lambda run: run.provenance.started_at)
    for run in runs:
        _check_same_conditions(run, newest)
    noise = Noise(
        scenario=newest.scenario.name,
        fingerprint=newest.fingerprint,
        measured_at=newest.provenance.started_at,
        runs=len(runs),
        alarms=0,
        alarms_low_ratio=0.0,
        alarms_high_ratio=1.0,
        metrics=_measure_metrics(runs),
    )
    # Count the alarms with the measured priors, because `bench check` uses them.
    alarms = sum(_raises_alarm(number, runs, noise) for number in range(len(runs)))
    low_ratio, high_ratio = stats.proportion_interval(alarms, len(runs), 0.95)
    return noise.model_copy(
        update={
            "alarms": alarms,
            "alarms_low_ratio": round(low_ratio, _DIGITS),
            "alarms_high_ratio": round(high_ratio, _DIGITS),
        }
    )


def _check_same_conditions(run: RunResult, newest: RunResult) -> None:
    check_usable(run)
    different = differences(run.fingerprint, newest.fingerprint)
    if run.scenario.name != newest.scenario.name or different:
        difference = ", ".join(different) or f"scenario {run.scenario.name}"
        run_id = run.provenance.run_id
        raise ConfigError(f"run {run_id} differs from the newest run: {difference}", "leave this run out")


def _measure_metrics(runs: Sequence[RunResult]) -> dict[str, MetricNoise]:
    figures = [compared_figures(run) for run in runs]
    log_times = _log_workload_times(runs)
    noises: dict[str, MetricNoise] = {}
    for key in sorted(set[str]().union(*figures)):
        noise = _measure_metric(key, figures, log_times)
        if noise is not None:
            noises[key] = noise
    return noises


def _log_workload_times(runs: Sequence[RunResult]) -> tuple[float, ...]:
    """Return the log workload time of each run; zeros if it is unknown, or if the stack simulates time."""
    speed = None
    if not runs[0].fingerprint.simulated:
        speed = compare_speed([], runs)
    return (0.0,) * len(runs) if speed is None else speed.base_log_times


def _measure_metric(
    key: str, figures: Sequence[Mapping[str, Figures]], log_times: Sequence[float]
) -> MetricNoise | None:
    """Return the noise of one metric; `None` if too few runs have it.

    The spread s is that of the rule of the baseline, without its prior (`measure_spread`). The smallest
    detectable change is that of the complete rule, for a run against n = 10 baseline runs: its standard error
    is s √(1 + v / n), where v is the variance of a median.
    """
    runs: list[Figures] = []
    run_log_times: list[float] = []
    for run_figures, log_time in zip(figures, log_times, strict=True):
        if run_figures.get(key):
            runs.append(run_figures[key])
            run_log_times.append(log_time)
    count = len(runs)
    sd = measure_spread(key, runs, run_log_times) if count >= MIN_NOISE_RUNS else None
    if sd is None:
        return None
    base = math.fsum([value for run in runs for value in run.values()]) / sum(map(len, runs))
    unchanged = ChangeEstimate(
        key=key,
        base=base,
        head=base,
        log_change=0.0,
        standard_error=max(MIN_SD, sd) * math.sqrt(1.0 + variance_of_median(_BASELINE_RUNS)),
        df=min(MAX_PRIOR_DF, count - 1),
        agreed=0.0,
    )
    margin = margin_of(key, {}, MARGIN_RATIO, None)
    detectable_ratio = judge_change(unchanged, ALPHAS[metric(key).part], margin).detectable_ratio or 0.0
    return MetricNoise(runs=count, sd=round(sd, _DIGITS), detectable_ratio=round(detectable_ratio, _DIGITS))


def _raises_alarm(number: int, runs: Sequence[RunResult], noise: Noise) -> bool:
    """Whether the run at this index regresses against the others. Metrics that only explain do not count."""
    run = runs[number]
    started_at = run.provenance.started_at
    others = (*runs[:number], *runs[number + 1 :])
    reason = "A/A"
    by = "bench baseline noise"
    accepted = tuple(to_baseline_run(other, reason, by, started_at) for other in others)
    baseline = Baseline(
        scenario=run.scenario.name,
        stack=run.fingerprint.stack,
        environment=environment(run.fingerprint),
        levels=(Level(reason=reason, accepted_by=by, accepted_at=started_at, runs=accepted),),
    )
    comparison = compare(run, baseline, noise=noise)
    return any(row.regressed and row.gates for row in comparison.metrics)
