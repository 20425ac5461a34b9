"""The verdict on the success ratio, by Fisher's exact test, because successes are counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.core.run.summary import BLOCKS
from bench.core.samples.metrics import metric
from bench.core.values import stats
from bench.core.verdict.change import SCREEN_ALPHA
from bench.core.verdict.verdict import MetricComparison, Verdict

SUCCESS = "success_ratio"
SUCCESS_ALPHA = 0.01
MIN_FAILED_BLOCKS = 2  # failures in a single block can be a short disturbance of the machine


class RequestCounts(Protocol):
    """A run that knows how its requests ended: of a result, of a baseline or of a history."""

    @property
    def ok(self) -> int:
        """Requests that succeeded."""

    @property
    def failed(self) -> int:
        """Requests that failed."""

    @property
    def failed_blocks(self) -> int:
        """Blocks (sixths of the run) with a failed request."""


@dataclass(frozen=True, slots=True)
class Successes:
    """Number of successful and failed requests of some runs."""

    ok: int
    """Requests that succeeded."""
    failed: int
    """Requests that failed."""
    failed_blocks: int
    """Blocks (sixths of a run) with a failed request."""
    runs: int
    """Number of runs."""

    @property
    def ratio(self) -> float:
        """Share of the requests that succeeded."""
        return self.ok / (self.ok + self.failed)

    def p_fewer(self, other: "Successes") -> float:
        """Return the p value of fewer successes than the other side.

        It is the larger p value of two Fisher tests, one of requests and one of blocks: failures come in
        clusters, and requests of one cluster are not independent.
        """
        blocks = BLOCKS * self.runs
        other_blocks = BLOCKS * other.runs
        p_requests = stats.fisher_less(self.ok, self.failed, other.ok, other.failed)
        p_blocks = stats.fisher_less(
            blocks - self.failed_blocks,
            self.failed_blocks,
            other_blocks - other.failed_blocks,
            other.failed_blocks,
        )
        return max(p_requests, p_blocks)


def count_successes(runs: Sequence[RequestCounts]) -> Successes:
    """Add up the successful and failed requests of runs."""
    ok = 0
    failed = 0
    failed_blocks = 0
    for run in runs:
        ok += run.ok
        failed += run.failed
        failed_blocks += run.failed_blocks
    return Successes(ok, failed, failed_blocks, len(runs))


def judge_success(head: Successes, base: Successes, alpha: float = SUCCESS_ALPHA) -> MetricComparison:
    """Return the verdict on the success ratio of the head, compared with the base, at a false-alarm rate."""
    p_worse = head.p_fewer(base)
    p_better = base.p_fewer(head)
    verdict = Verdict.UNCHANGED
    if p_worse < alpha and head.failed_blocks >= MIN_FAILED_BLOCKS:
        verdict = Verdict.WORSE
    elif p_better < alpha:
        verdict = Verdict.BETTER
    return MetricComparison(
        key=SUCCESS,
        verdict=verdict,
        part=metric(SUCCESS).part,
        base=base.ratio,
        head=head.ratio,
        change=head.ratio - base.ratio,
        base_requests=base.ok + base.failed,
        head_requests=head.ok + head.failed,
        p_value=p_worse,
        suspect=p_worse < SCREEN_ALPHA and head.failed > 0,
    )
