"""One process that measures one client once, and prints its numbers as a line of JSON.

It runs in the peers' environment too, so it imports the project only through the client it measures.
"""

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import sys
from collections.abc import Coroutine
from typing import Any

import uvloop

from . import work
from .clients import client_named
from .hiccups import hiccups
from .lag import lag

_MEASURES: dict[str, work.Measure] = {
    "rate": work.rate,
    "streams": work.streams,
    "burst": work.burst,
    "flood": work.flood,
    "memory": work.memory,
}
_PROFILE_LINES = 8


async def measured(name: str, client_name: str, port: int, users: int, seconds: float) -> work.Numbers:
    """Return the numbers of a measure."""
    if name == "lag":
        return await lag(port, seconds, kernel_timer=client_name == "ours")
    if name == "hiccups":
        return hiccups(seconds)
    client = client_named(client_name, port, users)
    if name != "memory":
        await client.open()
    gc.collect()
    gc.freeze()  # as in a run of the load
    try:
        return await _MEASURES[name](client, users, seconds)
    finally:
        await client.close()


def _profiled(work_to_do: Coroutine[Any, Any, work.Numbers], *, on_uvloop: bool) -> dict[str, float]:
    """Return each function's share of the total time, the largest first."""
    profile = cProfile.Profile()
    profile.enable()
    _run(work_to_do, on_uvloop=on_uvloop)
    profile.disable()
    stats: dict[tuple[str, int, str], tuple[int, int, float, float, Any]] = vars(pstats.Stats(profile))[
        "stats"
    ]
    busy = {
        key: entry[2] for key, entry in stats.items() if "select.epoll" not in key[2]
    }  # what waits is no work
    total_s = sum(busy.values())
    rows = sorted(((own_s, _name(key)) for key, own_s in busy.items()), reverse=True)
    return {name: own_s / total_s for own_s, name in rows[:_PROFILE_LINES]}


def _name(key: tuple[str, int, str]) -> str:
    path, _, name = key
    return name if path == "~" else f"{path.rsplit('/', 1)[-1]}: {name}"


def _run(work_to_do: Coroutine[Any, Any, work.Numbers], *, on_uvloop: bool) -> work.Numbers:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if on_uvloop else None) as runner:
        return runner.run(work_to_do)


def main() -> None:
    """Run the measure that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("measure", choices=[*_MEASURES, "lag", "hiccups"])
    parser.add_argument("--client", default="ours")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="uvloop")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--users", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    work_to_do = measured(given.measure, given.client, given.port, given.users, given.seconds)
    on_uvloop = given.loop == "uvloop"
    if given.profile:
        numbers = _profiled(work_to_do, on_uvloop=on_uvloop)
    else:
        numbers = _run(work_to_do, on_uvloop=on_uvloop)
    json.dump(numbers, sys.stdout)


if __name__ == "__main__":
    main()
