"""The frames that an agent has for the run, which may take them slowly.

At most `WINDOW_BYTES` are on their way: Dask buffers a connection without a limit, so the run acknowledges
what it has taken, and the agent sends no more than that. Further frames wait in memory, then in a file, so a
slow run neither delays requests nor fills the memory of a machine.
"""

import tempfile
from collections import deque
from collections.abc import Callable
from typing import IO

WINDOW_BYTES = 4 * 1024 * 1024
"""Most bytes that the agent has sent and the run has not acknowledged."""
MEMORY_BYTES = 16 * 1024 * 1024
"""Most bytes that wait in memory."""
FILE_BYTES = 4 * 1024 * 1024 * 1024
"""Most bytes that are written into the file until it is empty again."""


class FullOutboxError(Exception):
    """The run takes its data so slowly that the file is full."""


class Outbox:
    """Frames in their order. They are encrypted before, so the file is unreadable.

    Args:
        write: Sends bytes.
    """

    def __init__(self, write: Callable[[bytes], object]) -> None:
        self._write = write
        self._on_way = 0
        self._memory: deque[bytes] = deque()
        self._memory_bytes = 0
        self._file: IO[bytes] | None = None
        self._lengths: deque[int] = deque()
        self._read_at = 0
        self._write_at = 0

    @property
    def on_way_bytes(self) -> int:
        """Number of bytes that were sent and not acknowledged."""
        return self._on_way

    @property
    def memory_bytes(self) -> int:
        """Number of bytes that wait in memory."""
        return self._memory_bytes

    @property
    def file_bytes(self) -> int:
        """Number of bytes that wait in the file."""
        return self._write_at - self._read_at

    def put(self, frame: bytes) -> None:
        """Send a frame as soon as there is room.

        Raises:
            FullOutboxError: The file is full.
            OSError: The file cannot be written.
        """
        if not self._lengths and (not self._memory or self._memory_bytes + len(frame) <= MEMORY_BYTES):
            self._memory.append(frame)
            self._memory_bytes += len(frame)
        else:
            self._put_into_file(frame)
        self._send()

    def acknowledge(self, count: int) -> None:
        """Note that the run has taken this number of bytes."""
        self._on_way -= count
        self._send()

    def close(self) -> None:
        """Delete the file."""
        if self._file is not None:
            self._file.close()

    def _send(self) -> None:
        """Send frames while there is room; a frame that is larger than all room is sent alone."""
        while self._memory and (not self._on_way or self._on_way + len(self._memory[0]) <= WINDOW_BYTES):
            frame = self._memory.popleft()
            self._memory_bytes -= len(frame)
            self._on_way += len(frame)
            self._write(frame)
            self._refill()

    def _put_into_file(self, frame: bytes) -> None:
        if self._write_at + len(frame) > FILE_BYTES:
            raise FullOutboxError(f"the run did not take {FILE_BYTES} bytes of samples")
        if self._file is None:
            self._file = tempfile.TemporaryFile(prefix="bench-samples-")  # noqa: SIM115 - `close` does it
        self._file.seek(self._write_at)
        self._file.write(frame)
        self._lengths.append(len(frame))
        self._write_at += len(frame)

    def _refill(self) -> None:
        """Move frames from the file into memory; an empty file begins again."""
        while self._file is not None and self._lengths and not self._has_full_memory(self._lengths[0]):
            self._file.seek(self._read_at)
            frame = self._file.read(self._lengths.popleft())
            self._read_at += len(frame)
            self._memory.append(frame)
            self._memory_bytes += len(frame)
        if self._file is not None and not self._lengths and self._write_at:
            self._read_at = 0
            self._write_at = 0
            self._file.truncate(0)

    def _has_full_memory(self, length: int) -> bool:
        return bool(self._memory) and self._memory_bytes + length > MEMORY_BYTES
