"""Judge pairs one after the other, as `bench ab` does while it measures."""

from collections.abc import Iterable

from bench.core.run.result import RunResult
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.compare import Comparison

MAX_PAIRS = 12
PAIRS = 6


def judge_pairs(pairs: Iterable[tuple[RunResult, RunResult]]) -> tuple[Comparison, int] | None:
    """Return the comparison after the pair at which the rule stops, and the number of pairs.

    Returns:
        None if the rule would need more pairs than there are.
    """
    base: list[RunResult] = []
    head: list[RunResult] = []
    for base_run, head_run in pairs:
        base.append(base_run)
        head.append(head_run)
        if len(base) >= PAIRS:
            return compare_pairs(base, head, head_run, "base"), len(base)
    return None
