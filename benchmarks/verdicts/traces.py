"""Real traces of hosted runners: years of daily microbenchmarks, in two sizes of the same work.

The file hosted-runner-noise.json has the published benchmark history of the example projects of
github-action-benchmark (`dev/bench/data.js` of its pages branch): one value a run, in order, and the day of
each run. "small" and "large" were measured by the same job, so that "small" can be the reference workload of
"large". The level shifts of toolchains are in it.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from .world import Floats

_FILE = Path(__file__).with_name("hosted-runner-noise.json")
_WINDOW = 10  # runs before and after a shift
_SHIFT, _CORRECTED_SHIFT = 0.15, 0.06  # a maintainer accepts a larger shift as a new level
_FEWEST = 8  # runs of a baseline


@dataclass(frozen=True, slots=True)
class Trace:
    """The history of one language; above 0 is slower."""

    name: str
    work: Floats
    """Log times of "large"."""
    workload: Floats
    """Log times of "small", the reference workload."""
    levels: tuple[int, ...]
    """First run of each level, as a maintainer would accept them."""

    def level_of(self, run: int) -> int:
        """Return the first run of the level of a run."""
        return max(first for first in self.levels if first <= run)


@cache
def traces() -> tuple[Trace, ...]:
    """Return the traces of all languages."""
    made: list[Trace] = []
    for name, history in json.loads(_FILE.read_text(encoding="utf-8")).items():
        sign = -1.0 if history["higher_is_better"] else 1.0
        work = _centre(sign * np.log(history["large"]))
        workload = _centre(sign * np.log(history["small"]))
        made.append(Trace(name, work, workload, _levels(work, workload)))
    return tuple(made)


@cache
def moments() -> tuple[tuple[Trace, int, int], ...]:
    """Return every run of a trace that has enough runs of its level before it, and the level's first run."""
    judged: list[tuple[Trace, int, int]] = []
    for trace in traces():
        for run in range(len(trace.work)):
            first = trace.level_of(run)
            if run - first >= _FEWEST:
                judged.append((trace, first, run))
    return tuple(judged)


def _centre(logs: Floats) -> Floats:
    centred: Floats = logs - np.median(logs)
    return centred


def _levels(work: Floats, workload: Floats) -> tuple[int, ...]:
    """Return the first run of each level: where medians of ten runs differ, the clearest shift first."""
    strength = np.maximum(_shifts(work) / _SHIFT, _shifts(work - workload) / _CORRECTED_SHIFT)
    firsts = [0]
    while strength.max() > 1.0:
        first = int(strength.argmax())
        firsts.append(first)
        strength[max(0, first - _WINDOW) : first + _WINDOW] = 0.0
    return tuple(sorted(firsts))


def _shifts(logs: Floats) -> Floats:
    """Return how much the median of the ten runs from each run differs from that of the ten before it."""
    shifts = np.zeros(len(logs))
    for run in range(_WINDOW, len(logs) - _WINDOW):
        shifts[run] = abs(np.median(logs[run : run + _WINDOW]) - np.median(logs[run - _WINDOW : run]))
    return shifts
