"""`make bench-transport`: compare the transport with other HTTP clients, and write a section of the page."""

import argparse
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.engine.__main__ import FOLDER, say, two_cores
from benchmarks.engine.machine import machine
from benchmarks.engine.page import PERFORMANCE, replace_section
from benchmarks.engine.server import compiled, serving

from .contenders import Runner
from .document import transport_section
from .environment import clients_python, clients_versions
from .session import session

_CLIENT = Path(__file__).with_name("client.c")


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transport", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="rounds of each row")
    parser.add_argument("--output", type=Path, default=PERFORMANCE)
    given = parser.parse_args()
    cores = two_cores()
    if cores is None:
        return 2
    began_s = time.monotonic()
    try:
        floor = compiled(FOLDER, _CLIENT)
        python = clients_python(FOLDER / "clients")
        with serving(FOLDER, cores.server) as server:
            os.sched_setaffinity(0, [cores.tools])  # children inherit it
            results = session(Runner(server.port, python, floor), given.repeat, say)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"error: {error}\n\nhint: gcc, OpenSSL with its headers, taskset and pip are needed")
        return 2
    results.facts = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rounds": f"{given.repeat} for each table, {time.monotonic() - began_s:.0f} s in total",
        **machine(),
        "other clients": ", ".join(f"{name} {number}" for name, number in clients_versions().items()),
    }
    replace_section(given.output, "transport", transport_section(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
