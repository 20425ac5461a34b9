"""When the pairs of a comparison end, and how their false-alarm rate is spent.

After each pair from the third on, every test is made again. Each of these looks may raise a false alarm, so
the rate of a test is divided among them (Lan and DeMets, 1983, "Discrete sequential boundaries for clinical
trials"). The shares add up to 1, so by the union bound the rate of all looks together is at most that of the
test, for any noise and for any reason to stop.

    rate of a test at the look after n pairs = alpha · share(n) / scenarios
    share(n) = FIRST_SHARE for the first look, LAST_SHARE for the last one, equal parts for the others
"""

from enum import StrEnum

from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.message_comparison import MessageComparison
from bench.core.verdict.verdict import MetricComparison, Verdict

MIN_PAIRS = 3
MAX_PAIRS = 12
FIRST_SHARE = 0.2
"""Share of the false-alarm rate for the look after three pairs: a large change ends the pairs there."""
LAST_SHARE = 0.2
"""The same for the look after twelve pairs, which decides on small changes."""


class StopReason(StrEnum):
    """Why no more pairs are needed, in one sentence."""

    INVALID = "a run is invalid, so more pairs cannot decide"
    PROVEN = "the change for the worse is proven"
    SETTLED = "every change is probably within its margin"
    COMPLETE = f"{MAX_PAIRS} pairs are the most that are measured"


def share_of_look(pairs: int) -> float:
    """Return the share of the false-alarm rate that a look after this number of pairs spends."""
    if pairs <= MIN_PAIRS:
        return FIRST_SHARE
    if pairs >= MAX_PAIRS:
        return LAST_SHARE
    return (1.0 - FIRST_SHARE - LAST_SHARE) / (MAX_PAIRS - MIN_PAIRS - 1)


def next_step(comparison: Comparison) -> StopReason | None:
    """Return why the pairs end after this comparison; `None` to measure another pair."""
    if comparison.decision is Decision.INVALID:
        return StopReason.INVALID
    pairs = comparison.pairs or 0
    if pairs < MIN_PAIRS:
        return None
    metrics = filter(_can_fail, comparison.metrics)
    rows: list[MetricComparison | MessageComparison] = [*metrics, *comparison.messages]
    if comparison.vanished_messages or any(map(_is_proven, rows)):
        return StopReason.PROVEN
    if all(map(_is_settled, rows)):
        return StopReason.SETTLED
    return StopReason.COMPLETE if pairs >= MAX_PAIRS else None


def _can_fail(row: MetricComparison) -> bool:
    return row.gates


def _is_settled(row: MetricComparison | MessageComparison) -> bool:
    return row.settled


def _is_proven(row: MetricComparison | MessageComparison) -> bool:
    return row.settled and row.verdict in {Verdict.WORSE, Verdict.MISSING}
