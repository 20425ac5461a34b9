import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import Exit
from bench.store import results
from tests.command import command, environment, short_scenario

_COLUMNS = 60
# Who leads a session and opens a terminal gets its Ctrl-C.
_SIT_DOWN = "import os, sys; os.open(os.ttyname(0), os.O_RDWR); os.execv(sys.argv[1], sys.argv[1:])"


class _Screen:
    """A terminal with a person in front of it."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self.seen = ""

    def until(self, pattern: str) -> None:
        """Read until the pattern appears."""
        while not re.search(pattern, self.seen):
            assert self._read(), f"it ended without {pattern}: {self.seen}"

    def to_the_end(self) -> str:
        """Read until the program ends."""
        while self._read():
            pass
        return self.seen

    def press(self, keys: bytes) -> None:
        """Type keys."""
        os.write(self._handle, keys)

    def _read(self) -> bool:
        try:
            read = os.read(self._handle, 65536)
        except OSError:  # what Linux says when nobody writes any more
            return False
        self.seen += read.decode(errors="replace")
        return bool(read)


@contextmanager
def _at_a_terminal(folder: Path, *arguments: str) -> Iterator[tuple[_Screen, subprocess.Popen[bytes]]]:
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, _COLUMNS, 0, 0))
    running = subprocess.Popen(
        [sys.executable, "-c", _SIT_DOWN, *command(*arguments)],
        cwd=folder,
        env=environment(TERM="xterm-256color"),
        stdin=its,
        stdout=subprocess.DEVNULL,
        stderr=its,
        start_new_session=True,
    )
    os.close(its)
    try:
        with running:
            yield _Screen(ours), running
    finally:
        os.close(ours)


def test_live_shows_a_run(tmp_path: Path) -> None:
    """`--live` shows VUs, rates, response times and every process, on lines that fit."""
    path = short_scenario(tmp_path, duration_s=2)
    with _at_a_terminal(tmp_path, "run", str(path), "--live", "--no-calibration") as (screen, running):
        seen = screen.to_the_end()
    assert running.returncode in {Exit.PASS, Exit.MEASUREMENT}  # on a busy machine the run is invalid
    drawn = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen)
    assert re.search(r"VUs +3   \d+ in flight", drawn)
    assert re.search(r"so far +\d+ ms   \d+ ms", drawn)
    for process in ("backend", "agent", "model", "load generator"):
        assert re.search(rf"^{process} +\d+ %   \d+ MB", drawn, re.MULTILINE), process
    lines = drawn[drawn.index("short   ") :].replace("\r", "\n").splitlines()
    assert max(map(len, lines)) <= _COLUMNS
    assert seen.rindex("\x1b[?25h") > seen.rindex("\x1b[?25l")


def test_ctrl_c_restores_the_terminal_and_stores_the_requests(tmp_path: Path) -> None:
    """Ctrl-C shows the cursor again, exits with 130, and stores the requests."""
    path = short_scenario(tmp_path, duration_s=60)
    with _at_a_terminal(tmp_path, "run", str(path), "--live", "--no-calibration") as (screen, running):
        screen.until(r"so far +\d+ ms")
        screen.press(b"\x03")
        seen = screen.to_the_end()
    assert running.returncode == Exit.INTERRUPTED
    assert "kept in results/" in seen[seen.rindex("\x1b[?25h") :]
    assert "Traceback" not in seen
    (home,) = (tmp_path / "results").iterdir()
    assert results.load(home).summary.requests > 0
