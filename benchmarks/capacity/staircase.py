"""The staircase: levels of the same length from the smallest load on, until one misses the objective."""

from typing import NamedTuple

import numpy as np

from .stand import Random, Stand, simulate

LEVEL_S = 90.0
_MOST_LEVELS = 60


class Steps(NamedTuple):
    """A staircase that has ended."""

    low: float
    """Last load that met the objective; 0 without one."""
    high: float
    """First load that missed it."""
    took_s: float
    """Its duration, with the drains."""


def climb(stand: Stand, first: float, width_ratio: float, random: Random, level_s: float = LEVEL_S) -> Steps:
    """Hold one load after the other; neighbours differ by the width of an interval.

    The first load is random within one step, so that the place of the steps does not decide.
    """
    factor = (2.0 + width_ratio) / (2.0 - width_ratio)
    load = first * factor ** random.random()
    load = load if stand.is_open else float(round(load))
    low = 0.0
    took_s = 0.0
    for _ in range(_MOST_LEVELS):
        requests = simulate(stand, load, level_s, random)
        took_s += max(level_s, float(requests.ends.max(initial=0.0)))
        late = requests.ends - requests.starts > stand.limit_s
        if float(np.mean(late | requests.failed)) > stand.allowed_ratio:
            break
        low = load
        load = load * factor if stand.is_open else max(load + 1.0, round(load * factor))
    return Steps(low, load, took_s)
