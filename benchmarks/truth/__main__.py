"""`make bench-truth`: compare the times that tools report with the server's, and write the truth table."""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.engine.__main__ import FOLDER, say, two_cores
from benchmarks.engine.machine import machine
from benchmarks.engine.page import PERFORMANCE, replace_section
from benchmarks.engine.peers import install_peers, peer_versions
from benchmarks.engine.server import serving

from .document import truth_section
from .measure import measure_truth
from .tools import TOOLS


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.truth", description=__doc__)
    parser.add_argument("--repeat", type=int, default=3, help="rounds of each row")
    parser.add_argument("--output", type=Path, default=PERFORMANCE)
    given = parser.parse_args()
    cores = two_cores()
    if cores is None:
        return 2
    programs = install_peers(FOLDER / "peers", say)
    os.sched_setaffinity(0, [cores.server])  # the tools have the other core for themselves
    began_s = time.monotonic()
    try:
        with serving(FOLDER, cores.server) as server:
            truth = measure_truth(server, programs, cores.tools, given.repeat, say)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"error: {error}\n\nhint: gcc, OpenSSL with its headers, and taskset are needed")
        return 2
    used = {
        tool.program: programs[tool.program] for tool in TOOLS if tool.program and tool.program in programs
    }
    truth.facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rounds": f"{given.repeat} for each number of streams, {time.monotonic() - began_s:.0f} s in total",
        **machine(),
        "peers": ", ".join(peer_versions(used)),
    }
    (FOLDER / "truth.json").write_text(json.dumps(asdict(truth), indent=1), encoding="utf-8")
    replace_section(given.output, "truth table", truth_section(truth))
    return 0


if __name__ == "__main__":
    sys.exit(main())
