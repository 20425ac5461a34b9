"""Runs `bench` as a user does: in a separate process."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile

from tests.fork_server import INHERITED, fork_server

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
# Variables that an interpreter reads when it starts, so that a forked process would not read them.
_READ_AT_START = ("PYTHON", "LANG", "LC_", "TZ", "COLUMNS", "OPENBLAS", "OMP")
_LIMIT_S = 300.0


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
    return {key: value for key, value in os.environ.items() if key in INHERITED} | more


def command(*arguments: str) -> list[str]:
    """Return the command line that runs `bench` with these arguments."""
    return [sys.executable, "-m", "bench", *arguments]


def bench(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
    """Run a command to its end in its own process, and check that stderr has no traceback."""
    more = dict(env or {})
    starts = any(name.startswith(_READ_AT_START) for name in more)
    done = (start if starts else fork)(*arguments, cwd=cwd, env=environment(**more))
    assert "Traceback" not in done.err, done.err
    return done


def start(*arguments: str, cwd: Path, env: Mapping[str, str]) -> Done:
    """Start an interpreter that runs a command. This takes a second of processor time."""
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def fork(*arguments: str, cwd: Path, env: Mapping[str, str]) -> Done:
    """Fork a process that runs a command."""
    with Path(os.devnull).open() as empty, TemporaryFile("w+") as out, TemporaryFile("w+") as err:
        code = fork_server("bench").run(arguments, cwd, env, [empty, out, err], _LIMIT_S)
        out.seek(0)
        err.seek(0)
        return Done(code, out.read(), err.read())


def short_scenario(folder: Path, duration_s: float = 1.0) -> Path:
    """Write a scenario file for a short run with the shipped target and prompts."""
    path = folder / "short.yaml"
    path.write_text(SCENARIO.replace("DURATION", f"{duration_s:g}s"))
    return path
