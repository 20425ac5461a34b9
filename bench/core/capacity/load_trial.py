"""One trial of a capacity search: a constant load, and how many of its requests met the objectives."""

from enum import StrEnum
from typing import Literal, NamedTuple

from pydantic import model_validator

from bench.core.values.record import Count, NotNegative, Record

LoadUnit = Literal["users", "requests/s"]
SLOW_SHARE = 0.5
"""A request is slow if it takes longer than this share of its limit."""


class TrialVerdict(StrEnum):
    """Whether a load meets the objectives."""

    MET = "met"
    BROKEN = "broken"
    OPEN = "open"
    """The trial cannot tell."""


class TrialBlock(NamedTuple):
    """The requests that were planned in one part of the time of a trial."""

    requests: Count
    """Number of requests."""
    missed: Count
    """Number of them that missed the objective: slower than its limit, or failed."""


class ObjectiveCounts(Record):
    """The requests of a trial, judged by one objective."""

    objective: str
    """The objective in words, such as `p95 response time ≤ 10 s`."""
    allowed_ratio: NotNegative
    """Share of the requests that may miss the objective."""
    blocks: tuple[TrialBlock, ...]
    """Requests by time, from the end of the warm-up on. Neighbouring requests depend on each other, so an
    interval needs them."""
    slow: int | None = None
    """Number of requests that took longer than half of their limit, or failed; null if the objective limits
    no time."""
    limit_ms: NotNegative | None = None
    """Largest time that meets the objective, in milliseconds; null if it limits no time."""
    time_ms: NotNegative | None = None
    """The quantile that the objective limits, such as the p95; null if it limits no time, or if too few
    requests succeeded."""
    low_ms: NotNegative | None = None
    """Lower end of its 90 % interval; null without one."""
    high_ms: NotNegative | None = None
    """Upper end of its 90 % interval; null if it is not reached: too few requests are slower."""

    @model_validator(mode="after")
    def _check_blocks(self) -> "ObjectiveCounts":
        if any(block.missed > block.requests for block in self.blocks):
            raise ValueError("a block has more missed requests than requests")
        return self

    @property
    def requests(self) -> int:
        """Number of requests."""
        return sum(block.requests for block in self.blocks)

    @property
    def missed(self) -> int:
        """Number of requests that missed the objective."""
        return sum(block.missed for block in self.blocks)

    @property
    def missed_ratio(self) -> float:
        """Share of the requests that missed the objective; 0 without requests."""
        return self.missed / max(1, self.requests)


class LoadTrial(Record):
    """A trial. Its requests do not include the first ones, in which the load was not yet steady."""

    load: NotNegative
    """VUs, or requests per second."""
    start_s: NotNegative
    """Start, from the start of the search."""
    warm_up_s: NotNegative
    """Time at its start that is left out, in seconds."""
    duration_s: NotNegative
    """Duration after the warm-up, in seconds."""
    counts: tuple[ObjectiveCounts, ...]
    """Requests by objective."""
    verdict: TrialVerdict
    """Whether the load meets all objectives. When the search has ended, a trial that cannot tell takes the
    verdict of the interval of the safe load."""
    throughput_rps: NotNegative
    """Successful requests per second."""
    goodput_rps: NotNegative
    """Requests per second that met all objectives."""
    mean_ms: NotNegative | None = None
    """Mean response time of the successful requests; null without one."""
    p50_ms: NotNegative | None = None
    """Median of them."""
    p95_ms: NotNegative | None = None
    """95th percentile of them."""
    mean_error_ms: NotNegative | None = None
    """Standard error of the mean, from the blocks of `counts`; null with fewer than two blocks."""
    quantiles_ms: tuple[NotNegative, ...] = ()
    """Response times that stand for equal shares of the successful requests, ascending."""
    success_ratio: NotNegative
    """Share of the requests that succeeded."""
    tier_ms: dict[str, NotNegative] = {}
    """Mean time by tier, with `unattributed`; empty without tier times."""
    drain_s: NotNegative = 0.0
    """Time from the end of the load until no request and no queue was left."""
    run: str | None = None
    """Folder of its samples, below that of the run; null if they were not kept."""


class SafeLoad(Record):
    """The largest load that meets the objectives, with its interval."""

    load: NotNegative
    """Best estimate."""
    low: NotNegative
    """Lower end of the interval."""
    high: NotNegative | None
    """Upper end; null if no tried load broke an objective."""
    confidence: NotNegative
    """Probability that the interval contains the true safe load."""


class SearchEnd(StrEnum):
    """Why a search ended."""

    NARROW = "narrow"
    """The interval is narrow enough."""
    BUDGET = "budget"
    """The time is up."""
    NONE_MET = "none_met"
    """The smallest load breaks an objective."""
    ALL_MET = "all_met"
    """The largest load meets all objectives."""
    LOAD_GENERATOR = "load_generator"
    """The load generator was late before an objective broke: it cannot send a larger load."""
    INTERRUPTED = "interrupted"
    """Ctrl-C ended it, or a service or a load generator ended."""
