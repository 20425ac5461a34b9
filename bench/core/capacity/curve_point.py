"""Points and lines of the curve over the load: trials of the same load, joined, with their uncertainty."""

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from bench.core.capacity.dependence import long_run_variance
from bench.core.capacity.load_trial import LoadTrial
from bench.core.values import stats
from bench.core.values.record import Count, NotNegative, Number, Record

# Smallest relative standard error of a mean: trials of minutes differ by as much for reasons of their own.
LEAST_ERROR = 0.02
# A trial with more failed requests than this is left out of fits: its response times lack the failed ones.
FEWEST_SUCCESSES = 0.99


class FittedValue(Record):
    """A number with its interval."""

    value: Number
    """Best estimate."""
    low: Number
    """Lower end of the interval."""
    high: Number | None
    """Upper end; null without an upper limit."""


class CurvePoint(Record):
    """All trials of one load."""

    load: NotNegative
    """VUs, or requests per second."""
    requests: Count
    """Number of requests."""
    duration_s: NotNegative
    """Duration of the trials together."""
    throughput_rps: FittedValue
    """Successful requests per second."""
    goodput_rps: NotNegative
    """Requests per second that met all objectives."""
    mean_ms: FittedValue | None
    """Mean response time of the successful requests; null without one."""
    p95_ms: NotNegative | None
    """95th percentile of them: the mean of the trials."""
    success_ratio: NotNegative
    """Share of the requests that succeeded."""

    @property
    def is_complete(self) -> bool:
        """Whether the response times stand for all requests, so that a model can explain them."""
        return self.mean_ms is not None and self.success_ratio >= FEWEST_SUCCESSES


class LinePoint(Record):
    """A point of a fitted line."""

    load: NotNegative
    """VUs, or requests per second."""
    throughput_rps: NotNegative
    """Successful requests per second."""
    mean_ms: NotNegative | None
    """Mean response time; null where it grows without end."""
    p95_ms: NotNegative | None = None
    """95th percentile; null if the model has none."""


class FitResidual(Record):
    """The difference of a measured load from the fitted line, as a share of the line."""

    load: NotNegative
    """VUs, or requests per second."""
    mean: Number | None
    """Difference of the mean response time; null if one of the two is unknown."""
    throughput: Number | None
    """Difference of the throughput; null if the line has none."""
    p95: Number | None = None
    """Difference of the 95th percentile, which the fit does not use; null if one of the two is unknown."""
    used: bool
    """Whether the fit used this load."""


def join_trials(trials: Sequence[LoadTrial], confidence: float) -> tuple[CurvePoint, ...]:
    """Return one point for each load, ascending. Trials without a duration are left out."""
    by_load: defaultdict[float, list[LoadTrial]] = defaultdict(list)
    for trial in trials:
        if trial.duration_s > 0.0 and _count_requests(trial):
            by_load[trial.load].append(trial)
    return tuple(_join(load, by_load[load], confidence) for load in sorted(by_load))


def relative_error(value: FittedValue, confidence: float) -> float:
    """Return the relative standard error that an interval of a mean or a rate was made of."""
    if value.high is None or value.value <= 0.0:
        return LEAST_ERROR
    half_width = (value.high - value.low) / 2.0
    return max(LEAST_ERROR, half_width / value.value / _normal_quantile(confidence))


def interval(value: float, error: float, confidence: float) -> FittedValue:
    """Return a value with the interval of its standard error; it does not reach below 0."""
    half_width = error * _normal_quantile(confidence)
    return FittedValue(value=value, low=max(0.0, value - half_width), high=value + half_width)


def _normal_quantile(confidence: float) -> float:
    return stats.t_quantile((1.0 + confidence) / 2.0, 1e6)


def _join(load: float, trials: Sequence[LoadTrial], confidence: float) -> CurvePoint:
    durations_s = [trial.duration_s for trial in trials]
    requests = sum(map(_count_requests, trials))
    throughput_rps = _weighted([trial.throughput_rps for trial in trials], durations_s)
    throughput_error = _throughput_error(trials)
    return CurvePoint(
        load=load,
        requests=requests,
        duration_s=sum(durations_s),
        throughput_rps=interval(throughput_rps, throughput_error, confidence),
        goodput_rps=_weighted([trial.goodput_rps for trial in trials], durations_s),
        mean_ms=_join_means(trials, confidence),
        p95_ms=_join_p95(trials),
        success_ratio=min(1.0, _weighted([trial.success_ratio for trial in trials], durations_s)),
    )


def _count_requests(trial: LoadTrial) -> int:
    completed = round(trial.throughput_rps * trial.duration_s)
    return max((counts.requests for counts in trial.counts), default=completed)


def _weighted(values: Sequence[float], weights: Sequence[float]) -> float:
    return float(np.average(values, weights=weights))


def _throughput_error(trials: Sequence[LoadTrial]) -> float:
    """Return the standard error of the throughput, from the blocks of the trials if there are some."""
    variance = 0.0
    for trial in trials:
        blocks = trial.counts[0].blocks if trial.counts else ()
        sizes = np.array([block.requests for block in blocks], dtype=np.float64)
        if len(sizes) > 1:
            variance += long_run_variance(sizes - np.mean(sizes))
        else:
            variance += _count_requests(trial)
    return math.sqrt(variance) / sum(trial.duration_s for trial in trials)


def _join_means(trials: Sequence[LoadTrial], confidence: float) -> FittedValue | None:
    means_ms: list[float] = []
    errors_ms: list[float] = []
    weights: list[float] = []
    for trial in trials:
        completed = trial.throughput_rps * trial.duration_s
        if trial.mean_ms is not None and completed > 0.0:
            means_ms.append(trial.mean_ms)
            weights.append(completed)
            independent_ms = trial.mean_ms / math.sqrt(completed)
            errors_ms.append(independent_ms if trial.mean_error_ms is None else trial.mean_error_ms)
    if not means_ms:
        return None
    shares = np.array(weights) / sum(weights)
    error_ms = float(np.sqrt(np.sum((shares * errors_ms) ** 2)))
    return interval(float(np.sum(shares * means_ms)), error_ms, confidence)


def _join_p95(trials: Sequence[LoadTrial]) -> float | None:
    values_ms = [trial.p95_ms for trial in trials if trial.p95_ms is not None]
    return float(np.mean(values_ms)) if values_ms else None
