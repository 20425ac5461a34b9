"""The load generator's HTTP/1.1: one connection of one VU, opened when it is needed and then kept.

It follows no redirects and uses no proxies, so that its times are those of the server.
"""

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial

from bench.measure.http.answer_stream import AnswerStream
from bench.measure.http.fault import connect_error
from bench.measure.http.reading import MAX_BODY_BYTES, ONE_EXCHANGE, OnBody, OnEnd, OnHead, Reading
from bench.measure.http.timed_protocol import CLOSED_BY_CLIENT, TimedProtocol
from bench.measure.http.turn_limit import TurnLimit
from bench.measure.http.wire import Address, Reply, WireError, WireFault, request_bytes

__all__ = [
    "MAX_BODY_BYTES",
    "Address",
    "Connection",
    "Reading",
    "Reply",
    "WireError",
    "WireFault",
    "request_bytes",
]

_NO_EXCHANGE: tuple[bytes, OnEnd, Reading] = (b"", lambda _: None, Reading())
_TLS_CLOSE_S = 1.0


class Connection:
    """One connection to a server, for one exchange at a time.

    Args:
        address: Address of the server.
        any_encoding: Accept compressed bodies, and pass them on without decoding.
        clock: Returns seconds; the source of all times. `loop.time` is the same clock as `time.monotonic`,
            but uvloop's counts whole milliseconds and stands still during a turn of the loop.
        turn: Limits the time of reading; all connections of a process may share it.

    Attributes:
        address: Address of the server.
        reply: Reply of the newest exchange. After a failure it holds the part that arrived.
    """

    __slots__ = (
        "_any_encoding", "_clock", "_exchange", "_opening", "_stream", "_turn", "_was_open", "address",
        "reply",
    )  # fmt: skip

    _exchange: tuple[bytes, OnEnd, Reading]

    def __init__(
        self,
        address: Address,
        *,
        any_encoding: bool = False,
        clock: Callable[[], float] = time.monotonic,
        turn: TurnLimit | None = None,
    ) -> None:
        self.address = address
        self.reply = Reply()
        self._any_encoding = any_encoding
        self._clock = clock
        self._turn = turn or TurnLimit()
        self._stream: TimedProtocol | None = None
        self._opening: asyncio.Task[None] | None = None
        self._was_open = False

    @property
    def is_open(self) -> bool:
        """Whether the next exchange will find the connection open, unless the server closes it before."""
        return self._stream is not None and not self._stream.lost

    async def open(self) -> float | None:
        """Open the connection. Return how long it took, in seconds; `None` if it was open.

        Raises:
            WireError: CONNECT_FAILED, TLS_FAILED or NAME_FAILED.
        """
        if self.is_open:
            return None
        began_s = self._clock()
        self._stream = await self._connect()
        return self._clock() - began_s

    def post(self, request: bytes) -> None:
        """Write a request at once if the connection is open; `begin` must follow in the same callback.

        Several requests that are due within microseconds can so be written before the work for each of them.
        """
        if self._stream is not None:
            self._stream.post(request)

    def begin(self, request: bytes, on_end: OnEnd, reading: Reading) -> None:
        """Send a request and read its reply to the end. Open the connection first if necessary.

        If the server closes an idle connection instead of replying, the request is sent once more. All
        functions are called from callbacks of the loop, so they must be fast; never before this one returns.

        Args:
            request: Made by `request_bytes`. It must accept no encoding except identity.
            on_end: Called once when the exchange ends: with a `WireError` if there is no reply, or with the
                exception of `reading`. The next exchange may begin in this call.
            reading: How the reply is read.

        Raises:
            RuntimeError: Another exchange is in progress.
        """
        stream = self._stream
        if stream is not None and not stream.lost:
            reply = Reply()
            stream.send(request, reply, (on_end, self._fail), reading)
            self.reply = reply
            self._exchange = (request, on_end, reading)
            self._was_open = True
            return
        if self._opening is not None or (stream is not None and stream.is_busy):
            raise RuntimeError(ONE_EXCHANGE)
        self.reply = Reply()
        self._exchange = (request, on_end, reading)
        self._was_open = False
        self._open_and_send()

    async def exchange(
        self,
        request: bytes,
        on_body: OnBody | None = None,
        max_body: int = MAX_BODY_BYTES,
        on_head: OnHead | None = None,
    ) -> Reply:
        """Do an exchange as `begin` does, and return its reply. A cancellation closes the connection at once.

        Args:
            request: Made by `request_bytes`.
            on_body: See `Reading`, as for the other arguments.
            max_body: Largest size of the body in bytes.
            on_head: Gets the reply when its headers are complete.

        Raises:
            WireError: There is no reply; the connection is closed.
            RuntimeError: Another exchange is in progress.
            BaseException: An exception of `on_body` or `on_head`.
        """
        return await self.exchange_with(request, Reading(on_body, on_head, max_body))

    async def exchange_with(self, request: bytes, reading: Reading) -> Reply:
        """Do an exchange whose reply is read in this way (see `exchange`)."""
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.begin(request, partial(_settle, ended), reading)
        try:
            await ended
        except asyncio.CancelledError:
            self.cancel()
            raise
        finally:
            del ended  # a failed exchange would be a reference cycle, which is not collected
        return self.reply

    def cancel(self) -> None:
        """Close the connection at once, and forget the exchange in progress: `on_end` is not called."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
        if self._stream is not None:
            self._stream.cancel()

    def close(self) -> None:
        """Close the connection. An exchange in progress fails; the next one opens a new connection."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
            self._fail(WireError(WireFault.RESET, CLOSED_BY_CLIENT))
        if self._stream is not None:
            self._stream.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed: at most a second, which TLS may need for its closing messages."""
        if self._stream is not None and self._stream.lost:
            await self._stream.wait_closed()

    def _open_and_send(self) -> None:
        self._opening = asyncio.get_running_loop().create_task(self._open_then_send())

    async def _open_then_send(self) -> None:
        reply = self.reply
        began_s = self._clock()
        try:
            stream = self._stream = await self._connect()
        except WireError as error:
            self._opening = None
            self._fail(error)
            return
        self._opening = None
        reply.connect_s = self._clock() - began_s
        request, on_end, reading = self._exchange
        stream.send(request, reply, (on_end, self._fail), reading)

    def _fail(self, error: BaseException) -> None:
        """End an exchange, or send its request again if the server had closed the idle connection."""
        if self._was_open and self._is_dropped(error):
            self._was_open = False
            self.reply.sent_s = None
            self.reply.retried = True
            self._open_and_send()
            return
        self._settle(error)

    def _settle(self, error: BaseException | None) -> None:
        """Pass on the end of an exchange."""
        _, on_end, _ = self._exchange
        self._exchange = _NO_EXCHANGE  # a failed exchange would be a reference cycle
        on_end(error)

    def _is_dropped(self, error: BaseException) -> bool:
        is_dropped = self._stream is not None and self._stream.dropped
        return is_dropped and isinstance(error, WireError) and error.kind is WireFault.RESET

    def _new_stream(self) -> TimedProtocol:
        return AnswerStream(self._clock, self._turn, any_encoding=self._any_encoding)

    async def _connect(self) -> TimedProtocol:
        stream = self._new_stream()
        address = self.address
        raw: asyncio.Transport | None = None
        try:
            loop = asyncio.get_running_loop()
            raw, _ = await loop.create_connection(lambda: stream, address.host, address.port)
            raw.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.tls is not None:
                # create_connection(ssl=…) would hide which step failed and when the kernel has the bytes.
                await _secure(raw, stream, address.tls, address.server_hostname)
        except (OSError, UnicodeError) as error:
            if raw is not None:
                raw.abort()
            raise connect_error(error, address.host, address.port, is_connected=raw is not None) from None
        except BaseException:
            if raw is not None:
                raw.abort()
            raise
        return stream


def _settle(ended: asyncio.Future[None], error: BaseException | None) -> None:
    """Pass the end of an exchange on to the coroutine that waits for it."""
    if ended.done():
        return
    if error is None:
        ended.set_result(None)
    else:
        ended.set_exception(error)


async def _secure(
    raw: asyncio.Transport, stream: TimedProtocol, context: ssl.SSLContext, hostname: str | None
) -> None:
    """Insert TLS between the stream and its transport."""
    secured = None
    if not stream.lost:  # a server that sends first does not use TLS
        secured = await asyncio.get_running_loop().start_tls(
            raw, stream, context, server_hostname=hostname, ssl_shutdown_timeout=_TLS_CLOSE_S
        )
    if secured is None:
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    stream.secured(secured)
