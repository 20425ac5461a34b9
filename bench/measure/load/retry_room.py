"""What the retries of all VUs of a load generator share."""

from dataclasses import dataclass

from bench.core.load.retry_budget import RetryBudget
from bench.timing.pacing import Pacer


@dataclass(frozen=True, slots=True)
class RetryRoom:
    """What the retries of all VUs of a load generator share."""

    budget: RetryBudget
    """Limits their number."""
    seed: int
    """Seed of the random waits."""
    pacer: Pacer
    """The timer of all requests."""
