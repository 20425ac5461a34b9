"""Starts the processes of load generators.

Their imports take as long as those of a run. A command that will send a load therefore starts the first one
before its own imports, so that both import side by side.
"""

import os
import subprocess
import sys
from contextlib import suppress
from typing import IO

from bench.core.config.inherited_variables import inherit_for_load

_MODULE = "bench.measure.load.worker"
_early: list[subprocess.Popen[bytes]] = []


def start_early() -> None:
    """Start a load generator for the next run of this process. It ends with this process, at the latest."""
    with suppress(OSError):  # the run starts it again, and reports the error
        _early.append(_start())


def take_process(errors: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Return the load generator that was started early; start one if there is none.

    Args:
        errors: Gets the lines that it prints; `None` for stderr of this process.

    Raises:
        OSError: The system cannot start a process.
    """
    return _early.pop() if _early else _start(errors)


def _start(errors: IO[bytes] | None = None) -> subprocess.Popen[bytes]:
    """Start a load generator. A job brings the variables that its load uses."""
    return subprocess.Popen(
        [sys.executable, "-m", _MODULE],
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=inherit_for_load(os.environ),
        start_new_session=True,  # Ctrl-C in the terminal goes to the run only
    )
