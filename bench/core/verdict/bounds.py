"""Verdicts on values that are only known to be longer, because requests were ended while they waited.

Such a value is a lower bound. Two rules keep it from turning a verdict around:

- A run that ended waiting requests never improved: their real times may be anything above their waits.
- A regression against lower bounds must also show without them: the baseline's real times may be as long.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence

from bench.core.run.figures import Figures, bounds_of
from bench.core.run.summary import RunSummary
from bench.core.verdict.verdict import MetricComparison, Verdict

# Prompts by metric.
Prompts = Mapping[str, Collection[str]]
BOUNDED_SHARE = 0.5
"""A value of the baseline is a lower bound if it is one in at least this share of the runs."""
_RUN_WAITED = "the run ended requests that waited, so its real time is longer"
_BASE_WAITED = "the baseline's runs ended requests that waited, so their real time is longer"


def judge_with_bounds(
    judge: Callable[[Prompts], Sequence[MetricComparison]],
    heads: Sequence[RunSummary],
    base_bounds: Sequence[Prompts],
) -> tuple[MetricComparison, ...]:
    """Judge metrics, and make verdicts inconclusive that lower bounds cannot prove.

    Args:
        judge: Judges all metrics, without some prompts of the base.
        heads: The runs of the head.
        base_bounds: The lower bounds of each run of the base.
    """
    bounded = bounded_prompts(base_bounds)
    verdicts = {row.key: row.verdict for row in judge(bounded)} if bounded else {}
    head_bounds = set[str]().union(*map(bounds_of, heads))
    waited = has_waiting(heads)
    judged: list[MetricComparison] = []
    for row in judge({}):
        changes: dict[str, object] = {"head_bound": row.key in head_bounds, "base_bound": row.key in bounded}
        if waited and row.verdict is Verdict.BETTER:
            changes |= {"verdict": Verdict.INCONCLUSIVE, "doubt": _RUN_WAITED}
        elif row.regressed and verdicts.get(row.key, row.verdict) is not Verdict.WORSE:
            changes |= {"verdict": Verdict.INCONCLUSIVE, "doubt": _BASE_WAITED, "suspect": False}
        judged.append(row.model_copy(update=changes))
    return tuple(judged)


def drop_figures(figures: Mapping[str, Figures], without: Prompts) -> dict[str, Figures]:
    """Return the values of a run of the base, by metric and prompt, without some prompts."""
    kept: dict[str, Figures] = {}
    for key, of_key in figures.items():
        left_out = without.get(key, ())
        kept[key] = {prompt: value for prompt, value in of_key.items() if prompt not in left_out}
    return kept


def has_waiting(runs: Sequence[RunSummary]) -> bool:
    """Return whether runs ended requests that waited."""
    return any(row.censored for summary in runs for row in summary.metrics.values())


def bounded_prompts(base_bounds: Sequence[Prompts]) -> dict[str, set[str]]:
    """Return the prompts by metric whose value is a lower bound in many runs of the base."""
    counts: dict[str, Counter[str]] = {}
    for bounds in base_bounds:
        for key, prompts in bounds.items():
            counts.setdefault(key, Counter()).update(prompts)
    bounded: dict[str, set[str]] = {}
    for key, of_key in counts.items():
        many = {prompt for prompt, count in of_key.items() if count >= BOUNDED_SHARE * len(base_bounds)}
        if many:
            bounded[key] = many
    return bounded
