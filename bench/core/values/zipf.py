"""Zipf's law: the weight of rank k is 1 / k to the power of an exponent.

Source: L. Breslau et al., Web Caching and Zipf-like Distributions: Evidence and Implications, INFOCOM 1999.
"""

import math
from collections.abc import Sequence


def zipf_shares(count: int, exponent: float) -> list[float]:
    """Return the share of each rank, the largest first; an exponent of 0 makes all equal."""
    weights = [rank**-exponent for rank in range(1, count + 1)]
    total = math.fsum(weights)
    return [weight / total for weight in weights]


def expected_repeats(shares: Sequence[float], draws: int) -> float:
    """Return the expected share of independent draws whose rank was drawn before.

    A rank with the share p is missing in n draws with the probability (1 - p)^n, and each rank that is drawn
    is new once. This is the hit ratio of a cache without limit and expiry.

    Args:
        shares: Share of each rank.
        draws: Number of draws, at least 1.
    """
    distinct = math.fsum(1.0 - (1.0 - share) ** draws for share in shares)
    return max(0.0, 1.0 - distinct / draws)
