"""How fast the machines of the compared runs were, by their controls.

What the machine did to a metric is taken out as far as the baseline's runs show that it follows the control:
analysis of covariance (Fisher, 1932), with a slope that is shrunk to 1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.values import stats
from bench.core.values.units import Values

# A metric that follows its control less than this is not corrected by it: that would only add noise.
LEAST_CORRELATION = 0.5
# A slope of 1 is what a machine does that is slower in everything; it counts for so many runs.
SLOPE_PRIOR_RUNS = 6
MOST_SLOPE = 1.2
# Spread of the pace before any was seen, and how many runs' worth that is.
PACE_PRIOR_SD, PACE_PRIOR_DF = 0.02, 6
# The machine is another one when its pace differs by more than this, and not by chance.
MOVED_RATIO, MOVED_ALPHA = 0.05, 0.01


@dataclass(frozen=True, slots=True)
class Machine:
    """The pace of each run, the logarithm of the control's time: 0.1 more is about 10 % slower.

    Attributes:
        heads: Of the run, and of its repetition.
        base: Of the baseline's runs, in their order.
    """

    heads: tuple[float, ...]
    base: tuple[float, ...]

    @property
    def slower(self) -> float:
        """How much slower the run's machine was than those of the baseline, in logarithms."""
        return sum(self.heads) / len(self.heads) - sum(self.base) / len(self.base)

    @property
    def slower_ratio(self) -> float:
        """The same as a share."""
        return math.expm1(self.slower)

    @property
    def moved(self) -> bool:
        """Whether the run's machine is not one like the baseline's."""
        spread, df = stats.shrunk_sd(self.base, PACE_PRIOR_SD, PACE_PRIOR_DF)
        t = abs(self.slower) / (spread * math.sqrt(1.0 + 1.0 / len(self.base)))
        return abs(self.slower) > math.log1p(MOVED_RATIO) and 2.0 * stats.t_upper(t, df) < MOVED_ALPHA


def machine_of(
    heads: Sequence[ReferenceWorkload | None], base: Sequence[ReferenceWorkload | None]
) -> Machine | None:
    """The pace of runs; None unless all did the same work."""
    known = [each for each in (*heads, *base) if each is not None]
    kinds = {(each.version, each.pieces) for each in known}
    if len(known) < len(heads) + len(base) or len(kinds) != 1:
        return None
    _, pieces = kinds.pop()
    if not pieces:
        return None
    paces = tuple(each.log_pace(pieces) for each in known)
    return Machine(heads=paces[: len(heads)], base=paces[len(heads) :])


def slope_on(paces: Values, residuals: Values) -> float:
    """How far a metric follows the machine's pace; 0 where it does not show that it does."""
    slope, correlation = stats.shrunk_slope(residuals, paces, SLOPE_PRIOR_RUNS)
    return min(MOST_SLOPE, max(0.0, slope)) if correlation >= LEAST_CORRELATION else 0.0


def slope_error(slope: float, paces: Values, spread: float) -> float:
    """Standard error of the slope: at most that of any slope in its range, uniformly."""
    if not slope:
        return 0.0
    weight = len(paces) - 1
    squares = float(np.var(paces, ddof=1)) * (weight + SLOPE_PRIOR_RUNS)
    return min(spread / math.sqrt(squares), MOST_SLOPE / math.sqrt(12.0))
