"""One open HTTP/1.1 connection: bytes in, replies out, their times taken where the bytes arrive.

All is done in the protocol's callbacks: a task switch between a byte and its time would be measured too.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import cast

import httptools

from bench.measure.http.wire import Reply, WireError, WireFault, check_encoding

MAX_HEAD_BYTES = 64 * 1024
_MAX_FRAMING_BYTES = 2 * MAX_HEAD_BYTES  # between two parts of a body
OnBody = Callable[[bytes, float], None]
OnHead = Callable[[Reply], None]

_LONG_TRAILERS = f"the trailers exceed {MAX_HEAD_BYTES} bytes"
_NO_ANSWER = "the server closed the connection without an answer"
_FIRST_STATUS = 100
_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL_STATUS = 200
_SIZED_BY = frozenset({b"content-length", b"transfer-encoding"})
_NO_PARSER = httptools.HttpResponseParser(object())


class _Unsolicited(Exception):  # noqa: N818 - it only stops the parser
    """Bytes after the end of the answer."""


class AnswerStream(asyncio.Protocol):
    """Sends one request at a time and parses its answer. Lives as long as its TCP connection.

    Args:
        clock: Seconds; gives all times.
        any_encoding: Whether a body may be compressed.

    Attributes:
        lost: The connection is gone, or about to go.
        dropped: The server closed before the first byte of the answer.
    """

    def __init__(self, clock: Callable[[], float], *, any_encoding: bool) -> None:
        self.lost = self.dropped = False
        self._clock = clock
        self._any_encoding = any_encoding
        self._transport: asyncio.Transport | None = None
        self._parser = _NO_PARSER
        self._gone: asyncio.Future[None] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._unasked: WireError | None = None
        self._paused = self._bodiless = False

    def send(
        self, request: bytes, reply: Reply, on_body: OnBody | None, on_head: OnHead | None, max_body: int
    ) -> asyncio.Future[None]:
        """Write the request. The future ends with the answer's last byte, or with a `WireError`.

        Raises:
            RuntimeError: Another request is under way.
        """
        if self._waiter is not None:
            raise RuntimeError("a connection carries one exchange at a time")
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        transport = self._transport
        if transport is None or self.lost:
            waiter.set_exception(self._unasked or WireError(WireFault.RESET, _NO_ANSWER))
            return waiter
        if self._parser is _NO_PARSER or self._bodiless:  # after HEAD it waits for a body that never comes
            self._parser = httptools.HttpResponseParser(self)
        self._bodiless = request.startswith(b"HEAD ")
        self._reply, self._headers = reply, reply.headers
        self._on_body, self._on_head = on_body, on_head
        self._parts: list[bytes] = []
        self._room = self._max_body = max_body
        self._head_room = self._trailer_room = MAX_HEAD_BYTES
        self._framing_room = _MAX_FRAMING_BYTES
        self._in_head = True
        self._answered = self._complete = self._keep = self._encoded = False
        transport.write(request)
        if not self._paused:  # the high-water mark is 0: otherwise something waits in the buffer
            reply.sent_s = self._clock()
        return waiter

    def release(self) -> None:
        """Forget the exchange: a failed one would be a cycle, and collection is off during a run."""
        self._waiter = self._on_body = self._on_head = None

    def abort(self) -> None:
        """Close at once; unsent bytes are dropped."""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close as a polite peer, or at once when an exchange is under way, which fails."""
        if self._waiter is not None and not self._waiter.done():
            self._fail(WireError(WireFault.RESET, "the connection was closed by its user"))
        elif self._transport is not None and not self.lost:
            self.lost = True
            self._transport.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        if self._transport is not None:
            self._gone = self._gone or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._gone)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast("asyncio.Transport", transport)
        # Then uvloop writes at once, not at the end of the loop's turn, and every loop tells when all is out.
        self._transport.set_write_buffer_limits(high=0)

    def secured(self, transport: asyncio.Transport) -> None:
        """Write to TLS, on top of the first transport, from now on.

        Sent is then what that transport has, where a request too long for the socket's buffer may wait.
        """
        self._transport = transport
        transport.set_write_buffer_limits(high=1, low=0)  # TLS pauses at the mark, not above it

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._ended(exc)
        self._transport = None
        self._parser = _NO_PARSER  # it holds our methods: a cycle
        if self._gone is not None:
            self._gone.set_result(None)

    def eof_received(self) -> bool:
        """The server says no more: the end of some bodies, and of the connection."""
        self._ended(None)
        return False

    def pause_writing(self) -> None:
        """Part of the request is still to be sent."""
        self._paused = True

    def resume_writing(self) -> None:
        """The kernel has all of it."""
        self._paused = False
        if self._waiter is not None and not self._waiter.done():
            self._reply.sent_s = self._clock()

    def data_received(self, data: bytes) -> None:
        """Parse what came. Its time is taken once, before anything else is done."""
        self._now_s = self._clock()
        waiter = self._waiter
        if waiter is None or waiter.done():
            self._unasked = WireError(WireFault.BAD_STREAM, "the server speaks before it is asked")
            self.abort()
            return
        self._answered = True
        problem = self._parse(data)
        try:
            self._hand_on()
        except Exception as error:  # noqa: BLE001 - whatever it is ends the exchange
            self._fail(error)
            return
        if self._complete:
            self._keep = self._keep and problem is None  # which is no matter once the answer is there
            self._finish()
        elif problem is not None:
            self._fail(problem)

    def on_message_begin(self) -> None:
        """Nothing may follow the answer, for nothing else was asked."""
        if self._complete:
            raise _Unsolicited

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are counted and dropped."""
        if not self._in_head:
            self._trailer_room -= len(name) + len(value)
            if self._trailer_room < 0:
                raise WireError(WireFault.TOO_LARGE, _LONG_TRAILERS)
            return
        name = name.lower()
        if name.endswith(b"-encoding"):  # judged when all headers are there: the parser is late with this one
            self._encoded = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Keep the status, unless it announces another one."""
        parser, reply = self._parser, self._reply
        status = parser.get_status_code()
        if status < _FIRST_FINAL_STATUS:
            if status == _SWITCHING_PROTOCOLS or status < _FIRST_STATUS:
                raise WireError(WireFault.BAD_STREAM, f"nobody asked for an answer of status {status}")
            return
        if self._encoded:
            check_encoding(self._headers, any_encoding=self._any_encoding)
        self._in_head = False
        reply.status = status
        if self._bodiless:
            # The parser takes a missing length for a body that ends with the connection.
            closes = "close" in (reply.header("connection") or "").lower()
            self._keep = parser.get_http_version() == "1.1" and not closes
        else:
            self._keep = parser.should_keep_alive()
        if self._on_head is not None:
            self._on_head(reply)
        self._complete = self._bodiless

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body until all that came with it is parsed."""
        if self._complete:
            raise _Unsolicited
        self._room -= len(part)
        if self._room < 0:
            raise WireError(WireFault.TOO_LARGE, f"the answer is longer than {self._max_body} bytes")
        if self._reply.first_byte_s is None:
            self._reply.first_byte_s = self._now_s
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """An informational answer is only the first of several."""
        if self._in_head:
            self._headers.clear()
        else:
            self._complete = True

    def _parse(self, data: bytes) -> BaseException | None:
        """Parse what came, and say what is wrong with it."""
        try:
            self._feed(data)
        except WireError as error:
            return error
        except httptools.HttpParserCallbackError as error:
            return error.__context__ or error
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            return WireError(WireFault.BAD_STREAM, f"the answer is not HTTP/1.1: {error}")
        return None

    def _hand_on(self) -> None:
        """Hand on what came of the body, in one piece: servers put each token into a chunk of its own."""
        parts = self._parts
        if self._on_body is not None and parts:
            self._parts = []
            self._on_body(parts[0] if len(parts) == 1 else b"".join(parts), self._now_s)

    def _feed(self, data: bytes) -> None:
        parser = self._parser
        if self._in_head:
            if len(data) > self._head_room:
                head, data = data[: self._head_room], data[self._head_room :]
                parser.feed_data(head)
                if self._in_head:
                    raise WireError(WireFault.TOO_LARGE, f"the headers exceed {MAX_HEAD_BYTES} bytes")
            self._head_room -= len(data)
            parser.feed_data(data)
            return
        room = self._room
        parser.feed_data(data)
        if self._room != room:
            self._framing_room = _MAX_FRAMING_BYTES
            return
        self._framing_room -= len(data)
        if self._framing_room < 0 and not self._complete:  # a chunk's size line or a trailer that never ends
            raise WireError(WireFault.TOO_LARGE, _LONG_TRAILERS)

    def _ended(self, exc: Exception | None) -> None:
        """No more will come: the regular end of some answers, and too early for the others."""
        self.lost = True
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        self._now_s = self._clock()
        self.dropped = not self._answered
        if exc is not None:
            kind = WireFault.TLS_FAILED if isinstance(exc, ssl.SSLError) else WireFault.RESET
            self._fail(WireError(kind, f"the connection broke: {getattr(exc, 'strerror', None) or exc}"))
        elif self.dropped:
            self._fail(WireError(WireFault.RESET, _NO_ANSWER))
        elif self._in_head:
            self._fail(WireError(WireFault.BAD_STREAM, "the answer ends within its headers"))
        elif any(name in _SIZED_BY for name, _ in self._headers):
            self._fail(WireError(WireFault.BAD_STREAM, "the answer ends before its announced end"))
        else:
            self._finish()

    def _finish(self) -> None:
        reply, parts = self._reply, self._parts
        reply.finished_s = self._now_s
        reply.body = parts[0] if len(parts) == 1 else b"".join(parts)
        if self._paused or not self._keep:
            self.abort()
        if self._waiter is not None and not self._waiter.done():  # a callback may have closed or cancelled
            self._waiter.set_result(None)

    def _fail(self, error: BaseException) -> None:
        self.abort()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
