"""Goals of the transport, and the reason for a missed goal."""

# ruff: noqa: PLR0913, PLR0917 - a row of a table has as many parameters as columns

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .contenders import AIOHTTP, AIOHTTP_UVLOOP, FLOOR, OURS, READER
from .session import Results

_READING = (
    "the reader splits events, parses JSON and finds the text; the profile shows the share of each step."
)
_FLOOR_TIMES = 1.88
_NEIGHBOURS = (
    "the table below shows how much time other processes took from the core; "
    "the best round shows the error with little disturbance."
)
_WAKING = "the rest is wake-up time, turns of the loop, and requests that are due at the same time."
_LOOP = "the rest is system calls of the loop, and one Python callback per part."


@dataclass(frozen=True)
class Reached:
    """One number compared with its goal.

    Attributes:
        what: Name of the number.
        bound: The goal, as text.
        value: The median; None if a peer is missing.
        best: The best round.
        ok: Whether the median reaches the goal.
        limit: The reason if the goal is missed.
    """

    what: str
    bound: str
    value: float | None
    best: float | None
    ok: bool
    limit: str


def reached(results: Results) -> Iterator[Reached]:
    """Yield every row of the table of goals."""
    yield from _rates(results)
    yield from _token_times(results)
    yield from _token_costs(results)
    yield _at_most(results, "send lag at 500 requests/s, p99", "lag 20", OURS, "p99_ms", 0.3, "ms", _WAKING)
    yield _at_most(results, "memory of an idle connection", "memory 2000", OURS, "kb", 20, "kB", _LOOP)


def _rates(results: Results) -> Iterator[Reached]:
    for users in (50, 200):
        what = f"requests/s compared with aiohttp on its faster event loop, {users} connections"
        yield _times(results, what, users, 3, (AIOHTTP, AIOHTTP_UVLOOP))


def _token_times(results: Results) -> Iterator[Reached]:
    for users in (50, 200):
        for contender in (OURS, READER):
            what = f"first-token error, {users} streams, p99, {contender}"
            yield _at_most(results, what, f"streams {users}", contender, "first_p99_ms", 1, "ms", _NEIGHBOURS)
    for what, number in (
        ("first-token error, 100 simultaneous requests, p95", "stamp_p95_ms"),
        ("error of the reported time to first token, 100 simultaneous requests, p95", "reported_p95_ms"),
    ):
        yield _at_most(results, what, "burst 100", OURS, number, 5, "ms", _NEIGHBOURS)


def _token_costs(results: Results) -> Iterator[Reached]:
    for contender, limit in ((OURS, _LOOP), (READER, _READING)):
        what = f"CPU per token, 200 streams, {contender}"
        yield _at_most(results, what, "streams 200", contender, "us_cpu", 12, "µs", _kernel(results))
        what = f"CPU per token compared with C with epoll, 200 streams, {contender}"
        yield _in_terms_of_the_floor(results, what, contender, limit)
        what = f"tokens/s at full speed, {contender}"
        yield _at_least(results, what, "flood 50", contender, "tokens_per_s", 1_000_000, "", limit)
        what = f"closed loop of 200 streaming VUs, {contender}"
        yield _at_least(results, what, "streams 200", contender, "ideal_pct", 99.5, "%", _NEIGHBOURS)


def _times(results: Results, what: str, users: int, bound: float, peers: tuple[str, ...]) -> Reached:
    """Return the ratio of requests to the fastest of these peers."""
    ratios = [results.ratio(f"rate {users}", OURS, "rps", peer) for peer in peers]
    value = min((ratio for ratio in ratios if ratio is not None), default=None)
    return Reached(what, f"≥ {bound} times", value, None, value is not None and value >= bound, _LOOP)


def _kernel(results: Results) -> str:
    floor_us = results.median("streams 200", FLOOR, "us_cpu") or math.nan
    return (
        f"the client in C, which only reads, takes {floor_us:.1f} µs here and took 6.4 µs on the machine "
        "where the goal was set; the next row shows the ratio."
    )


def _in_terms_of_the_floor(results: Results, what: str, contender: str, limit: str) -> Reached:
    """Return the goal as a ratio to C, independent of the machine: C took 6.4 µs where the goal was 12 µs."""
    value = results.ratio("streams 200", contender, "us_cpu", FLOOR)
    return Reached(
        what, f"≤ {_FLOOR_TIMES} times", value, None, value is not None and value <= _FLOOR_TIMES, limit
    )


def _at_most(
    results: Results, what: str, key: str, contender: str, number: str, bound: float, unit: str, limit: str
) -> Reached:
    value = results.median(key, contender, number)
    values = results.values(key, contender, number)
    ok = value is not None and value <= bound
    return Reached(what, f"≤ {bound:,} {unit}", value, min(values, default=None), ok, limit)


def _at_least(
    results: Results, what: str, key: str, contender: str, number: str, bound: float, unit: str, limit: str
) -> Reached:
    value = results.median(key, contender, number)
    values = results.values(key, contender, number)
    ok = value is not None and value >= bound
    return Reached(what, f"≥ {bound:,} {unit}".rstrip(), value, max(values, default=None), ok, limit)
