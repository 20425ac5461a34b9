"""A run of many requests from its first to its files, and the memory that its processes need at most."""

import argparse
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.core.load import UserTurns
from bench.core.result import make_result
from bench.core.sample import GENERATOR, Outcome
from bench.core.stack import Stack
from bench.measure.provenance import fingerprint, new_run_id, provenance
from bench.measure.recorder import Subject, record
from bench.store.results import save

from .clients import HOST
from .whole import brief_of

_USERS = 50


def main() -> None:
    """Run what the command line says, and print the numbers as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=int, default=1_000_000)
    given = parser.parse_args()
    turns = UserTurns(kind="user-turns", users=_USERS, turns=given.requests // _USERS)
    brief = brief_of(turns)
    before_mb = _peak_mb()
    began_s = time.monotonic()
    recording = record(brief, Subject([f"http://{HOST}:{given.port}"]), lambda _: None)
    run_s = time.monotonic() - began_s
    stack = Stack(name="server", purpose="The C server.")
    result = make_result(brief, recording, provenance(new_run_id("million"), {}), fingerprint(brief, stack))
    with tempfile.TemporaryDirectory() as folder:
        home = save(result, recording, Path(folder))
        written_mb = sum(path.stat().st_size for path in home.iterdir()) / 1e6
    numbers = {
        "requests": float(result.summary.outcomes[Outcome.OK]),
        "rps": result.summary.requests_rps or 0.0,
        "run_s": run_s,
        "all_s": time.monotonic() - began_s,
        "before_mb": before_mb,
        "watcher_mb": _peak_mb(),
        "generator_mb": result.summary.resources[GENERATOR].memory_bytes_max / 1e6,
        "written_mb": written_mb,
    }
    json.dump(numbers, sys.stdout)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    main()
