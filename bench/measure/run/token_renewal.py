"""Renew the tokens of VUs during a load."""

import math
from collections.abc import Callable
from dataclasses import dataclass

# Tokens are renewed after half of their lifetime, and all of them before three quarters of it.
_START_RATIO = 0.5
_SPAN_RATIO = 0.25


@dataclass(frozen=True, slots=True)
class Tokens:
    """The source of the tokens of test users."""

    mint: Callable[[int], str]
    """Creates a new token for the user with a number."""
    count: int
    """Number of users."""
    lifetime_s: float
    """Lifetime of a token."""

    def extend(self, more: "Tokens") -> "Tokens":
        """Return the tokens of these users and of more users, whose numbers follow."""

        def mint(number: int) -> str:
            return self.mint(number) if number < self.count else more.mint(number - self.count)

        return Tokens(mint, self.count + more.count, min(self.lifetime_s, more.lifetime_s))


class TokenRenewal:
    """Decide which tokens to renew, a few at each tick, because a renewal delays requests.

    Args:
        tokens: The source of the tokens, all of which are new.
        now_s: The current time of a monotonic clock.
        tick_s: Interval between two calls of `take_due`.
    """

    def __init__(self, tokens: Tokens, now_s: float, tick_s: float) -> None:
        self._issued_s = [now_s] * tokens.count
        self._min_age_s = _START_RATIO * tokens.lifetime_s
        ticks = _SPAN_RATIO * tokens.lifetime_s / tick_s
        self._max_per_tick = math.ceil(tokens.count / ticks)

    def take_due(self, now_s: float) -> list[int]:
        """Return the numbers of the users that get a new token now, and note the time."""
        due = []
        for number, issued_s in enumerate(self._issued_s):
            if now_s - issued_s > self._min_age_s:
                due.append(number)
        batch = due[: self._max_per_tick]
        for number in batch:
            self._issued_s[number] = now_s
        return batch
