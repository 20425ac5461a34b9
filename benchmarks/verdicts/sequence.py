"""Judge pairs one after the other, as `bench ab` does while it measures."""

from collections.abc import Sequence

from bench.core.run.result import RunResult
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.compare import Comparison

PAIRS = 6


def judge_pairs(
    base: Sequence[RunResult], head: Sequence[RunResult], scenarios: int = 1
) -> tuple[Comparison, int] | None:
    """Return the comparison after the pair at which the rule stops, and the number of pairs.

    Returns:
        None if the rule would need more pairs than there are.
    """
    if len(base) < PAIRS:
        return None
    return compare_pairs(base[:PAIRS], head[:PAIRS], head[PAIRS - 1], "base"), PAIRS
