"""`bench run` with a million requests, including its files, and the memory of its processes."""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.core.samples.sample import GENERATOR, Outcome
from bench.store.results import RESULT, load

from .clients import HOST

_USERS = 50
# As a team would declare it: JSON is YAML too.
_DECLARED = {
    "stacks/bare.yaml": {"name": "bare", "purpose": "The C server."},
    "targets/small.yaml": {
        "name": "small",
        "service": "server",
        "path": "/json",
        "body": {"message": "${message}"},
        "answer": {"kind": "json", "text": "message"},
        "ready": "/json",
    },
    "prompts/one.yaml": {"messages": [{"id": "any", "text": "Hello"}]},
}


def main() -> None:
    """Run the requests and print the numbers as a line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=int, default=1_000_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _declare(Path(folder), given.requests)
        json.dump(_run(Path(folder), given.port), sys.stdout)


def _declare(folder: Path, requests: int) -> None:
    scenario = {
        "name": "million",
        "purpose": "More than fits into rows.",
        "target": "small",
        "seed": 1,
        "prompts": "prompts/one.yaml",
        "phases": [{"executor": "per-vu-iterations", "vus": _USERS, "iterations": requests // _USERS}],
    }
    for name, content in {"million.yaml": scenario, **_DECLARED}.items():
        path = folder / "scenarios" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content), encoding="utf-8")


def _run(folder: Path, port: int) -> dict[str, float]:
    options = ["--stack", "bare", "--url", f"http://{HOST}:{port}"]
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "bench", "run", "million", *options],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    all_s = time.monotonic() - began_s
    home = folder / done.stdout.strip()
    summary = load(home / RESULT).summary
    return {
        "requests": float(summary.outcomes[Outcome.OK]),
        "rps": summary.requests_rps or 0.0,
        "run_s": summary.elapsed_s,
        "all_s": all_s,
        # The largest of its processes, which the watcher is.
        "watcher_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1000,
        "generator_mb": (summary.resources[GENERATOR].memory_bytes_max or 0) / 1e6,
        "written_mb": sum(path.stat().st_size for path in home.iterdir()) / 1e6,
    }


if __name__ == "__main__":
    main()
