"""Availability by requests: the share of requests with a correct answer, in nines, with its interval."""

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np

from bench.core.faults.steady_state import CONSECUTIVE, Requests
from bench.core.limits.expression import Expression
from bench.core.samples.arrays import Mask
from bench.core.samples.samples import Samples
from bench.core.values.record import Count, NotNegative, Record

CONFIDENCE = 0.95
"""Confidence of the interval of an availability."""
MOST_REQUESTS = 1_000_000_000
"""Largest number of requests that is suggested to judge a claim."""
_LOWER_LIMITS = frozenset({">", ">="})

ClaimVerdict = Literal["supported", "refuted", "cannot tell"]


class AvailabilityClaim(Record):
    """A claimed availability, judged by the interval of a run."""

    claimed_ratio: NotNegative
    """The claimed availability, 0 to 1."""
    verdict: ClaimVerdict
    """`supported` if the complete interval reaches the claim, `refuted` if no part of it does."""
    requests_needed: Count | None = None
    """Number of requests that would decide, with the same share of lost requests; null if it is decided or
    no number would."""


class RequestAvailability(Record):
    """The share of the requests of a run that got a correct answer."""

    requests: Count
    """Number of answered and failed requests."""
    failed: Count
    """Number of requests without a correct answer."""
    ratio: NotNegative
    """Share of the requests with a correct answer."""
    nines: NotNegative | None = None
    """The share as a number of nines, -log10(1 - ratio); null if no request failed."""
    low: NotNegative
    """Lower end of the 95 % interval of the share."""
    high: NotNegative
    """Upper end of the interval."""
    outages: Count
    """Number of outages: groups of failed requests, separated by consecutive successful ones."""
    effective_requests: NotNegative
    """Number of independent requests that show as much: requests that fail in one outage are not."""
    claims: tuple[AvailabilityClaim, ...] = ()
    """The claimed availabilities, which are the lower limits of thresholds."""

    @property
    def low_nines(self) -> float:
        """The lower end of the interval as a number of nines."""
        return count_nines(self.low) or 0.0


def count_nines(ratio: float) -> float | None:
    """Return an availability as a number of nines: 0.999 → 3; None for 1."""
    return None if ratio >= 1.0 else -math.log10(1.0 - ratio)


def measure_availability(samples: Samples, claims: Iterable[Expression] = ()) -> RequestAvailability | None:
    """Return the availability of a run, judged by the lower limits of thresholds; `None` without requests.

    The interval is that of Clopper and Pearson, 1934, for the effective number of requests, as in Korn and
    Graubard, 1998, "Confidence intervals for proportions with small expected number of positive counts
    estimated from survey data". An outage is one observation, however many requests fail in it.

    Args:
        samples: Requests to the target, without warm-up.
        claims: Conditions of the thresholds on the availability.
    """
    requests = Requests.of(samples)
    count = len(requests.failed)
    if not count:
        return None
    failed = int(requests.failed.sum())
    outages, effective = _find_outages(requests.failed)
    ratio = (count - failed) / count
    low, high = _interval(ratio, effective)
    judged = []
    for claim in claims:
        if claim.operator in _LOWER_LIMITS and claim.limit < 1.0:
            judged.append(_judge(claim.limit, ratio, count, effective))
    return RequestAvailability(
        requests=count,
        failed=failed,
        ratio=ratio,
        nines=count_nines(ratio),
        low=low,
        high=high,
        outages=outages,
        effective_requests=effective,
        claims=tuple(judged),
    )


def _find_outages(failed: Mask) -> tuple[int, float]:
    """Return the number of outages and the effective number of requests.

    An outage ends when `CONSECUTIVE` requests succeeded after each other. The variance of the share is that
    of a sample of clusters: each outage is a cluster, and so is each request outside them.

    Args:
        failed: True for each failed request, in the order of their planned start.
    """
    count = len(failed)
    positions = np.flatnonzero(failed)
    if not len(positions):
        return 0, float(count)
    failed_ratio = len(positions) / count
    breaks = np.flatnonzero(np.diff(positions) > CONSECUTIVE)
    firsts = positions[np.concatenate([[0], breaks + 1])]
    lasts = positions[np.concatenate([breaks, [len(positions) - 1]])]
    sizes = lasts - firsts + 1
    sums = np.concatenate([[0], np.cumsum(failed)])
    failures = sums[lasts + 1] - sums[firsts]
    outside = count - int(sizes.sum())
    variation = float(((failures - failed_ratio * sizes) ** 2).sum()) + outside * failed_ratio**2
    if variation == 0:  # every request failed: one outage
        return len(firsts), 1.0
    independent = count * failed_ratio * (1.0 - failed_ratio)
    return len(firsts), max(1.0, count * min(1.0, independent / variation))


def _interval(ratio: float, effective: float) -> tuple[float, float]:
    """Return the exact interval of a share; the number of requests need not be whole."""
    from scipy import special  # noqa: PLC0415 - only runs with faults or claims need it

    tail = (1.0 - CONFIDENCE) / 2.0
    successes = ratio * effective
    failures = effective - successes
    low = float(special.betaincinv(successes, failures + 1.0, tail)) if successes > 0 else 0.0
    high = float(special.betaincinv(successes + 1.0, failures, 1.0 - tail)) if failures > 0 else 1.0
    return low, high


def _judge(claimed: float, ratio: float, requests: int, effective: float) -> AvailabilityClaim:
    verdict = _decide(claimed, ratio, effective)
    needed = None
    if verdict == "cannot tell" and ratio != claimed:
        needed = _find_needed(claimed, ratio, effective / requests)
    return AvailabilityClaim(claimed_ratio=claimed, verdict=verdict, requests_needed=needed)


def _decide(claimed: float, ratio: float, effective: float) -> ClaimVerdict:
    low, high = _interval(ratio, effective)
    if low >= claimed:
        return "supported"
    return "refuted" if high < claimed else "cannot tell"


def _find_needed(claimed: float, ratio: float, effective_ratio: float) -> int | None:
    """Return the smallest number of requests that decides; None above `MOST_REQUESTS`.

    Args:
        claimed: The claimed availability.
        ratio: The measured availability.
        effective_ratio: Effective number of requests for each request.
    """
    too_few = 1
    enough = 2
    while _decide(claimed, ratio, enough * effective_ratio) == "cannot tell":
        too_few = enough
        enough *= 2
        if enough > MOST_REQUESTS:
            return None
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if _decide(claimed, ratio, middle * effective_ratio) == "cannot tell":
            too_few = middle
        else:
            enough = middle
    return enough
