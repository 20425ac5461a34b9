"""Judge pairs one after the other, as `bench ab` does while it measures."""

from collections.abc import Iterable

from bench.core.run.result import RunResult
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.compare import Comparison
from bench.core.verdict.stopping import MIN_PAIRS, next_step


def judge_pairs(
    pairs: Iterable[tuple[RunResult, RunResult]], scenarios: int = 1
) -> tuple[Comparison, int] | None:
    """Return the comparison after the pair at which the rule stops, and the number of pairs.

    Args:
        pairs: A run of the base and a run of the head, measured one after the other.
        scenarios: Number of scenarios that are compared together.

    Returns:
        None if the rule needs more pairs than there are.
    """
    base: list[RunResult] = []
    head: list[RunResult] = []
    for base_run, head_run in pairs:
        base.append(base_run)
        head.append(head_run)
        if len(base) >= MIN_PAIRS:
            comparison = compare_pairs(base, head, head_run, "base", scenarios)
            if next_step(comparison) is not None:
                return comparison, len(base)
    return None
