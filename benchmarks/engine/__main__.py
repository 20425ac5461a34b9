"""`make bench-engine`: measure the transport and its peers, and write the result as Markdown."""

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from .contenders import Runner
from .document import document
from .machine import machine
from .peers import peers_python
from .server import CLIENT, SERVER, compiled, serving
from .session import session

_ROOT = Path(__file__).parents[2]
_FOLDER = _ROOT / ".bench" / "engine"


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> int:
    """Run the comparison."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine", description=__doc__)
    parser.add_argument("--repeat", type=int, default=5, help="rounds of each row")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "explanation" / "performance.md")
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if sys.platform != "linux" or len(cores) == 1:
        _say("error: Linux and two cores are needed, one for the server and one for the client")
        return 2
    try:
        program = compiled(_FOLDER, SERVER)
        floor = compiled(_FOLDER, CLIENT)
        python = peers_python(_FOLDER / "peers")
    except (OSError, subprocess.CalledProcessError) as error:
        _say(f"error: {error}\n\nhint: gcc compiles what is in C, and pip installs the peers")
        return 2
    began_s = time.monotonic()
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    os.sched_setaffinity(0, cores[:1])
    with serving(program) as port:
        os.sched_setaffinity(0, cores[-1:])  # children inherit it
        results = session(Runner(port, python, floor), given.repeat, _say)
    elapsed_s = time.monotonic() - began_s
    results.facts = {
        "date": today,
        "rounds": f"{given.repeat} per table, {elapsed_s:.0f} s in total",
        **machine(),
    }
    (_FOLDER / "results.json").write_text(json.dumps(asdict(results), indent=1), encoding="utf-8")
    text = document(results)
    given.output.write_text(text, encoding="utf-8")
    sys.stdout.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
