"""How far one side lies from the other in a metric, in started logarithms, and how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core.calibration.machine import Machine, slope_error, slope_on
from bench.core.samples.metric import Better
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.verdict.baseline import MIN_RUNS

PRIOR_SD, PRIOR_DF = 0.06, 6  # between-run spread before any run was seen, on the log scale
# The same where a control takes the machine out.
CONTROLLED_PRIOR_SD = 0.03
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
        distance: Mean over messages of the difference of their started logarithms, less the machine's part.
        standard_error: Of the distance.
        df: Degrees of freedom of the standard error.
        smallest: Of the distances that it is the mean of, the one nearest to nothing; 0 when they disagree.
        machine: The part of the whole difference that the control puts down to the machine.
        slower: What that part would be if the metric followed the control in full.
    """

    key: str
    base: float
    head: float
    distance: float
    standard_error: float
    df: int
    smallest: float
    machine: float = 0.0
    slower: float = 0.0

    @property
    def p_worse(self) -> float:
        """Probability of being this much worse by chance."""
        return stats.t_upper(self.distance / self.standard_error, self.df)

    @property
    def p_better(self) -> float:
        """Probability of being this much better by chance."""
        return stats.t_upper(-self.distance / self.standard_error, self.df)

    @property
    def beyond_the_machine(self) -> float:
        """The distance if the metric followed the control in full."""
        return self.distance + self.machine - self.slower


def from_baseline(
    key: str,
    heads: Sequence[Figures],
    base: Sequence[Figures],
    prior: tuple[float, int] | None = None,
    machine: Machine | None = None,
) -> Shift | None:
    """The distance of a run, or of a run and its repetition, paired by prompt; None of too few runs.

    A repetition on the same machine shares its mood and is no second witness: it makes the distance a mean,
    and the standard error stays that of one run.

    Args:
        key: The metric.
        heads: Figures of the run, and of its repetition; empty where it has none.
        base: Figures of the baseline's runs, likewise.
        prior: Spread between runs and its degrees of freedom, when that was measured.
        machine: How fast the machines were, when that was.
    """
    row = metric(key)
    start_ms = row.smallest_change
    asked = {prompt for head in heads for prompt in head}
    usual = {prompt: value for prompt, value in usual_of(base, start_ms).items() if prompt in asked}
    paired = [number for number, run in enumerate(base) if run.keys() & usual.keys()]
    known = [number for number, head in enumerate(heads) if head.keys() & usual.keys()]
    if len(paired) < MIN_RUNS or not known:
        return None
    sign = 1.0 if row.better is Better.LOWER else -1.0
    residuals = [sign * stats.paired_change(base[number], usual, start_ms) for number in paired]
    distances = [sign * stats.paired_change(heads[number], usual, start_ms) for number in known]
    machine = machine or Machine(heads=(0.0,) * len(heads), base=(0.0,) * len(base))
    paces, head_paces = [machine.base[n] for n in paired], [machine.heads[n] for n in known]
    pace, slope = _mean(paces), slope_on(paces, residuals)
    own = [each - slope * (at - pace) for each, at in zip(residuals, paces, strict=True)]
    net = [each - slope * (at - pace) for each, at in zip(distances, head_paces, strict=True)]
    slower = _mean(head_paces) - pace
    spread, df = stats.shrunk_sd(own, *(prior or (CONTROLLED_PRIOR_SD if slope else PRIOR_SD, PRIOR_DF)))
    error = math.hypot(
        spread * math.sqrt(1.0 + 1.0 / len(paired)), slower * slope_error(slope, paces, spread)
    )
    typical = [stats.typical([heads[n][each] for each in usual if each in heads[n]], start_ms) for n in known]
    return Shift(
        key=key,
        base=stats.typical(list(usual.values()), start_ms),
        head=_mean(typical),
        distance=_mean(net),
        standard_error=error,
        df=df,
        smallest=min(net, key=abs) if len({each > 0 for each in net}) == 1 else 0.0,
        machine=slope * slower,
        slower=slower,
    )


def usual_of(runs: Sequence[Figures], start_ms: float) -> dict[str, float]:
    """The typical value of each prompt that any of the runs has."""
    prompts = sorted({prompt for run in runs for prompt in run})
    return {
        prompt: stats.typical([run[prompt] for run in runs if prompt in run], start_ms) for prompt in prompts
    }


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


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
