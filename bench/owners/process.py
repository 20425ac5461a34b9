"""The identity of a process: it separates the remains of a killed process from the files of a living one.

Formats: proc(5).
"""

import hashlib
import os
import platform
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil

PATTERN = r"\d+-\d+-[0-9a-f]{6}-[0-9a-f]{6}"
"""Regular expression of the text of an owner."""
_TEXT = re.compile(r"(\d+)-(\d+)-([0-9a-f]{6})-([0-9a-f]{6})")
_DIGITS = 6
# The start time in /proc/PID/stat, counted from the state, which is the third field.
_START_FIELD = 22 - 3


@dataclass(frozen=True, slots=True)
class Owner:
    """A process. The kernel uses its id again later, but never with the same start time."""

    pid: int
    """Its process id."""
    start: int
    """Its start in ticks of the kernel since the boot, which a change of the clock does not change."""
    place: str
    """The host and the process id namespace, hashed. Elsewhere the same id means another process."""
    boot: str
    """The boot of the machine, hashed."""

    @classmethod
    def of(cls, pid: int) -> "Owner | None":
        """Return the identity of a process of this machine; `None` if it ended."""
        start = _read_start(pid)
        return None if start is None else cls(pid, start, _read_place(), _read_boot())

    @classmethod
    def current(cls) -> "Owner":
        """Return the identity of this process."""
        pid = os.getpid()
        return cls(pid, _read_start(pid) or 0, _read_place(), _read_boot())

    @classmethod
    def parse(cls, text: str) -> "Owner | None":
        """Return the owner of a text that `str` made; `None` for another text."""
        match = _TEXT.fullmatch(text)
        return None if match is None else cls(int(match[1]), int(match[2]), match[3], match[4])

    def __str__(self) -> str:
        return f"{self.pid}-{self.start}-{self.place}-{self.boot}"

    @property
    def is_dead(self) -> bool:
        """Whether the process has certainly ended. A process of another container may still run."""
        if self.place != _read_place():
            return False
        return self.boot != _read_boot() or _read_start(self.pid) != self.start


def _read_start(pid: int) -> int | None:
    """Return the start of a process in ticks; `None` if it ended, also if its parent did not notice yet."""
    try:
        if not Path("/proc/self/stat").exists():
            return _ask_start(pid)
        # The name of the program, in parentheses, may contain blanks and parentheses.
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except (OSError, psutil.Error):
        return None
    return None if fields[0] in {b"Z", b"X"} else int(fields[_START_FIELD])


def _ask_start(pid: int) -> int | None:
    """Return the start of a process of a system without /proc, in milliseconds since 1970."""
    process = psutil.Process(pid)
    return None if process.status() == psutil.STATUS_ZOMBIE else round(process.create_time() * 1000)


@lru_cache
def _read_place() -> str:
    return _shorten(f"{platform.node()} {read_namespace()}")


@lru_cache
def _read_boot() -> str:
    try:
        return _shorten(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    except OSError:
        return _shorten("")


def read_namespace() -> str:
    """Return the process id namespace of this process, which containers do not share."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""


def _shorten(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
