"""Work of the clients and its numbers: one coroutine per measure."""

import asyncio
import gc
import random
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from .clients import Client
from .parts import Parts, percentile

Numbers = dict[str, float]

_WARM_UP_S = 0.15
_TOKENS = 50
_FIRST_US = 50_000
_GAP_US = 5_000
_STREAM_S = (_FIRST_US + (_TOKENS - 1) * _GAP_US) / 1e6
_BURSTS = 6
_BURST_FIRST_MS = 100.0
_FLOOD_TOKENS = 20_000
_PAGE_KB = 4.0


async def rate(client: Client, users: int, seconds: float) -> Numbers:
    """Return the requests per second of VUs without think time."""
    finished = 0
    over = False

    async def ask(user: int) -> None:
        nonlocal finished
        while not over:
            await client.get(user, "/json")
            finished += 1

    asking = [asyncio.create_task(ask(user)) for user in range(users)]
    await asyncio.sleep(_WARM_UP_S)
    began = finished
    began_s = time.perf_counter()
    began_cpu_s = time.process_time()
    await asyncio.sleep(seconds)
    requests = finished - began
    elapsed_s = time.perf_counter() - began_s
    cpu_s = time.process_time() - began_cpu_s
    over = True
    await asyncio.gather(*asking)
    return {"rps": requests / elapsed_s, "us_cpu": cpu_s / requests * 1e6, "cpu_share": cpu_s / elapsed_s}


async def streams(client: Client, users: int, seconds: float) -> Numbers:
    """Return the delay of tokens, their CPU time, and the share of the possible streams."""
    everything = [Parts() for _ in range(users)]
    dice = random.Random(1)
    paths = [  # each user's phase is its own, as it is between servers and people
        f"/stream?tokens={_TOKENS}&first_us={_FIRST_US + dice.randrange(_GAP_US)}&gap_us={_GAP_US}"
        for _ in range(users)
    ]
    ideal_s = [
        _STREAM_S + int(path.split("first_us=")[1].split("&")[0]) / 1e6 - _FIRST_US / 1e6 for path in paths
    ]
    shares = [0.0] * users

    async def ask(user: int, until_s: float) -> None:
        began_s = time.perf_counter()
        count = 0
        while count == 0 or time.perf_counter() < until_s:
            everything[user].begin()
            await client.stream(user, paths[user], everything[user].take)
            count += 1
        shares[user] = count * ideal_s[user] / (time.perf_counter() - began_s)

    await asyncio.gather(*(client.get(user, "/json") for user in range(users)))  # connections are open
    began_cpu_s = time.process_time()
    until_s = time.perf_counter() + seconds
    await asyncio.gather(*(ask(user, until_s) for user in range(users)))
    cpu_s = time.process_time() - began_cpu_s
    first_ms = [error for parts in everything for error in parts.first_errors_ms()]
    all_ms = [error for parts in everything for error in parts.errors_ms()]
    return {
        "first_p50_ms": percentile(first_ms, 50),
        "first_p99_ms": percentile(first_ms, 99),
        "token_p50_ms": percentile(all_ms, 50),
        "token_p99_ms": percentile(all_ms, 99),
        "us_cpu": cpu_s / len(all_ms) * 1e6,
        "ideal_pct": sum(shares) / users * 100,
    }


async def burst(client: Client, users: int, _: float) -> Numbers:
    """Return the error of the first token's time if all requests start at the same time."""
    stamp_ms: list[float] = []
    waited_ms: list[float] = []
    path = f"/stream?tokens=1&first_us={_BURST_FIRST_MS * 1000:.0f}&gap_us=0"

    async def ask(user: int, parts: Parts, at_s: float) -> None:
        await client.stream(user, path, parts.take)
        stamp_ms.extend(parts.first_errors_ms())
        waited_ms.extend((token_s - at_s) * 1000 - _BURST_FIRST_MS for token_s in parts.first_s())

    await asyncio.gather(*(client.get(user, "/json") for user in range(users)))
    for _number in range(_BURSTS):
        everything = [Parts() for _ in range(users)]
        for parts in everything:
            parts.begin()
        at_s = time.monotonic()
        await asyncio.gather(*(ask(user, everything[user], at_s) for user in range(users)))
    return {"stamp_p95_ms": percentile(stamp_ms, 95), "reported_p95_ms": percentile(waited_ms, 95)}


async def flood(client: Client, users: int, seconds: float) -> Numbers:
    """Return the tokens per second at full speed."""
    tokens = 0
    path = f"/flood?tokens={_FLOOD_TOKENS}"

    def take(part: bytes, _: float) -> None:
        nonlocal tokens
        tokens += part.count(b"\n\n")

    async def ask(user: int) -> None:
        while time.perf_counter() < until_s:
            await client.stream(user, path, take)

    await asyncio.gather(*(client.get(user, "/json") for user in range(users)))
    began_s = time.perf_counter()
    until_s = began_s + seconds
    await asyncio.gather(*(ask(user) for user in range(users)))
    return {"tokens_per_s": tokens / (time.perf_counter() - began_s)}


async def memory(client: Client, users: int, _: float) -> Numbers:
    """Return the resident memory of an idle VU."""
    gc.collect()
    before_kb = _resident_kb()
    await client.open()
    for user in range(0, users, 50):
        await asyncio.gather(*(client.get(number, "/json") for number in range(user, min(user + 50, users))))
    gc.collect()
    return {"kb": (_resident_kb() - before_kb) / users}


def _resident_kb() -> float:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE_KB


Measure = Callable[[Client, int, float], Awaitable[Numbers]]
