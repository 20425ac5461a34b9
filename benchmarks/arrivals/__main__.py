"""`make bench-arrivals`: compare planned arrivals with those that the kernel of the server received."""

import argparse
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import gamma, kstest

from bench.core.samples.arrays import Floats
from bench.store.results import load_recording
from benchmarks.engine.__main__ import FOLDER, say, two_cores
from benchmarks.engine.commands import BENCH, Setup, write_scenario
from benchmarks.engine.journal import Timing
from benchmarks.engine.machine import machine
from benchmarks.engine.page import PERFORMANCE, replace_section, table
from benchmarks.engine.server import Server, serving

_SECONDS = 3.0
_SHORT_MS = 0.3
_HEAD = (
    "arrivals",
    "requests",
    "KS distance",
    "p of KS",
    "gaps below 0.3 ms",
    "planned",
    "50 % late by",
    "99 %",
)


class Load(NamedTuple):
    """An open loop."""

    rate: int
    """Requests per second."""
    shape: float
    """Shape of the gamma distribution of the gaps; 1 is Poisson."""

    @property
    def executor(self) -> dict[str, Any]:
        """The executor as a scenario has it."""
        arrivals = (
            {"arrivals": "poisson"} if self.shape == 1 else {"arrivals": "gamma", "burstiness": self.shape}
        )
        return {
            "executor": "constant-arrival-rate",
            "rate": self.rate,
            "duration": f"{_SECONDS}s",
            **arrivals,
        }

    @property
    def name(self) -> str:
        """The load in words."""
        return f"{self.rate:,}/s, {'Poisson' if self.shape == 1 else f'gamma {self.shape:g}'}"


LOADS = (Load(200, 1), Load(1000, 1), Load(2000, 1), Load(2000, 0.5))


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arrivals", description=__doc__)
    parser.add_argument("--output", type=Path, default=PERFORMANCE)
    given = parser.parse_args()
    cores = two_cores()
    if cores is None:
        return 2
    os.sched_setaffinity(0, [cores.server])
    busy = os.getloadavg()[0]
    rows: list[list[str]] = []
    with serving(FOLDER, cores.server) as server:
        for load in LOADS:
            say(load.name)
            rows.append([load.name, *_measure(server, load, cores.tools)])
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "runnable processes at the start": f"{busy:.1f}",
        **machine(),
    }
    text = table(_HEAD, rows) + "\n" + "\n".join(f"- {name}: {fact}" for name, fact in facts.items())
    replace_section(given.output, "arrivals", text)
    return 0


def _measure(server: Server, load: Load, core: int) -> list[str]:
    """Run `bench` once, and compare the gaps at the server with the planned distribution."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server.journal.reset(Timing(awake=True))
        setup = Setup(server, folder, {})
        write_scenario(setup, load.executor, "/arrivals", {"answer": {"kind": "json", "text": "message"}})
        options = ["--stack", "bare", "--url", server.url(), "--no-pin", "--no-calibration"]
        subprocess.run(
            ["taskset", "-c", str(core), BENCH, "run", "load", *options],
            cwd=folder, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        recording = load_recording(next((folder / "results").glob("*-load-*")))
        assert recording is not None  # noqa: S101 - the run has just ended
        planned_ms = np.sort(recording.samples.column("scheduled_s")) * 1e3
    received_ms = np.array(server.journal.arrivals_ns()) / 1e6
    return _compare(load, planned_ms, received_ms)


def _compare(load: Load, planned_ms: Floats, received_ms: Floats) -> list[str]:
    gaps_ms = np.diff(received_ms)
    distribution = gamma(load.shape, scale=1000.0 / load.rate / load.shape)
    test = kstest(gaps_ms, distribution.cdf)
    lateness = ["", ""]
    if len(planned_ms) == len(received_ms):  # each request was sent
        delays_ms = (received_ms - received_ms[0]) - (planned_ms - planned_ms[0])
        median_ms, high_ms = np.percentile(delays_ms - delays_ms.min(), [50, 99])
        lateness = [f"{median_ms:.3f} ms", f"{high_ms:.2f} ms"]
    return [
        f"{len(received_ms):,}",
        f"{test.statistic:.4f}",
        f"{test.pvalue:.2g}",
        f"{np.mean(gaps_ms < _SHORT_MS):.1%}",
        f"{distribution.cdf(_SHORT_MS):.1%}",
        *lateness,
    ]


if __name__ == "__main__":
    sys.exit(main())
