"""A lock that a process holds while it reads, changes and writes, so that nobody's change is lost."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.errors import StoreError


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Whoever locks the same file or folder waits meanwhile.

    The lock ends with the descriptor's closing, however this process ends.

    Args:
        path: A folder that there is, or a file, which is made when it is not there.

    Raises:
        StoreError: It cannot be opened or made.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on every platform
    except ImportError:
        yield
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(f"cannot lock {path}: {error.strerror}", "run in a folder of yours") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
