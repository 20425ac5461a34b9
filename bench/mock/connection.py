"""One HTTP/1.1 connection of a client of the mock model."""

import asyncio
import os
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple, cast

import httptools

from bench.mock.metrics import MockMetrics
from bench.mock.timed_reply import ReplyEnd, TimedReply
from bench.timing.metronome import Metronome

_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = b"0\r\n\r\n"


class HttpRequest(NamedTuple):
    """A complete request.

    Attributes:
        method: Its method.
        path: Its path, without the query.
        body: Its body.
        arrived_s: Time of its last byte.
        keeps_alive: True if the connection stays open after the answer.
        is_http_1_0: True if the client knows no chunks.
    """

    method: str
    path: str
    body: bytes
    arrived_s: float
    keeps_alive: bool
    is_http_1_0: bool


class MockConnection(asyncio.Protocol):
    """One connection. It answers one request after the other.

    Args:
        respond: Answers a request, with `send` or `start`.
        metronome: Calls the connection when a write is due.
        metrics: Counts the delays of writes.
        clock: Clock of the metronome.
    """

    def __init__(
        self,
        respond: Callable[[HttpRequest, "MockConnection"], None],
        metronome: Metronome,
        metrics: MockMetrics,
        clock: Callable[[], float],
    ) -> None:
        self._respond = respond
        self._metronome = metronome
        self._metrics = metrics
        self._clock = clock
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._socket: int | None = None
        self._url = b""
        self._body = bytearray()
        self._read_s = 0.0
        self._requests: deque[HttpRequest] = deque()
        self._current: HttpRequest | None = None
        self._reply: TimedReply | None = None
        self._has_begun = False
        self._start_s = 0.0
        self._due_s = 0.0
        self._number = 0
        self._on_end: Callable[[ReplyEnd | None], object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)
        # uvloop then writes at once and not at the end of its turn.
        self._transport.set_write_buffer_limits(high=0)
        connected = transport.get_extra_info("socket")
        self._socket = None if connected is None else connected.fileno()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol of asyncio
        """End the answer under way."""
        self._parser = None  # it refers to this object: a reference cycle
        self._requests.clear()
        self._finish(None)

    def data_received(self, data: bytes) -> None:
        """Parse the bytes of requests."""
        self._read_s = self._clock()
        if not self.is_open or self._parser is None:
            return
        try:
            self._parser.feed_data(data)
        except (
            httptools.HttpParserUpgrade
        ) as upgrade:  # the request is complete, and is answered over HTTP/1.1
            self._parser = httptools.HttpRequestParser(self)
            self.data_received(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            if self._current is None:
                self._transport.write(_BAD_REQUEST)
            self._transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._url = b""
        self._body = bytearray()

    def on_url(self, url: bytes) -> None:
        """Keep a part of the URL."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Ask a client that waits for its permission to send the body."""
        if name.lower() == b"expect" and value.lower() == b"100-continue":
            self._transport.write(_CONTINUE)

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """Answer the request, after the requests before it."""
        parser = self._parser
        if parser is None:
            return
        request = HttpRequest(
            method=parser.get_method().decode(),
            path=self._url.partition(b"?")[0].decode("latin-1"),
            body=bytes(self._body),
            arrived_s=self._read_s,
            keeps_alive=parser.should_keep_alive(),
            is_http_1_0=parser.get_http_version() == "1.0",
        )
        self._requests.append(request)
        self._next_request()

    def send(self, status: int, media_type: bytes, body: bytes) -> None:
        """Send an answer at once."""
        request = self._current
        if request is None or self._transport.is_closing():
            return
        content = b"" if request.method == "HEAD" else body
        self._transport.write(self._head(status, media_type, len(body)) + content)
        self._complete()

    def start(self, reply: TimedReply, start_s: float, on_end: Callable[[ReplyEnd | None], None]) -> None:
        """Send an answer at its times.

        Args:
            reply: The answer.
            start_s: Start of its times.
            on_end: Called once with the end of the answer; with None if the client left before.
        """
        self._reply = reply
        self._has_begun = False
        self._start_s = start_s + reply.first_s
        self._due_s = self._start_s
        self._number = 0
        self._on_end = on_end
        self._metronome.add(self._due_s, self._write_next)

    def on_leave(self, callback: Callable[[], object]) -> None:
        """Call a function if the client leaves before its answer starts."""
        self._on_end = lambda _: callback()

    @property
    def is_open(self) -> bool:
        """True while the client can receive an answer."""
        return self._parser is not None and not self._transport.is_closing()

    def _next_request(self) -> None:
        if self._current is None and self._requests:
            self._current = self._requests.popleft()
            self._respond(self._current, self)

    def _write_next(self) -> float | None:
        """Send the next write of the answer, and return when the following one is due."""
        reply = self._reply
        if reply is None or self._transport.is_closing():
            return None
        self._metrics.count_delay(self._clock() - self._due_s)
        if self._number == reply.count:
            self._write_last(reply)
            return None
        data = next(reply.writes)
        if data:
            self._write(self._framed(reply, data))
        self._number += 1
        self._due_s = self._start_s + self._number * reply.step_s
        return self._due_s

    def _write_last(self, reply: TimedReply) -> None:
        data = reply.last()
        if data:
            self._write(self._framed(reply, data) + (_LAST_CHUNK if self._is_chunked(reply) else b""))
        self._finish(reply.end)
        match reply.end:
            case ReplyEnd.COMPLETE:
                self._complete()
            case ReplyEnd.CUT:
                self._transport.abort()
            case ReplyEnd.HANG:
                pass

    def _write(self, data: bytes) -> None:
        """Send bytes at once. The system call alone takes half the time of the transport's own way."""
        if self._socket is not None and not self._transport.get_write_buffer_size():
            try:
                data = data[os.write(self._socket, data) :]
            except BlockingIOError:
                pass  # the client reads slowly: the transport waits for it
            except OSError:
                self._transport.abort()  # the client has left
        if data:
            self._transport.write(data)

    def _framed(self, reply: TimedReply, data: bytes) -> bytes:
        """Return the bytes of a write: with the head of the answer before the first, and as a chunk."""
        framed = b"%x\r\n%b\r\n" % (len(data), data) if self._is_chunked(reply) else data
        if self._has_begun:
            return framed
        self._has_begun = True
        return self._head(reply.status, reply.media_type, None if reply.is_stream else len(data)) + framed

    def _is_chunked(self, reply: TimedReply) -> bool:
        return reply.is_stream and not (self._current and self._current.is_http_1_0)

    def _head(self, status: int, media_type: bytes, length: int | None) -> bytes:
        request = self._current
        close = request is None or not request.keeps_alive or (length is None and request.is_http_1_0)
        lines = [
            b"HTTP/1.1 %d %b" % (status, _phrase(status)),
            b"content-type: " + media_type,
            b"cache-control: no-store",
        ]
        if length is not None:
            lines.append(b"content-length: %d" % length)
        elif request is not None and not request.is_http_1_0:
            lines.append(b"transfer-encoding: chunked")
        if close:
            lines.append(b"connection: close")
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _finish(self, end: ReplyEnd | None) -> None:
        """Tell the owner of the answer its end, once."""
        on_end = self._on_end
        self._on_end = None
        self._reply = None
        if on_end is not None:
            on_end(end)

    def _complete(self) -> None:
        """Close the connection, or answer the next request on it."""
        request = self._current
        self._current = None
        is_last = request is None or not request.keeps_alive or request.is_http_1_0
        if is_last:
            self._transport.close()
        else:
            self._next_request()


def _phrase(status: int) -> bytes:
    try:
        return HTTPStatus(status).phrase.encode()
    except ValueError:
        return b"Error"
