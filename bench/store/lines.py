"""A file that gets a line at a time, to be read while it is written."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.errors import StoreError

STDOUT = "-"


class Lines:
    """Writes lines; each is there for readers at once.

    Args:
        file: Where to; None for nowhere.
        name: Of the file, for messages.
    """

    def __init__(self, file: IO[str] | None, name: str) -> None:
        self._file = file
        self._name = name

    def write(self, line: str) -> None:
        """Write a line.

        Raises:
            StoreError: It cannot be written.
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
    """A file for lines, written anew: `-` is stdout, None nowhere.

    Raises:
        StoreError: It cannot be opened.
    """
    if name is None or name == STDOUT:
        yield Lines(None if name is None else sys.stdout, "stdout")
        return
    try:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        file = Path(name).open("w", encoding="utf-8")  # noqa: SIM115 - closed below
    except OSError as error:
        raise StoreError(f"cannot write {name}: {error.strerror}", "name a file of yours") from error
    with file:
        yield Lines(file, name)
