"""Decide whether a VU sends a request again, and when."""

from random import Random

from bench.core.config.retry import Retry
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome


def is_retryable(retry: Retry, sample: RequestSample) -> bool:
    """Return whether the failure of an attempt may be cured by another one."""
    if sample.outcome is Outcome.CONNECT_FAILED:
        return True
    if sample.outcome not in {Outcome.HTTP_ERROR, Outcome.RATE_LIMITED}:
        return False
    return sample.status in retry.statuses and sample.first_token_s is None


def wait_s(retry: Retry, number: int, retry_after_s: float | None, random: Random) -> float:
    """Return the seconds between the end of an attempt and the next one.

    Args:
        retry: The declaration.
        number: Number of the retry, from 1.
        retry_after_s: Seconds that the response requests; `None` without such a header.
        random: Makes the wait random, so that VUs that failed together do not come back together.
    """
    shortest_s, longest_s = retry.backoff
    own_s = random.uniform(shortest_s, min(longest_s, shortest_s * 2.0**number))
    if retry_after_s is None or not retry.honour_retry_after:
        return own_s
    return max(own_s, retry_after_s + random.uniform(0.0, shortest_s))
