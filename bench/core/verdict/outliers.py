"""Find the runs of a level that do not look like its other runs."""

import math
from collections.abc import Sequence

from bench.core.calibration.machine_speed import compare_speed
from bench.core.samples.cost_metrics import SAFE_LOADS
from bench.core.samples.metric import Part
from bench.core.samples.metrics import metric, sentence_name
from bench.core.values import wording
from bench.core.verdict.baseline import MIN_RUNS, BaselineRun
from bench.core.verdict.level_shift import find_outliers


def mark_outliers(runs: Sequence[BaselineRun]) -> dict[str, str]:
    """Return why a run is an outlier, by run id; runs that are no outliers are absent.

    A run is an outlier if a deciding metric, without the effect of the machine, is further from the median of
    its level than `OUTLIER_SDS` robust standard deviations. Fewer runs than a decision needs have no
    outliers. The marks follow from all runs of the level, so mark again after each new run.

    Args:
        runs: All runs of one level, also those that were marked before.
    """
    if len(runs) < MIN_RUNS:
        return {}
    simulated = all(run.fingerprint.simulated for run in runs)
    speed = None if simulated else compare_speed([], runs)
    log_times = (0.0,) * len(runs) if speed is None else speed.base_log_times
    reasons: dict[str, str] = {}
    for key in sorted(set[str]().union(*[run.figures for run in runs])):
        # A safe load is compared with the error of its own search, and is a whole number.
        if metric(key).part is not Part.DECIDES or key in SAFE_LOADS:
            continue
        distances = find_outliers(key, [run.figures.get(key, {}) for run in runs], log_times)
        for position, distance in distances.items():
            reasons.setdefault(runs[position].run_id, _reason(key, distance))
    return reasons


def _reason(key: str, distance: float) -> str:
    change_ratio = math.expm1(metric(key).worse_sign * distance)
    return f"{sentence_name(key)} {wording.change(change_ratio)} compared with its level"
