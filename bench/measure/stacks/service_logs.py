"""The logs of services: a file for each, and its last lines for an error."""

import signal
from contextlib import suppress
from pathlib import Path

from bench.measure.stacks.log_tail import SHORT_TAIL_LINES, end_of_log, last_lines, short_end_of_log

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
        return end_of_log(self._last_lines(service))

    def describe_end(self, service: str) -> str:
        """Return the end of a sentence with the last three lines of a log; the last 30 follow as lines."""
        lines = self._last_lines(service)
        text = short_end_of_log(lines[-SHORT_TAIL_LINES:])
        sentence = f"{text}; its log is {self.file(service)}" if self._is_kept else text
        return "\n".join([sentence, *lines])

    def hint(self, service: str, command: str) -> str:
        """Return where to read more about a service that failed."""
        if self._is_kept and self._last_lines(service):
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

    def _last_lines(self, service: str) -> list[str]:
        with suppress(OSError), self.file(service).open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            return last_lines(file.read().decode(errors="replace"))
        return []


def describe_exit(code: int) -> str:
    """Return how a process ended: `with code 1`, `by signal SIGKILL`."""
    return f"by signal {signal.Signals(-code).name}" if code < 0 else f"with code {code}"
