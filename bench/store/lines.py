"""Files that are written line by line and read at the same time."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.errors import StoreError

STDOUT = "-"


class Lines:
    """Write lines that readers see at once.

    Args:
        file: Open file; None discards the lines.
        name: Name of the file, for error messages.
    """

    def __init__(self, file: IO[str] | None, name: str) -> None:
        self._file = file
        self._name = name

    def write(self, line: str) -> None:
        """Write a line.

        Raises:
            StoreError: The file is not writable.
        """
        if self._file is None:
            return
        try:
            self._file.write(f"{line}\n")
            self._file.flush()
        except OSError as error:
            raise StoreError(f"cannot write {self._name}: {error.strerror}") from error


@contextmanager
def line_file(name: str | None) -> Iterator[Lines]:
    """Open a file for lines and replace its content: `-` is stdout, None discards the lines.

    Raises:
        StoreError: The file cannot be opened.
    """
    if name is None or name == STDOUT:
        yield Lines(None if name is None else sys.stdout, "stdout")
        return
    try:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        file = Path(name).open("w", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise StoreError(
            f"cannot write {name}: {error.strerror}", "name a file that you can write"
        ) from error
    with file:
        yield Lines(file, name)
