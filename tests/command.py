"""Runs `bench` as a user does: in a separate process."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

SCENARIO = """\
name: short
purpose: A second of load, for tests.
target: chat
seed: 1
prompts: prompts/forms.yaml
executor: constant-vus
vus: 3
duration: DURATION
think_time: 50ms..100ms
"""
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")


@dataclass(frozen=True, slots=True)
class Done:
    """The result of a command."""

    code: int
    out: str
    err: str


# Runs a command in the process of the test.
Bench = Callable[..., Done]


def environment(**more: str) -> dict[str, str]:
    """Return the variables that a user has, without those of the test, plus `more`."""
    return {key: value for key, value in os.environ.items() if key in _INHERITED} | more


def command(*arguments: str) -> list[str]:
    """Return the command line that runs `bench` with these arguments."""
    return [sys.executable, "-m", "bench", *arguments]


def bench(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
    """Run a command to its end, and check that stderr has no traceback."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def short_scenario(folder: Path, duration_s: float = 1.0) -> Path:
    """Write a scenario file for a short run with the shipped target and prompts."""
    path = folder / "short.yaml"
    path.write_text(SCENARIO.replace("DURATION", f"{duration_s:g}s"))
    return path
