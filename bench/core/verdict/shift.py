"""The difference of two sides in one metric, as a difference of started logarithms, with its standard error.

A started logarithm is log(x + c), where c is the smallest change that matters. A difference of 0.1 is a
change of about 10 % for times far above c.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from bench.core.calibration.machine_speed import MachineSpeed, machine_slope, slope_error
from bench.core.samples.metric import Better
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.verdict.baseline import MIN_RUNS

# Prior standard deviation between runs on the log scale, and its degrees of freedom.
PRIOR_SD = 0.06
PRIOR_DF = 6
# The same if the effect of the machine is removed.
CORRECTED_PRIOR_SD = 0.03

# Value by prompt.
Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Shift:
    """The distance of the head from the base in one metric; above 0 is worse."""

    key: str
    """Key of the metric."""
    base: float
    """Typical value of the base, in the metric's unit."""
    head: float
    """Typical value of the head."""
    distance: float
    """Mean over prompts of the differences of started logarithms, without the effect of the machine."""
    standard_error: float
    """Standard error of the distance."""
    df: int
    """Degrees of freedom of the standard error."""
    smallest: float
    """The distance of the single head run that is nearest to 0; 0 if the head runs have different signs."""
    machine_effect: float = 0.0
    """The part of the difference that follows the machine speed and is not in `distance`."""
    log_slowdown: float = 0.0
    """What `machine_effect` is for a metric that follows the machine speed in full (slope 1)."""

    @property
    def p_worse(self) -> float:
        """P value of the one-sided t test that the head is worse."""
        return stats.t_upper(self.distance / self.standard_error, self.df)

    @property
    def p_better(self) -> float:
        """P value of the one-sided t test that the head is better."""
        return stats.t_upper(-self.distance / self.standard_error, self.df)

    @property
    def distance_at_full_slope(self) -> float:
        """The distance if the metric followed the machine speed in full (slope 1)."""
        return self.distance + self.machine_effect - self.log_slowdown


class _Side(NamedTuple):
    """The runs of one side that have a prompt in common with the reference values, in their order."""

    distances: list[float]
    log_times: list[float]
    typical: list[float]


def shift_from_baseline(
    key: str,
    heads: Sequence[Figures],
    base: Sequence[Figures],
    prior: tuple[float, int] | None = None,
    speed: MachineSpeed | None = None,
) -> Shift | None:
    """Return the shift of a run against its baseline, paired by prompt; `None` with too few runs.

    Args:
        key: The metric.
        heads: Values of the run and of its confirmation run; empty if a run has no value.
        base: Values of the baseline's runs; empty if a run has no value.
        prior: Measured spread between runs and its degrees of freedom.
        speed: Machine speed of all runs; `None` disables the correction.
    """
    reference = _reference_values(key, heads, base)
    if speed is None:
        speed = MachineSpeed(head_log_times=(0.0,) * len(heads), base_log_times=(0.0,) * len(base))
    head_side = _measure_side(key, heads, speed.head_log_times, reference)
    base_side = _measure_side(key, base, speed.base_log_times, reference)
    if len(base_side.distances) < MIN_RUNS or not head_side.distances:
        return None
    base_value = stats.typical(list(reference.values()), metric(key).resolution)
    return _estimate_shift(key, base_value, head_side, base_side, prior)


def _estimate_shift(
    key: str, base_value: float, head_side: _Side, base_side: _Side, prior: tuple[float, int] | None
) -> Shift:
    """Estimate the shift by an analysis of covariance (Fisher, 1932).

    Let r_i and x_i be the distance and the log workload time of baseline run i of n, d and x those of the
    head, and b the slope of r on x. Then the distance and its standard error are

        distance = d - b (x - mean(x_i))
        s        = standard deviation of r_i - b (x_i - mean(x_i)), shrunk to its prior
        error²   = s² (1 + 1/n) + (x - mean(x_i))² error(b)²

    A confirmation run on the same machine is not independent of the first run. It makes d and x a mean, and
    the standard error remains that of one run.
    """
    points = [list(zip(base_side.log_times, base_side.distances, strict=True))]
    slope = machine_slope(points)
    mean_log_time = _mean(base_side.log_times)
    log_slowdown = _mean(head_side.log_times) - mean_log_time
    head_distances = _correct(head_side, slope, mean_log_time)
    base_distances = _correct(base_side, slope, mean_log_time)

    prior_sd, prior_df = prior or (CORRECTED_PRIOR_SD if slope else PRIOR_SD, PRIOR_DF)
    spread, df = stats.shrunk_sd(base_distances, prior_sd, prior_df)
    prediction_error = spread * math.sqrt(1.0 + 1.0 / len(base_distances))
    correction_error = log_slowdown * slope_error(slope, points, spread)
    return Shift(
        key=key,
        base=base_value,
        head=_mean(head_side.typical),
        distance=_mean(head_distances),
        standard_error=math.hypot(prediction_error, correction_error),
        df=df,
        smallest=_smallest(head_distances),
        machine_effect=slope * log_slowdown,
        log_slowdown=log_slowdown,
    )


def typical_by_prompt(runs: Sequence[Figures], start_ms: float) -> dict[str, float]:
    """Return the typical value of each prompt over all runs that have it."""
    values: dict[str, list[float]] = {}
    for run in runs:
        for prompt, value in run.items():
            values.setdefault(prompt, []).append(value)
    return {prompt: stats.typical(values[prompt], start_ms) for prompt in sorted(values)}


def worse_sign(key: str) -> float:
    """Return the sign of a change for the worse: 1 if lower values are better, else -1."""
    return 1.0 if metric(key).better is Better.LOWER else -1.0


def _reference_values(key: str, heads: Sequence[Figures], base: Sequence[Figures]) -> dict[str, float]:
    """Return the baseline's typical value of each prompt that a head run has."""
    head_prompts = set[str]().union(*heads)
    typical = typical_by_prompt(base, metric(key).resolution)
    return {prompt: value for prompt, value in typical.items() if prompt in head_prompts}


def _measure_side(key: str, runs: Sequence[Figures], log_times: Sequence[float], reference: Figures) -> _Side:
    """Measure the runs against the reference values; runs without a common prompt are left out."""
    start_ms = metric(key).resolution
    side = _Side(distances=[], log_times=[], typical=[])
    for run, log_time in zip(runs, log_times, strict=True):
        common = [run[prompt] for prompt in reference if prompt in run]
        if common:
            side.distances.append(worse_sign(key) * stats.paired_change(run, reference, start_ms))
            side.log_times.append(log_time)
            side.typical.append(stats.typical(common, start_ms))
    return side


def _correct(side: _Side, slope: float, mean_log_time: float) -> list[float]:
    """Return the distances without the effect of the machine."""
    pairs = zip(side.distances, side.log_times, strict=True)
    return [distance - slope * (log_time - mean_log_time) for distance, log_time in pairs]


def _smallest(distances: Sequence[float]) -> float:
    """Return the distance nearest to 0; 0 if some are above 0 and some are not."""
    all_worse = min(distances) > 0
    any_worse = max(distances) > 0
    if any_worse and not all_worse:
        return 0.0
    return min(distances, key=abs)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
