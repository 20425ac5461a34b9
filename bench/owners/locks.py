"""Locks between processes. A lock ends with its process, even if the process is killed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from bench.errors import StoreError


@contextmanager
def lock_file(path: Path, on_wait: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold a lock file while you read, change and write other files. Other processes wait. The file stays.

    Args:
        path: The lock file.
        on_wait: Called once if another process holds the lock. It may raise instead of waiting.

    Raises:
        StoreError: The lock file cannot be created.
    """
    lock = FileLock(path)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait()
            lock.acquire()
    except OSError as error:
        raise _unlockable(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _unlockable(path: Path, error: OSError) -> StoreError:
    return StoreError(f"cannot lock {path}: {error.strerror}", "work in a folder that you can write to")
