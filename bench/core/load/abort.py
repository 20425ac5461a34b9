"""Whether a run should stop now. It keeps what thresholds need of each request, so asking stays cheap."""

from array import array
from collections.abc import Mapping, Sequence

import numpy as np

from bench.core.config.executors import Phase
from bench.core.config.threshold import Threshold, judge_values
from bench.core.samples.metrics import metric
from bench.core.samples.samples import Samples
from bench.core.values import wording


class AbortWatch:
    """Watches the thresholds with `abort_on_fail`.

    Args:
        thresholds: All of a scenario's, by metric.
        phases: Its stages; what happens in a warm-up aborts nothing.
    """

    def __init__(self, thresholds: Mapping[str, Sequence[Threshold]], phases: Sequence[Phase]) -> None:
        self._warm = [index for index, phase in enumerate(phases) if phase.warm_up]
        urgent = {key: [x for x in limits if x.abort_on_fail] for key, limits in thresholds.items()}
        self._limits = {key: limits for key, limits in urgent.items() if limits}
        self._rows = {key: metric(key) for key in self._limits}
        self._values = {key: array("d") for key in self._limits}

    def add(self, samples: Samples) -> None:
        """Take requests that are over."""
        if not self._limits:
            return
        counted = samples.answered()
        ours = (counted.column("arm") == 0) & ~np.isin(counted.column("phase"), self._warm)
        counted = counted.where(ours)
        for key, row in self._rows.items():
            values = row.values(counted)
            self._values[key].extend(values[~np.isnan(values)])

    def reason(self, elapsed_s: float) -> str | None:
        """Why the run should stop, or None. A threshold without data yet aborts nothing."""
        for key, limits in self._limits.items():
            due = [limit for limit in limits if elapsed_s >= limit.delay_abort_eval_s]
            for result in judge_values(self._rows[key], due, self._values[key], elapsed_s):
                if result.crossed and result.value is not None:
                    measured = wording.value(result.value, self._rows[key].unit)
                    return f"threshold {key} {result.threshold} was crossed ({measured})"
        return None
