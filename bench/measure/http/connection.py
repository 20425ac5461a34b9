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

from bench.measure.http.answer_stream import AnswerStream, OnBody, OnHead
from bench.measure.http.fault import connect_error
from bench.measure.http.wire import Address, Reply, WireError, WireFault, request_bytes

__all__ = ["MAX_BODY_BYTES", "Address", "Connection", "Reply", "WireError", "WireFault", "request_bytes"]

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Largest size of a body, by default."""
_TLS_CLOSE_S = 1.0


class Connection:
    """One connection to a server, for one exchange at a time.

    Args:
        address: Address of the server.
        any_encoding: Accept compressed bodies, and pass them on without decoding.
        clock: Returns seconds; the source of all times. `loop.time` is the same clock as `time.monotonic`,
            but uvloop's counts whole milliseconds and stands still during a turn of the loop.

    Attributes:
        address: Address of the server.
        reply: Reply of the newest exchange. After a failure it holds the part that arrived.
    """

    __slots__ = ("_any_encoding", "_clock", "_stream", "address", "reply")

    def __init__(
        self, address: Address, *, any_encoding: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.address = address
        self.reply = Reply()
        self._any_encoding = any_encoding
        self._clock = clock
        self._stream: AnswerStream | None = None

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

    async def exchange(
        self,
        request: bytes,
        on_body: OnBody | None = None,
        max_body: int = MAX_BODY_BYTES,
        on_head: OnHead | None = None,
    ) -> Reply:
        """Send a request and read its reply to the end. Open the connection first if necessary.

        If the server closes an idle connection instead of replying, the request is sent once more. A
        cancellation closes the connection at once, so that the server sees it.

        Args:
            request: Made by `request_bytes`. It must accept no encoding except identity.
            on_body: Called with each part of the body and the time at which it was read. It runs in a
                callback of the loop, so it must be fast. An exception ends the exchange.
            max_body: Largest size of the body in bytes.
            on_head: Called with the reply when its headers are complete. An exception ends the exchange.

        Raises:
            WireError: There is no reply; the connection is closed.
            RuntimeError: Another exchange is in progress.
            BaseException: An exception of `on_body` or `on_head`.
        """
        reply = self.reply = Reply()
        stream = self._stream
        was_open = stream is not None and not stream.lost
        while True:
            if stream is None or not was_open:
                began_s = self._clock()
                stream = self._stream = await self._connect()
                reply.connect_s = self._clock() - began_s
            waiter = stream.send(request, reply, on_body, on_head, max_body)
            try:
                await waiter
            except WireError as error:
                if not (was_open and stream.dropped and error.kind is WireFault.RESET):
                    raise
            except BaseException:
                stream.abort()
                raise
            else:
                return reply
            finally:
                del waiter
                stream.release()
            was_open = False
            reply.sent_s = None
            reply.retried = True

    def close(self) -> None:
        """Close the connection. An exchange in progress fails; the next one opens a new connection."""
        if self._stream is not None:
            self._stream.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed: at most a second, which TLS may need for its closing messages."""
        if self._stream is not None and self._stream.lost:
            await self._stream.wait_closed()

    async def _connect(self) -> AnswerStream:
        stream = AnswerStream(self._clock, any_encoding=self._any_encoding)
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


async def _secure(
    raw: asyncio.Transport, stream: AnswerStream, context: ssl.SSLContext, hostname: str | None
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
