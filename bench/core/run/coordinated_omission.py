"""The p99 of the response time in a closed loop, corrected for coordinated omission.

A VU that waits for a slow response sends nothing meanwhile, so a slow period of the target has few requests,
and percentiles hardly show it. HdrHistogram corrects this (Tene, `recordValueWithExpectedInterval`): for a
time above the expected interval between two requests, it adds the times of the omitted requests, which are
shorter by one interval, two intervals and so on, and at least as long as the interval.
Source: https://github.com/HdrHistogram/HdrHistogram#corrected-vs-raw-value-recording-calls
"""

from collections.abc import Iterator, Sequence

import numpy as np

from bench.core.config.executors import OpenLoop, Phase
from bench.core.samples.arrays import Column, Floats
from bench.core.samples.metrics import METRICS
from bench.core.samples.samples import Samples
from bench.core.values import stats

_PROBABILITY = 0.99
_STEPS = 40
"""Halvings of the range of the p99, which leave an error of a billionth of the longest time."""
_MOST_RADIX = 2**16
"""numpy sorts numbers below this one several times as fast."""


def correct_p99(messages: Samples, phases: Sequence[Phase]) -> float | None:
    """Return the corrected p99 in milliseconds.

    Returns:
        None for an open loop, which omits no request, for too few requests, and if no VU sent two requests.

    Args:
        messages: Answered and failed requests, which the response time covers.
        phases: Phases of the scenario; requests refer to them by index.
    """
    recorded: list[Floats] = []
    delayed: list[tuple[Floats, float]] = []
    for number, of_phase in _phases(messages):
        if isinstance(phases[number], OpenLoop):
            return None
        observed, _ = METRICS["e2e_ms"].observe(of_phase)
        interval_ms = _expected_interval_ms(of_phase)
        recorded.append(observed.values)
        if interval_ms is not None:
            delayed.append((np.sort(observed.values[observed.values >= 2.0 * interval_ms]), interval_ms))
    values_ms = np.concatenate(recorded) if recorded else np.empty(0)
    if not delayed or not stats.has_quantile(len(values_ms), _PROBABILITY):
        return None
    return _p99_ms(np.sort(values_ms), delayed)


def _phases(messages: Samples) -> Iterator[tuple[int, Samples]]:
    phases = messages.column("phase")
    for number in np.unique(phases).tolist():
        yield number, messages.where(phases == number)


def _expected_interval_ms(of_phase: Samples) -> float | None:
    """Return the median time between two requests of a VU; `None` if no VU sent two."""
    vus = of_phase.column("vu")
    if vus.max() < _MOST_RADIX:
        vus = vus.astype(np.uint16)
    # The requests of a VU stand in their order already, because each follows the end of the one before.
    order = np.argsort(vus, kind="stable")
    starts_s = of_phase.column("scheduled_s")[order]
    is_same_vu = np.diff(vus[order].astype(np.int64)) == 0
    intervals_s = np.diff(starts_s)[is_same_vu]
    positive_s = intervals_s[intervals_s > 0]
    return 1000.0 * float(np.median(positive_s)) if len(positive_s) else None


def _p99_ms(recorded_ms: Floats, delayed: Sequence[tuple[Floats, float]]) -> float:
    """Return the p99 of the recorded times, ascending, and of those of the omitted requests."""
    count = len(recorded_ms) + sum(_omitted_above(0.0, *group) for group in delayed)
    if count == len(recorded_ms):
        return stats.quantile_of_ascending(recorded_ms, _PROBABILITY)
    allowed = (1.0 - _PROBABILITY) * count
    low_ms = 0.0
    high_ms = float(recorded_ms[-1])
    for _ in range(_STEPS):
        middle_ms = (low_ms + high_ms) / 2.0
        above = len(recorded_ms) - int(np.searchsorted(recorded_ms, middle_ms, side="right"))
        above += sum(_omitted_above(middle_ms, *group) for group in delayed)
        if above > allowed:
            low_ms = middle_ms
        else:
            high_ms = middle_ms
    return high_ms


def _omitted_above(time_ms: float, delayed_ms: Column, interval_ms: float) -> int:
    """Return how many times of omitted requests are longer than a time.

    Args:
        time_ms: The time.
        delayed_ms: Times of the requests that delayed others, ascending.
        interval_ms: Expected interval between two requests.
    """
    # Of value - k · interval, for k from 1 on, those count that are at least the interval.
    first = int(np.searchsorted(delayed_ms, time_ms + interval_ms, side="right"))
    longest_ms = delayed_ms[first:]
    all_of_value = np.floor(longest_ms / interval_ms) - 1.0
    longer = np.ceil((longest_ms - time_ms) / interval_ms) - 1.0
    return int(np.minimum(all_of_value, longer).sum())
