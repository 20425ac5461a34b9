"""Test stands: queues in virtual time whose safe load is known."""

import heapq
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Random = np.random.Generator


class Service(StrEnum):
    """The distribution of service times."""

    EXPONENTIAL = "M"
    CONSTANT = "D"
    LOGNORMAL = "LN"
    """With a coefficient of variation of 0.7."""


class Think(StrEnum):
    """The loop, and the distribution of the think time of a closed one, with a mean of 6 s."""

    OPEN = "open"
    """No users: requests arrive at random."""
    UNIFORM = "5 to 7 s"
    EXPONENTIAL = "exponential, 6 s"


@dataclass(frozen=True, slots=True)
class Stand:
    """A queue with several servers, first come, first served."""

    service: Service
    """Distribution of the service time."""
    servers: int
    """Number of servers."""
    service_s: float
    """Mean service time, in seconds."""
    limit_s: float
    """Objective: 95 % of the requests succeed within this time."""
    think: Think = Think.OPEN
    """Loop and think time."""
    failed_ratio: float = 0.0
    """Share of the requests that fail, at any load."""
    slow_factor: float = 1.0
    """Factor of the service time while the machine is slow."""
    slow_ratio: float = 0.25
    """Share of the time in which it is slow, for 5 s on average, if the factor is not 1."""
    allowed_ratio: float = 0.05
    """Share of the requests that may miss the objective."""

    @property
    def is_open(self) -> bool:
        """Whether the load is a rate of requests, not a number of users."""
        return self.think is Think.OPEN


class Requests(NamedTuple):
    """The requests of a trial, by their start."""

    starts: Floats
    """Arrival, in seconds from the start of the trial."""
    ends: Floats
    """End of the response."""
    failed: npt.NDArray[np.bool_]
    """Whether it failed."""


def simulate(stand: Stand, load: float, duration_s: float, random: Random) -> Requests:
    """Return all requests that arrive within a duration at a load, from an empty queue on."""
    arrive = _arrive_at_rate if stand.is_open else _arrive_from_users
    starts, ends = arrive(stand, load, duration_s, random)
    order = np.argsort(starts, kind="stable")
    failed = random.random(len(starts)) < stand.failed_ratio
    return Requests(starts[order], ends[order], failed)


def _arrive_at_rate(stand: Stand, rate: float, duration_s: float, random: Random) -> tuple[Floats, Floats]:
    count = int(rate * duration_s + 6.0 * math.sqrt(rate * duration_s) + 10)
    starts = np.cumsum(random.exponential(1.0 / rate, count))
    starts = starts[starts < duration_s]
    serve = _make_server(stand, duration_s, random)
    ends = np.asarray([serve(start) for start in starts.tolist()])
    return starts, ends


def _arrive_from_users(
    stand: Stand, users: float, duration_s: float, random: Random
) -> tuple[Floats, Floats]:
    """All users begin at once; each waits for its response and thinks."""
    serve = _make_server(stand, duration_s, random)
    think = _draw_forever(lambda: _draw_think_times(stand, random))
    due = [0.0] * int(users)
    starts: list[float] = []
    ends: list[float] = []
    while due:
        start = heapq.heappop(due)
        end = serve(start)
        starts.append(start)
        ends.append(end)
        next_start = end + next(think)
        if next_start < duration_s:
            heapq.heappush(due, next_start)
    return np.asarray(starts), np.asarray(ends)


def _draw_forever(draw: Callable[[], Floats]) -> Iterator[float]:
    while True:
        yield from draw().tolist()


def _draw_think_times(stand: Stand, random: Random) -> Floats:
    if stand.think is Think.UNIFORM:
        return random.uniform(5.0, 7.0, 1000)
    return random.exponential(6.0, 1000)


def _draw_service_times(stand: Stand, random: Random) -> Floats:
    match stand.service:
        case Service.EXPONENTIAL:
            return random.exponential(stand.service_s, 1000)
        case Service.CONSTANT:
            return np.full(1000, stand.service_s)
        case Service.LOGNORMAL:
            sigma = math.sqrt(math.log(1.0 + 0.7**2))
            return random.lognormal(math.log(stand.service_s) - sigma**2 / 2, sigma, 1000)


def _make_server(stand: Stand, duration_s: float, random: Random) -> Callable[[float], float]:
    """Return a function that serves the next request by its start, and returns its end."""
    free = [0.0] * stand.servers
    services = _draw_forever(lambda: _draw_service_times(stand, random))
    slow = _draw_slow_times(stand, duration_s, random)

    def serve(start: float) -> float:
        begin = max(start, free[0])
        service_s = next(services)
        if slow is not None and np.searchsorted(slow, begin) % 2:
            service_s *= stand.slow_factor
        end = begin + service_s
        heapq.heapreplace(free, end)
        return end

    return serve


def _draw_slow_times(stand: Stand, duration_s: float, random: Random) -> Floats | None:
    """Return the times at which the machine becomes slow and fast again, in turns."""
    if stand.slow_factor == 1.0:
        return None
    slow_s = 5.0
    fast_s = slow_s * (1.0 - stand.slow_ratio) / stand.slow_ratio
    number = int(3 * duration_s / (slow_s + fast_s)) + 20
    lengths = np.empty(2 * number)
    lengths[0::2] = random.exponential(fast_s, number)
    lengths[1::2] = random.exponential(slow_s, number)
    return np.asarray(np.cumsum(lengths))
