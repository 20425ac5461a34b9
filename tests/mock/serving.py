"""`bench mock` in a process of its own, as a user starts it."""

import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.command import command, environment

PATIENCE_S = 60


@contextmanager
def serving(*options: str, stop: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """Yield the URL of a mock model on a free port. Check its one line, and that it ends without an error."""
    pipe = subprocess.PIPE
    arguments = command("mock", "--port", "0", *options)
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True, env=environment()) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            match = re.fullmatch(r"mock model on (http://127\.0\.0\.1:\d+)\n", line)
            assert match, line
            yield match[1]
            process.send_signal(stop)
            out, err = process.communicate(timeout=PATIENCE_S)
            assert (process.returncode, out, err) == (0, "", "")
        finally:
            process.kill()
