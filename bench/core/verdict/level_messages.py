"""Estimate the change of each message, and of each class of messages, against the levels of a baseline.

The machine acts on a message as on its metric, so the slope on the machine speed comes from the metric. With
c_im as the corrected logarithm of message m in run i, and l_m as its median over the newest level:

    change of a group = weighted mean over its messages of c_m - l_m, where c_m is that of the head
    s²                = variance of the same in the runs of all levels, around the medians of their levels
    prior variance    = error² of the metric + (usual variance of a message) · sum of (share of a message)²
    error²            = s² (1 + v / n), with n runs of the newest level and v as the variance of a median
"""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from bench.core.calibration.machine_speed import WINSOR_SDS, MachineSpeed
from bench.core.run.figures import Figures
from bench.core.samples.metrics import metric
from bench.core.values.robust import moderate_sd, robust_sd, variance_of_median, winsorise
from bench.core.values.units import FloatArray
from bench.core.verdict.change import ChangeEstimate
from bench.core.verdict.level_shift import PRIOR_DF, LevelRuns


@dataclass(frozen=True, slots=True)
class MessageChanges:
    """Corrected logarithms of one metric, relative to the newest level; above 0 is worse."""

    estimate: ChangeEstimate
    """The change of the metric over all messages."""
    messages: tuple[str, ...]
    """The messages that the newest level and the heads have, one per column."""
    weights: FloatArray
    """Number of requests of each message."""
    usual_logs: FloatArray
    """Median logarithm of each message in the newest level, as measured."""
    heads: FloatArray
    """Distance of each head run and message from the newest level."""
    residuals: FloatArray
    """Distance of each run of the baseline from the median of its level, by message; NaN without a value."""
    newest_runs: int
    """Number of runs of the newest level."""
    levels: int
    """Number of levels with a run."""

    @property
    def usual_variance(self) -> float:
        """Return the mean variance of a message around the distance of its run."""
        of_run = _weighted_means(self.residuals, self.weights)
        around = self.residuals - of_run[:, np.newaxis]
        spreads = [robust_sd(column[~np.isnan(column)].tolist()) for column in around.T]
        return float(np.mean(np.square(spreads)))

    def estimate_group(self, selected: npt.NDArray[np.bool_], usual_variance: float) -> ChangeEstimate | None:
        """Return the change of some messages together; `None` if no head run has one of them."""
        weights = self.weights[selected]
        changes = _weighted_means(self.heads[:, selected], weights)
        changes = changes[~np.isnan(changes)]
        if not len(changes):
            return None
        overall = self.estimate
        shares = weights / weights.sum()
        prior_variance = overall.standard_error**2 + usual_variance * float(shares @ shares)
        residuals = _weighted_means(self.residuals[:, selected], weights)
        kept = residuals[~np.isnan(residuals)].tolist()
        moved = winsorise(kept, WINSOR_SDS * max(math.sqrt(prior_variance), robust_sd(kept)))
        squares = math.fsum([residual**2 for residual in moved])
        df = max(0, len(kept) - self.levels)
        spread, total_df = moderate_sd(squares, df, math.sqrt(prior_variance), PRIOR_DF)
        change = float(np.mean(changes))
        offset = change - overall.log_change
        base_log = float(shares @ self.usual_logs[selected])
        sign = metric(overall.key).worse_sign
        resolution = metric(overall.key).resolution
        return replace(
            overall,
            base=max(0.0, math.exp(base_log) - resolution),
            head=max(0.0, math.exp(base_log + sign * (change + overall.machine_effect)) - resolution),
            log_change=change,
            standard_error=spread * math.sqrt(1.0 + variance_of_median(self.newest_runs)),
            df=total_df,
            agreed=float(np.min(changes)),
            lowest=None if overall.lowest is None else overall.lowest + offset,
            highest=None if overall.highest is None else overall.highest + offset,
        )


def measure_messages(
    estimate: ChangeEstimate, runs: LevelRuns, speed: MachineSpeed | None
) -> MessageChanges | None:
    """Return the changes of the messages; `None` unless the newest level and a head run share a message.

    Args:
        estimate: The change of the metric, with the slope on the machine speed.
        runs: Values of the run, of its confirmation run, and of the baseline's runs.
        speed: Machine speed of the heads and of all runs; `None` disables the correction.
    """
    heads = runs.heads
    levels = runs.levels
    names = sorted(set[str]().union(*heads) & set[str]().union(*levels[-1]))
    if not names:
        return None
    log_times = iter(speed.base_log_times if speed else (0.0,) * sum(map(len, levels)))
    head_log_times = speed.head_log_times if speed else (0.0,) * len(heads)
    sign = metric(estimate.key).worse_sign
    corrected: list[FloatArray] = []
    residuals: list[FloatArray] = []
    for level in levels:
        logs = _logs(estimate.key, level, names)
        shift = estimate.slope * np.array([next(log_times) for _ in level])
        corrected.append(sign * logs - shift[:, np.newaxis])
        residuals.append(corrected[-1] - _medians(corrected[-1]))
    head_shift = estimate.slope * np.array(head_log_times)
    head_logs = sign * _logs(estimate.key, heads, names) - head_shift[:, np.newaxis]
    return MessageChanges(
        estimate=estimate,
        messages=tuple(names),
        weights=np.array([runs.weights.get(name, 1.0) for name in names]),
        usual_logs=_medians(_logs(estimate.key, levels[-1], names)),
        heads=head_logs - _medians(corrected[-1]),
        residuals=np.concatenate(residuals),
        newest_runs=len(levels[-1]),
        levels=sum(1 for level in levels if level),
    )


def _logs(key: str, runs: Sequence[Figures], names: Sequence[str]) -> FloatArray:
    """Return log(x + c) by run and message; NaN without a value."""
    values = np.full((len(runs), len(names)), math.nan)
    for row, run in zip(values, runs, strict=True):
        row[:] = [run.get(name, math.nan) for name in names]
    logs: FloatArray = np.log(values + metric(key).resolution)
    return logs


def _medians(logs: FloatArray) -> FloatArray:
    """Return the median of each column; NaN for a column without a value."""
    if not np.isnan(logs).any():  # the usual case, and ten times as fast
        complete: FloatArray = np.median(logs, axis=0)
        return complete
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        medians: FloatArray = np.nanmedian(logs, axis=0)
    return medians


def _weighted_means(values: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weighted mean of each row over its values; NaN for a row without a value."""
    present = ~np.isnan(values)
    totals = present @ weights
    sums = np.where(present, values, 0.0) @ weights
    means: FloatArray = np.full(len(values), math.nan)
    np.divide(sums, totals, out=means, where=totals > 0.0)
    return means
