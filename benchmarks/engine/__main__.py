"""`make bench-engine`: compare the whole tool with other tools, and write the result into the page."""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.engine.page import PERFORMANCE, ROOT, replace_section

from .document import whole_tool_section
from .loads import ROWS
from .machine import machine
from .peers import install_peers, peer_versions
from .server import serving
from .session import Cores, Session

FOLDER = ROOT / ".bench" / "engine"


def say(text: str) -> None:
    """Print a line of progress."""
    sys.stderr.write(text + "\n")


def two_cores() -> Cores | None:
    """Return a core for the server and one for the tools; None if this machine has only one."""
    cores = sorted(os.sched_getaffinity(0))
    if sys.platform != "linux" or len(cores) == 1:
        say("error: Linux and two cores are needed, one for the server and one for the tools")
        return None
    return Cores(server=cores[0], tools=cores[-1])


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="rounds of each row")
    parser.add_argument("--only", action="append", help="measure only the rows whose name contains this")
    parser.add_argument("--output", type=Path, default=PERFORMANCE)
    given = parser.parse_args()
    cores = two_cores()
    if cores is None:
        return 2
    programs = install_peers(FOLDER / "peers", say)
    os.sched_setaffinity(0, [cores.server])  # the tools have the other core for themselves
    began_s = time.monotonic()
    rows = [row for row in ROWS if not given.only or any(part in row.name for part in given.only)]
    try:
        with serving(FOLDER, cores.server) as server:
            rounds = Session(server, programs, cores, say).measure(rows, given.repeat)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"error: {error}\n\nhint: gcc, OpenSSL with its headers, and taskset are needed")
        return 2
    facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rounds": f"{given.repeat} for each load, {time.monotonic() - began_s:.0f} s in total",
        **machine(),
        "peers": ", ".join(peer_versions(programs)),
    }
    (FOLDER / "results.json").write_text(json.dumps(asdict(rounds), indent=1), encoding="utf-8")
    text = whole_tool_section(rounds, facts)
    if given.only:
        sys.stdout.write(text)
    else:
        replace_section(given.output, "whole tool", text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
