"""The retry budget, which keeps retries from multiplying an overload."""

MOST_SAVED = 10.0
"""Retries that a quiet time can save up."""


class RetryBudget:
    """Allows a share of the requests to be sent again: of N requests, at most 1 + share * N."""

    def __init__(self) -> None:
        self._saved = 1.0

    def deposit(self, share: float) -> None:
        """Count a new request, which adds this share of a retry."""
        self._saved = min(max(MOST_SAVED, share), self._saved + share)

    def withdraw(self) -> bool:
        """Return whether one more retry is allowed, and count it."""
        if self._saved < 1.0:
            return False
        self._saved -= 1.0
        return True
