"""`make bench-mock`: measures how exact the times of the mock model are."""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.engine.machine import machine

from .streams import Delays, StreamLoad, bare_timer, measure, quantile

_ROOT = Path(__file__).parents[2]
_METHOD = Path(__file__).with_name("method.md")
_LOADS = {
    "gap 20 ms, even": StreamLoad(streams=200, ttft_s=0.05, gap_s=0.02, tokens=100, spread_s=0.02),
    "gap 20 ms, at once": StreamLoad(streams=200, ttft_s=0.05, gap_s=0.02, tokens=100, spread_s=0.0),
    "gap 10 ms, even": StreamLoad(streams=200, ttft_s=0.05, gap_s=0.01, tokens=200, spread_s=0.01),
    "gap 5 ms, even": StreamLoad(streams=200, ttft_s=0.05, gap_s=0.005, tokens=400, spread_s=0.005),
}
_REPETITIONS = 3
_BARE_LENGTH_S = 1.0


class _Measured(NamedTuple):
    """One repetition of a load."""

    delays: Delays
    bare_s: list[float]
    cpu_us: float
    """Microseconds of a processor for each token."""


@contextmanager
def _mock() -> Iterator[tuple[str, psutil.Process]]:
    command = [sys.executable, "-m", "bench", "mock", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            match = re.search(r"http\S+", line)
            if match is None:
                raise RuntimeError(f"the mock model did not start: {line}")
            server = psutil.Process(process.pid)
            _separate(server)
            yield match[0], server
        finally:
            process.terminate()


def _separate(server: psutil.Process) -> None:
    """Give the server one core, and this process with its children the others."""
    first, *others = sorted(os.sched_getaffinity(0))
    if others:
        server.cpu_affinity([first])
        os.sched_setaffinity(0, others)


def _repeat(url: str, server: psutil.Process, load: StreamLoad, pool: ProcessPoolExecutor) -> _Measured:
    per_s = load.streams / load.gap_s
    bare_s = pool.submit(bare_timer, per_s, _BARE_LENGTH_S).result()
    before = server.cpu_times()
    delays = measure(url, load)
    after = server.cpu_times()
    cpu_s = after.user + after.system - before.user - before.system
    return _Measured(delays, bare_s, 1e6 * cpu_s / (load.streams * load.tokens))


def _row(title: str, measured: _Measured) -> str:
    delays = measured.delays
    server = f"≤ {1000 * delays.server_s(0.5):.2f} / ≤ {1000 * delays.server_s(0.99):.2f}"
    client = " / ".join(f"{1000 * delays.client_s(share):.2f}" for share in (0.5, 0.99))
    bare = " / ".join(f"{1000 * quantile(measured.bare_s, share):.2f}" for share in (0.5, 0.99))
    return f"| {title} | {server} | {client} | {bare} | {measured.cpu_us:.0f} |"


def main() -> int:
    """Measure the loads, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.mock", description=__doc__)
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "mock.md")
    given = parser.parse_args()
    rows = []
    with _mock() as (url, server), ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(bare_timer, 1000.0, 0.1).result()
        for title, load in _LOADS.items():
            repetitions = [_repeat(url, server, load, pool) for _ in range(_REPETITIONS)]
            repetitions.sort(key=lambda measured: measured.delays.client_s(0.99))
            rows.append(_row(title, repetitions[_REPETITIONS // 2]))
            sys.stderr.write(f"{rows[-1]}\n")
    facts = machine()
    head = "| load | server, ms (p50 / p99) | client, ms | bare timer, ms | µs of a processor per token |"
    table = "\n".join([head, "| :--- | ---: | ---: | ---: | ---: |", *rows])
    about = f"Machine: {facts['processor']}; {facts['system']}; {facts['ours']}.\n"
    method = _METHOD.read_text(encoding="utf-8")
    given.output.write_text(f"{method}\n## Results\n\n{about}\n{table}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
