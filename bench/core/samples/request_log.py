"""The interface of a log of requests, in memory or in a file."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bench.core.samples.arrays import Column


class RequestLog(Protocol):
    """Requests in columns, in memory or in a file. A request has a number, from 0."""

    @property
    def prompts(self) -> dict[str, int]:
        """The number of each message's id."""
        ...

    @property
    def details(self) -> dict[str | None, int]:
        """The number of each detail."""
        ...

    @property
    def steps(self) -> dict[str | None, int]:
        """The number of each step of a journey."""
        ...

    @property
    def tiers(self) -> Collection[str]:
        """Names of the tiers that have a time in any request."""
        ...

    @property
    def milestones(self) -> Collection[str]:
        """Names of the milestones that any response reached."""
        ...

    def __len__(self) -> int:
        """Return the number of requests."""
        ...

    def column(self, name: str, first: int, last: int) -> Column:
        """Return a field of the requests from `first` to before `last`, as it is stored."""
        ...

    def tier_time(self, tier: str, first: int, last: int) -> Column:
        """Return the times of a tier in milliseconds, likewise."""
        ...

    def milestone_time(self, milestone: str, first: int, last: int) -> Column:
        """Return the times to a milestone in milliseconds, likewise."""
        ...


@dataclass(frozen=True, slots=True)
class TierChanges:
    """Tier times that samples have instead of those of their log."""

    times: Mapping[str, Column] = field(default_factory=dict)
    """Times in milliseconds by tier, one per request of the log."""
    hidden: frozenset[str] = frozenset()
    """Tiers whose times in the log do not count."""
