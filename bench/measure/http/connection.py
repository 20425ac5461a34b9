"""The load generator's HTTP/1.1: one connection of one virtual user, opened when needed and kept.

It follows no redirect, decodes nothing and asks no proxy: what it measures is the server.
"""

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import Callable

from bench.measure.http.answer_stream import AnswerStream, OnBody, OnHead
from bench.measure.http.wire import Address, Reply, WireError, WireFault, request_bytes

__all__ = ["MAX_BODY_BYTES", "Address", "Connection", "Reply", "WireError", "WireFault", "request_bytes"]

MAX_BODY_BYTES = 16 * 1024 * 1024
_TLS_CLOSE_S = 1.0


class Connection:
    """One connection to a server, for one exchange at a time.

    Args:
        address: Of the server.
        any_encoding: Take compressed bodies too, and hand them on as they are.
        clock: Seconds; gives all times. Not `loop.time`: uvloop's counts whole milliseconds and stands still
            during a turn of the loop. Both are CLOCK_MONOTONIC.

    Attributes:
        address: Of the server.
        reply: Of the latest exchange, with what is known so far when it failed or was cancelled.
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
        """Whether the next exchange finds a connection, as far as is known."""
        return self._stream is not None and not self._stream.lost

    async def open(self) -> float | None:
        """Open the connection. Return how long it took, in seconds; None if it was open.

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
        """Send a request, on a new connection when there is none, and read its answer to the end.

        A request is sent again, once, when the server drops an idle connection instead of answering on it.
        A cancellation closes the connection at once, so the server sees it.

        Args:
            request: See `request_bytes`; must accept no encoding but identity.
            on_body: Is given each part of the body and when it was read, in the loop's callback: be short.
                Raising ends the exchange.
            max_body: Bytes.
            on_head: Is given the reply when its headers are complete. Raising ends the exchange.

        Raises:
            WireError: There is no answer; the connection is closed.
            RuntimeError: Another exchange is under way.
            BaseException: What `on_body` or `on_head` raised.
        """
        reply = self.reply = Reply()
        stream = self._stream
        found = stream is not None and not stream.lost
        while True:
            if stream is None or not found:
                began_s = self._clock()
                stream = self._stream = await self._connect()
                reply.connect_s = self._clock() - began_s
            waiter = stream.send(request, reply, on_body, on_head, max_body)
            try:
                await waiter
            except WireError as error:
                if not (found and stream.dropped and error.kind is WireFault.RESET):
                    raise
            except BaseException:
                stream.abort()
                raise
            else:
                return reply
            finally:
                del waiter
                stream.release()
            found, reply.sent_s, reply.retried = False, None, True

    def close(self) -> None:
        """Close the connection; an exchange under way fails. The next one opens a new connection."""
        if self._stream is not None:
            self._stream.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed. Takes a second at most, which TLS may need to take leave."""
        if self._stream is not None and self._stream.lost:
            await self._stream.wait_closed()

    async def _connect(self) -> AnswerStream:
        stream = AnswerStream(self._clock, any_encoding=self._any_encoding)
        raw: asyncio.Transport | None = None
        try:
            loop, address = asyncio.get_running_loop(), self.address
            raw, _ = await loop.create_connection(lambda: stream, address.host, address.port)
            raw.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.tls is not None:
                # Not by create_connection: what failed, and when the kernel has the bytes, could not be told.
                await _secure(raw, stream, address.tls, address.server_hostname)
        except (OSError, UnicodeError) as error:
            if raw is not None:
                raw.abort()
            raise self._failure(error, connected=raw is not None) from None
        except BaseException:
            if raw is not None:
                raw.abort()
            raise
        return stream

    def _failure(self, error: OSError | UnicodeError, *, connected: bool) -> WireError:
        host = self.address.host
        if isinstance(error, socket.gaierror | UnicodeError):
            return WireError(WireFault.NAME_FAILED, f"{host} has no address: {_reason(error)}")
        if connected:
            return WireError(WireFault.TLS_FAILED, f"no TLS with {host}: {_reason(error)}")
        return WireError(
            WireFault.CONNECT_FAILED, f"no connection to {host}:{self.address.port}: {_reason(error)}"
        )


async def _secure(
    raw: asyncio.Transport, stream: AnswerStream, context: ssl.SSLContext, hostname: str | None
) -> None:
    """Put TLS between the stream and its transport."""
    secured = None
    if not stream.lost:  # a server that speaks first speaks no TLS
        secured = await asyncio.get_running_loop().start_tls(
            raw, stream, context, server_hostname=hostname, ssl_shutdown_timeout=_TLS_CLOSE_S
        )
    if secured is None:
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    stream.secured(secured)


def _reason(error: OSError | UnicodeError) -> str:
    """What a person can use of it."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    if isinstance(error, OSError) and error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
