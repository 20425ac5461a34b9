"""`make bench-soak`: run 1,000 requests/s for an hour, and write memory and descriptors into the page."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from bench.store.results import load
from benchmarks.engine.__main__ import FOLDER, say, two_cores
from benchmarks.engine.commands import Setup
from benchmarks.engine.loads import Load, Tool
from benchmarks.engine.machine import machine
from benchmarks.engine.page import PERFORMANCE, replace_section, table
from benchmarks.engine.processes import cpu_s, descriptors, memory_bytes, tree_of
from benchmarks.engine.server import Server, serving

_RATE = 1000
_EVERY_S = 10.0
_ROWS = 12


@dataclass(frozen=True)
class Reading:
    """All processes of the tool at one moment."""

    elapsed_s: float
    requests: int
    """Responses that the server has sent."""
    memory_mb: float
    descriptors: int
    processes: int
    cpu_s: float


def main() -> int:
    """Run the soak."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=int, default=_RATE)
    parser.add_argument("--output", type=Path, default=PERFORMANCE)
    given = parser.parse_args()
    cores = two_cores()
    if cores is None:
        return 2
    os.sched_setaffinity(0, [cores.server])
    with serving(FOLDER, cores.server) as server, tempfile.TemporaryDirectory() as folder:
        readings, numbers = _soak(server, Path(folder), cores.tools, given.rate, given.minutes * 60)
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "load": f"{given.rate:,} requests/s for {given.minutes:g} minutes, an open loop",
        **machine(),
        **numbers,
    }
    FOLDER.joinpath("soak.json").write_text(json.dumps([asdict(one) for one in readings]), encoding="utf-8")
    replace_section(given.output, "soak", _section(readings, facts))
    return 0


def _soak(
    server: Server, folder: Path, core: int, rate: int, seconds: float
) -> tuple[list[Reading], dict[str, str]]:
    """Return the readings, and the facts of the finished run.

    Raises:
        RuntimeError: `bench` sent no request; the message has its output.
    """
    server.journal.reset()
    load_ = Load(users=100, rate=rate)
    command = Setup(server, folder, {}).command(Tool.BENCH, load_, seconds) or []
    log = folder / "tool.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command], cwd=folder, stdout=output, stderr=subprocess.STDOUT
        )
    readings = list(_readings(server, process))
    ended_ns = time.monotonic_ns()
    if not readings:
        raise RuntimeError(log.read_text(encoding="utf-8", errors="replace")[-2000:])
    return readings, _numbers(server, folder, ended_ns)


def _readings(server: Server, process: "subprocess.Popen[bytes]") -> Iterator[Reading]:
    """Yield a reading every ten seconds, from five seconds after the first request until the last one."""
    while not server.journal.counters().requests and process.poll() is None:
        time.sleep(0.05)
    began_s = time.monotonic()
    due_s = began_s + _EVERY_S / 2
    served = 0
    while process.poll() is None:
        time.sleep(min(0.1, max(0.0, due_s - time.monotonic())))
        if time.monotonic() < due_s:
            continue
        due_s += _EVERY_S
        responses = server.journal.counters().responses
        if responses == served:  # the load is over, and the command summarises
            continue
        served = responses
        pids = tree_of(process.pid)
        elapsed_s = time.monotonic() - began_s
        memory_mb = memory_bytes(pids) / 1e6
        reading = Reading(elapsed_s, responses, memory_mb, descriptors(pids), len(pids), cpu_s(pids))
        size = f"{memory_mb:.1f} MB, {reading.descriptors} descriptors"
        say(f"{elapsed_s:.0f} s: {responses:,} responses, {size}")
        yield reading


def _numbers(server: Server, folder: Path, ended_ns: int) -> dict[str, str]:
    counters = server.journal.counters()
    (result,) = (folder / "results").glob("*/result.json")
    summary = load(result.parent).summary
    outcomes = ", ".join(f"{count:,} {name}" for name, count in summary.outcomes.items())
    files_mb = sum(path.stat().st_size for path in result.parent.iterdir()) / 1e6
    return {
        "requests at the server": f"{counters.requests:,}",
        "outcomes in the result": outcomes,
        "last response to the end of the command": f"{(ended_ns - counters.last_ns) / 1e9:.2f} s",
        "files": f"{files_mb:.0f} MB",
    }


def _section(readings: list[Reading], facts: dict[str, str]) -> str:
    """Return the section's Markdown: at most twelve readings, with the first and the last one."""
    step = max(1, -(-len(readings) // _ROWS))
    chosen = readings[::step]
    if chosen[-1] is not readings[-1]:
        chosen.append(readings[-1])
    head = ["after", "responses", "memory, MB", "descriptors", "processes", "CPU per request so far, µs"]
    rows = [
        [
            f"{one.elapsed_s:,.0f} s", f"{one.requests:,}", f"{one.memory_mb:.1f}", str(one.descriptors),
            str(one.processes), f"{one.cpu_s / max(1, one.requests) * 1e6:.0f}",
        ]
        for one in chosen
    ]  # fmt: skip
    lines = [[name, value] for name, value in facts.items()]
    return table(["fact", "value"], lines, ":---") + "\n" + table(head, rows)


if __name__ == "__main__":
    sys.exit(main())
