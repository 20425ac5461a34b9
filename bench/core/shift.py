"""How far one side lies from the other in a metric, in started logarithms, and how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core import stats
from bench.core.baseline import MIN_RUNS
from bench.core.metrics import Better, metric

PRIOR_SD, PRIOR_DF = 0.06, 6  # between-run spread before any run was seen, on the log scale
# The same of two runs one after the other on one machine, which share its mood.
PAIR_PRIOR_SD, PAIR_PRIOR_DF = 0.03, 4
MIN_PAIRS = 4

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Shift:
    """A distance; above zero is worse.

    Attributes:
        key: The metric.
        base: Typical value of the one side, in the metric's unit.
        head: Of the other.
        distance: Mean over messages of the difference of their started logarithms.
        standard_error: Of the distance.
        df: Degrees of freedom of the standard error.
        smallest: Of the distances that it is the mean of, the one nearest to nothing; 0 when they disagree.
    """

    key: str
    base: float
    head: float
    distance: float
    standard_error: float
    df: int
    smallest: float

    @property
    def p_worse(self) -> float:
        """Probability of being this much worse by chance."""
        return stats.t_upper(self.distance / self.standard_error, self.df)

    @property
    def p_better(self) -> float:
        """Probability of being this much better by chance."""
        return stats.t_upper(-self.distance / self.standard_error, self.df)


def from_baseline(
    key: str, heads: Sequence[Figures], base: Sequence[Figures], prior: tuple[float, int] | None = None
) -> Shift | None:
    """The distance of a run, or of a run and its repetition, paired by prompt; None of too few runs.

    A repetition on the same machine shares its mood and is no second witness: it makes the distance a mean,
    and the standard error stays that of one run.

    Args:
        key: The metric.
        heads: Figures of the run, and of its repetition.
        base: Figures of the baseline's runs.
        prior: Spread between runs and its degrees of freedom, when that was measured.
    """
    row = metric(key)
    start_ms = row.smallest_change
    usual = {
        prompt: stats.typical([run[prompt] for run in base if prompt in run], start_ms)
        for prompt in sorted({prompt for head in heads for prompt in head})
        if any(prompt in run for run in base)
    }
    paired = [run for run in base if run.keys() & usual.keys()]
    if len(paired) < MIN_RUNS:
        return None
    residuals = [stats.paired_change(run, usual, start_ms) for run in paired]
    spread, df = stats.shrunk_sd(residuals, *(prior or (PRIOR_SD, PRIOR_DF)))
    sign = 1.0 if row.better is Better.LOWER else -1.0
    known = [head for head in heads if head.keys() & usual.keys()]
    distances = tuple(sign * stats.paired_change(head, usual, start_ms) for head in known)
    typical = [stats.typical([head[each] for each in usual if each in head], start_ms) for head in known]
    return Shift(
        key=key,
        base=stats.typical(list(usual.values()), start_ms),
        head=sum(typical) / len(typical),
        distance=sum(distances) / len(distances),
        standard_error=spread * math.sqrt(1.0 + 1.0 / len(paired)),
        df=df,
        smallest=min(distances, key=abs) if len({d > 0 for d in distances}) == 1 else 0.0,
    )


def of_pairs(key: str, pairs: Sequence[tuple[Figures, Figures]]) -> Shift | None:
    """The distance of a head from its base, each measured right beside the other; None of too few pairs."""
    row = metric(key)
    start_ms = row.smallest_change
    common = [(base, head) for base, head in pairs if base.keys() & head.keys()]
    if len(common) < MIN_PAIRS:
        return None
    distances = [stats.paired_change(head, base, start_ms) for base, head in common]
    spread, df = stats.shrunk_sd(distances, PAIR_PRIOR_SD, PAIR_PRIOR_DF)
    sign = 1.0 if row.better is Better.LOWER else -1.0
    distance = sign * sum(distances) / len(distances)
    base_ms, head_ms = (
        stats.typical([value for pair in common for value in pair[side].values()], start_ms)
        for side in (0, 1)
    )
    return Shift(
        key=key,
        base=base_ms,
        head=head_ms,
        distance=distance,
        standard_error=spread / math.sqrt(len(common)),
        df=df,
        smallest=distance,
    )
