"""`python -m benchmarks.history`: measure the site and the trend of synthetic histories.

It writes the histories once, then builds the site without a cache, without a change, and after each history
got one more run. Each build is a process of its own, and may start more.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

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
cpu_s = time.process_time()
children = resource.getrusage(resource.RUSAGE_CHILDREN)
cpu_s += children.ru_utime + children.ru_stime
print(json.dumps({"took_s": took_s, "cpu_s": cpu_s}))
"""
_SECONDS_BETWEEN_READINGS = 0.2


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _measure(title: str, *arguments: str) -> None:
    load = os.getloadavg()[0]
    build = subprocess.Popen([sys.executable, "-c", _BUILD, *arguments], stdout=subprocess.PIPE, text=True)
    peak_mb = 0.0
    while build.poll() is None:
        peak_mb = max(peak_mb, _memory_mb(build.pid))
        time.sleep(_SECONDS_BETWEEN_READINGS)
    output, _ = build.communicate()
    if build.returncode:
        sys.exit(build.returncode)
    values = json.loads(output)
    numbers = f"{values['took_s']:8.1f} s, processor {values['cpu_s']:8.1f} s, {peak_mb:6.0f} MB"
    _say(f"{title:40}{numbers}, load of the machine {load:.1f}")


def _memory_mb(pid: int) -> float:
    """Return the memory of a process and its children; pages that they share count once."""
    total = 0
    with suppress(psutil.Error):
        build = psutil.Process(pid)
        for process in (build, *build.children(recursive=True)):
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total / 1024**2


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
