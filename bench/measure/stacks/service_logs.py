"""The logs of services: a file for each, and its last lines for an error."""

import signal
from contextlib import suppress
from pathlib import Path

from bench.core.values.escape import one_line

_TAIL_LINES = 20  # an exception of Node.js or Python has its reason above its stack
_SHORT_TAIL_LINES = 3
_TAIL_BYTES = 20_000


class ServiceLogs:
    """The folder with the logs of a stack.

    Args:
        folder: The folder; it is created.
        is_kept: Whether the folder remains when the stack ends.
    """

    def __init__(self, folder: Path, *, is_kept: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._is_kept = is_kept

    def file(self, service: str) -> Path:
        """Return the file with the output of a service."""
        return self._folder / f"{service}.log"

    def announcement_file(self, service: str) -> Path:
        """Return the file with the stdout of a service that announces itself."""
        return self._folder / f"{service}.out"

    def tail(self, service: str) -> str:
        """Return the end of a sentence with the last lines of a log; empty if the log is."""
        lines = self._last_lines(service, _TAIL_LINES)
        return "".join(["; the end of its log:", *(f"\n  {line}" for line in lines)]) if lines else ""

    def short_tail(self, service: str) -> str:
        """Return the end of a sentence with the last lines of a log on one line."""
        lines = self._last_lines(service, _SHORT_TAIL_LINES)
        text = ": " + " | ".join(lines) if lines else ""
        return f"{text}; its log is {self.file(service)}" if self._is_kept else text

    def hint(self, service: str, command: str) -> str:
        """Return where to read more about a service that failed."""
        if self._is_kept and self._last_lines(service, 1):
            return f"the complete log is {self.file(service)}"
        return f"run it manually to see more: {command}"

    def remove_empty(self) -> None:
        """Remove the logs without a line, and the folder if no log remains."""
        for path in self._folder.glob("*.*"):
            if path.suffix == ".out" or path.stat().st_size == 0:
                path.unlink()
        for folder in (self._folder, self._folder.parent):
            with suppress(OSError):  # it is not empty
                folder.rmdir()

    def _last_lines(self, service: str, count: int) -> list[str]:
        with suppress(OSError), self.file(service).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
            texts = [one_line(line).rstrip() for line in lines]
            return [text for text in texts if text][-count:]
        return []


def describe_exit(code: int) -> str:
    """Return how a process ended: `with code 1`, `by signal SIGKILL`."""
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
