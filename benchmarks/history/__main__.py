"""`python -m benchmarks.history`: measure the site and the trend of synthetic histories.

It writes the histories once, then builds the site without a cache, without a change, and after each history
got one more run. Each build is a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from .generate import add_run, write_histories

_BUILD = """
import json, resource, sys, time
from bench.usecases.site import site
from bench.usecases.trend import trend
began_s = time.perf_counter()
if sys.argv[1] == "site":
    site(history=sys.argv[2], folder=sys.argv[3], repository="owner/name")
else:
    trend(sys.argv[3], history=sys.argv[2])
took_s = time.perf_counter() - began_s
peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"took_s": took_s, "cpu_s": time.process_time(), "peak_mb": peak_mb}))
"""


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _measure(title: str, *arguments: str) -> None:
    load = os.getloadavg()[0]
    done = subprocess.run(
        [sys.executable, "-c", _BUILD, *arguments], check=True, capture_output=True, text=True
    )
    values = json.loads(done.stdout)
    numbers = f"{values['took_s']:8.1f} s, processor {values['cpu_s']:8.1f} s, {values['peak_mb']:6.0f} MB"
    _say(f"{title:40}{numbers}, load of the machine {load:.1f}")


def main() -> None:
    """Write histories, and measure each build."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.history")
    parser.add_argument("folder", type=Path, help="folder of the histories and of the site")
    parser.add_argument("--scenarios", type=int, default=100)
    parser.add_argument("--runs", type=int, default=1000)
    parsed = parser.parse_args()
    histories = parsed.folder / "history"
    site = str(parsed.folder / "site")
    if not histories.exists():
        write_histories(histories, parsed.scenarios, parsed.runs)
        time.sleep(3.0)  # a file that has just changed is not trusted by its state
    _measure("site, first build", "site", str(histories), site)
    _measure("site, nothing changed", "site", str(histories), site)
    add_run(histories, parsed.runs)
    _measure("site, one more run each", "site", str(histories), site)
    _measure("trend of one scenario", "trend", str(histories), "scenario-0000")


if __name__ == "__main__":
    main()
