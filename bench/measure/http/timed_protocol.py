"""The part of an open connection that HTTP and WebSockets share: its socket, and bytes that wait to be read.

All work is done in the callbacks of asyncio's protocol: a task switch before a time is taken would be
measured too.
"""

import asyncio
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import cast

from bench.measure.http.reading import OnEnd, OnFailure, Reading
from bench.measure.http.turn_limit import SLICE_BYTES, TURN_S, TurnLimit
from bench.measure.http.wire import Reply

NO_REPLY = "the server closed the connection without a response"
"""Message of the error of an exchange without any byte of a reply."""
CLOSED_BY_CLIENT = "the connection was closed by the client"
"""Message of the error of an exchange that `close` ends."""
TIMED_SLOTS = (
    "_clock", "_closed", "_ends", "_paused", "_transport", "_turn", "_unread", "dropped", "lost",
)  # fmt: skip
"""Slots of a class that inherits from `TimedProtocol`, besides those of the exchange in progress."""


class TimedProtocol(asyncio.Protocol):
    """An open connection for one exchange at a time. Its slots are those of its subclasses.

    Attributes:
        lost: The connection is closed or closing.
        dropped: The server closed the connection before the first byte of the reply.
    """

    dropped: bool
    lost: bool
    _clock: Callable[[], float]
    _closed: asyncio.Future[None] | None
    _ends: tuple[OnEnd, OnFailure] | None
    _now_s: float
    _paused: bool
    _reading: Reading
    _reply: Reply
    _transport: asyncio.Transport | None
    _turn: TurnLimit
    _unread: deque[tuple[bytes, float]]

    def _set_up(self, clock: Callable[[], float], turn: TurnLimit) -> None:
        """Set the attributes of a connection that is not open yet."""
        self.lost = False
        self.dropped = False
        self._clock = clock
        self._turn = turn
        self._transport = None
        self._closed = None
        self._ends = None
        self._unread = deque()
        self._paused = False

    @property
    def is_busy(self) -> bool:
        """Whether an exchange is in progress."""
        return self._ends is not None

    @abstractmethod
    def post(self, request: bytes) -> None:
        """Write a request of which `send` follows before the next turn of the loop, and then only reads."""

    @abstractmethod
    def send(self, request: bytes, reply: Reply, ends: tuple[OnEnd, OnFailure], reading: Reading) -> None:
        """Write the request.

        Args:
            request: The request.
            reply: Gets the reply.
            ends: Called after this function has returned: the first one with `None` when the reply is
                complete, or the second one with an error.
            reading: How the reply is read.

        Raises:
            RuntimeError: Another request is in progress.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Close at once, and forget the exchange in progress: it ends without a call of its `on_end`."""

    @abstractmethod
    def close(self) -> None:
        """Close after unsent bytes are sent. An exchange in progress fails, and is closed at once."""

    @abstractmethod
    def _receive(self, data: bytes, at_s: float) -> None:
        """Parse bytes that were read at this time."""

    @abstractmethod
    def _end(self, exc: Exception | None) -> None:
        """End the exchange in progress, because the connection has ended."""

    def abort(self) -> None:
        """Close at once. Unsent bytes are dropped."""
        self.lost = True
        self._unread.clear()
        if self._transport is not None:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        if self._transport is not None:
            self._closed = self._closed or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._closed)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport of the open connection."""
        self._transport = cast("asyncio.Transport", transport)
        # uvloop then writes at once and not at the end of its turn, and every loop reports an empty buffer.
        self._transport.set_write_buffer_limits(high=0)

    def secured(self, transport: asyncio.Transport) -> None:
        """Write to TLS from now on.

        A request counts as sent when the TCP transport below has it. There a request that is larger than the
        socket's buffer may still wait.
        """
        self._transport = transport
        transport.set_write_buffer_limits(high=1, low=0)  # TLS pauses at the mark, TCP above it

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail or finish the exchange when the socket is closed."""
        self._end(exc)
        self._transport = None
        if self._closed is not None:
            self._closed.set_result(None)

    def eof_received(self) -> bool:
        """End the connection when the server closes it, which ends bodies without a length."""
        self._end(None)
        return False

    def pause_writing(self) -> None:
        """Note that part of the request waits in the buffer."""
        self._paused = True

    def resume_writing(self) -> None:
        """Take the time at which the kernel has the complete request."""
        self._paused = False
        if self._ends is not None:
            self._reply.sent_s = self._clock()

    def _read_now(self, data: bytes, at_s: float) -> None:
        """Parse bytes in this turn, and count the time."""
        turn = self._turn
        self._receive(data, at_s)
        turn.used_s += self._clock() - at_s
        if turn.used_s > TURN_S:
            turn.end()

    def _read_in_slices(self, data: bytes, at_s: float, size: int = SLICE_BYTES) -> None:
        """Read many bytes in slices: now if this turn has time, else later, so that no user is delayed."""
        waits = bool(self._unread)
        for start in range(0, len(data), size):
            self._unread.append((data[start : start + size], at_s))
        if waits or (not self._turn.is_over and not self._turn.read_slices(self)):
            return
        self._turn.wait(self)
        if self._transport is not None and not self.lost:
            self._transport.pause_reading()

    def read_slice(self) -> bool:
        """Parse a slice of the bytes that wait; return whether more of them wait."""
        if self._unread:
            self._receive(*self._unread.popleft())
        return bool(self._unread)

    def go_on_reading(self) -> None:
        """Read new bytes again: no bytes wait."""
        if self._transport is not None and not self.lost:
            self._transport.resume_reading()
