"""The times of a real mock model with 200 streams, at its own clock and at a client."""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

import pytest

from benchmarks.mock.streams import StreamLoad, bare_timer, measure, quantile
from tests.mock.serving import serving

LOAD = StreamLoad(streams=200, ttft_s=0.05, gap_s=0.02, tokens=25, spread_s=0.02)
LENGTH_S = 0.3
ATTEMPTS = 6
MOST_S = 0.001


class _Attempt(NamedTuple):
    """The delays of one attempt, in seconds: 99th percentiles, except for the median."""

    server_s: float
    client_s: float
    client_median_s: float
    bare_s: float
    """Delay of a bare timer with as many wakes as there are tokens, before the load."""
    loop_s: float
    """Delay of a timer in the client's own event loop, during the load."""

    @property
    def is_exact(self) -> bool:
        """Whether the delays are those of the machine and at most a millisecond."""
        return self.server_s <= MOST_S + self.bare_s and self.client_s <= MOST_S + self.loop_s

    @property
    def is_late(self) -> bool:
        """Whether the mock model itself is late: the kernel delays single tokens, but not half of them."""
        return not self.is_noisy and max(self.server_s, self.client_median_s) > MOST_S

    @property
    def is_noisy(self) -> bool:
        """Whether the machine delays processes by more than a fifth of a millisecond."""
        return max(self.bare_s, self.loop_s) > MOST_S / 5


def _attempt(url: str, pool: ProcessPoolExecutor) -> _Attempt:
    bare_s = pool.submit(bare_timer, LOAD.streams / LOAD.gap_s, LENGTH_S).result()
    delays = pool.submit(measure, url, LOAD).result()
    return _Attempt(
        server_s=delays.server_s(0.99),
        client_s=delays.client_s(0.99),
        client_median_s=delays.client_s(0.5),
        bare_s=quantile(bare_s, 0.99),
        loop_s=quantile(delays.loop, 0.99),
    )


def test_two_hundred_streams_are_within_a_millisecond() -> None:
    """99 of 100 tokens leave, and arrive, at most 1 ms after their planned time.

    The delay of a bare timer, that of the client's own event loop, and that of a few tokens in the kernel
    are not delays of the mock model. If they are large in most attempts, this machine cannot tell.
    """
    attempts: list[_Attempt] = []
    with serving() as url, ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        for _ in range(ATTEMPTS):
            attempts.append(_attempt(url, pool))
            if attempts[-1].is_exact:
                return
    if sum(attempt.is_late for attempt in attempts) > ATTEMPTS / 2:
        pytest.fail(f"too late: {attempts}")
    pytest.skip(f"this machine delays processes and connections too much: {attempts[-1]}")
