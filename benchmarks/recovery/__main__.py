"""`make bench-recovery`: kill runs with SIGKILL at random moments, and write what they lost into the page."""

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.store import results
from bench.usecases.recover import recover
from benchmarks.engine.page import PERFORMANCE, replace_section, table
from benchmarks.recovery.server import CountingServer

_VUS = 10
_THINK_TIME = "10ms"
# A kill comes at a random moment of this many seconds after the first request.
_LONGEST_S = 3.0
_START_TIMEOUT_S = 120.0
_LIMIT_S = 1.0
_PERCENTILES = (50, 95, 99, 100)


@dataclass(frozen=True)
class Kill:
    """A run that was killed."""

    after_s: float
    """Time from the first request to the kill."""
    answered: int
    """Responses that the server had sent at the kill."""
    kept: int
    """Requests in the result that `bench recover` made."""
    lost_s: float
    """Age of the oldest response, at the kill, that the result does not have."""
    recover_s: float
    """Time that `bench recover` took."""


def main() -> int:
    """Kill runs, and write the section."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recovery", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output", type=Path, default=PERFORMANCE)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    kills: list[Kill] = []
    with CountingServer() as server:
        for number in range(given.kills):
            kills.append(_kill_one(server, chance.uniform(0.0, _LONGEST_S)))
            sys.stderr.write(f"{number + 1} of {given.kills}: {kills[-1]}\n")
    replace_section(given.output, "recovery", _section(kills))
    return 0 if all(kill.lost_s <= _LIMIT_S for kill in kills) else 1


def _kill_one(server: CountingServer, after_s: float) -> Kill:
    """Start a run, kill it after this time, and finish it.

    Raises:
        RuntimeError: The run sent no request.
    """
    server.reset()
    with tempfile.TemporaryDirectory(prefix="bench-recovery-") as name:
        folder = Path(name)
        running = _start(server.url, folder)
        try:
            first_s = server.wait_for_first(_START_TIMEOUT_S)
            time.sleep(max(0.0, first_s + after_s - time.monotonic()))
        finally:
            killed_s = time.monotonic()
            running.kill()
            running.wait()
        times_s = [sent_s for sent_s in server.times_s() if first_s <= sent_s <= killed_s]
        began_s = time.monotonic()
        (recovered,) = recover(results=folder / "results")
        recover_s = time.monotonic() - began_s
        kept = sum(len(page.without_cancelled()) for page in results.requests(recovered.folder))
        if kept != recovered.result.summary.requests:
            raise RuntimeError(f"the result has {recovered.result.summary.requests} of {kept} requests")
    lost_s = killed_s - times_s[kept] if kept < len(times_s) else 0.0
    return Kill(killed_s - first_s, len(times_s), kept, lost_s, recover_s)


def _start(url: str, folder: Path) -> "subprocess.Popen[bytes]":
    options = ["--vus", str(_VUS), "--duration", "10m", "--think-time", _THINK_TIME, "--message", "hello"]
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "run", url, *options, "--no-calibration"],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _section(kills: Sequence[Kill]) -> str:
    """Return the section's Markdown."""
    rows = []
    for percentile in _PERCENTILES:
        rows.append(
            [
                "longest" if percentile == _PERCENTILES[-1] else f"p{percentile}",
                f"{_percentile([kill.lost_s for kill in kills], percentile):.2f} s",
                f"{_percentile([kill.recover_s for kill in kills], percentile):.2f} s",
            ]
        )
    within = Counter(kill.lost_s <= _LIMIT_S for kill in kills)
    answered = sum(kill.answered for kill in kills)
    kept = sum(min(kill.kept, kill.answered) for kill in kills)
    facts = [
        ["runs killed, and finished by `bench recover`", f"{len(kills):,}"],
        ["runs that lost at most one second", f"{within[True]:,}"],
        ["responses before the kills", f"{answered:,}"],
        ["responses in the results", f"{kept:,} ({100 * kept / max(1, answered):.1f} %)"],
    ]
    head = ["percentile", "age of the oldest lost response", "time of `bench recover`"]
    return table(["fact", "value"], facts, ":---") + "\n" + table(head, rows)


def _percentile(values: Sequence[float], percentile: int) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percentile // 100)]


if __name__ == "__main__":
    sys.exit(main())
