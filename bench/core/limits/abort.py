"""Decide during a run whether a threshold with `abort_on_fail` stops it."""

from array import array
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from bench.core.limits.judge import judge_values
from bench.core.limits.threshold import Threshold
from bench.core.samples.coverage import Coverage
from bench.core.samples.metrics import metric
from bench.core.samples.samples import Samples
from bench.core.values.observations import Observations


class AbortWatch:
    """Watch the thresholds with `abort_on_fail`. It stores one number and one byte per request and metric.

    Args:
        thresholds: All thresholds of the scenario, by metric.
        warm_ups: Indexes of the warm-up phases, whose requests do not abort the run.
        coverage: The steps of the run.
    """

    def __init__(
        self,
        thresholds: Mapping[str, Sequence[Threshold]],
        warm_ups: Collection[int],
        coverage: Coverage = Coverage(),
    ) -> None:
        self._coverage = coverage
        self._warm_ups = list(warm_ups)
        self._limits: dict[str, list[Threshold]] = {}
        for key, limits in thresholds.items():
            aborting = [limit for limit in limits if limit.abort_on_fail]
            if aborting:
                self._limits[key] = aborting
        self._values = {key: array("d") for key in self._limits}
        self._bounds = {key: array("b") for key in self._limits}

    def add(self, samples: Samples) -> None:
        """Add requests that have ended."""
        if not self._limits:
            return
        answered = samples.without_cancelled()
        is_target = answered.column("arm") == 0
        is_warm_up = np.isin(answered.column("phase"), self._warm_ups)
        counted = answered.where(is_target & ~is_warm_up)
        for key, collected in self._values.items():
            observed, _ = metric(key).observe(self._coverage.select(counted, key))
            collected.extend(observed.values)
            self._bounds[key].extend(observed.is_bound.tolist())

    def reason(self, elapsed_s: float) -> str | None:
        """Return the reason to stop the run now, or `None`. A threshold without data does not stop it.

        Args:
            elapsed_s: Time since the start of the run, in seconds.
        """
        for key, limits in self._limits.items():
            row = metric(key)
            due = [limit for limit in limits if elapsed_s >= limit.delay_abort_eval_s]
            is_bound = np.array(self._bounds[key], dtype=bool)
            observed = Observations(np.array(self._values[key]), is_bound)
            for result in judge_values(row, due, observed, elapsed_s):
                if result.crossed and result.value is not None:
                    return f"threshold {key} {result.expression} was crossed ({result.measured})"
        return None
