"""One open HTTP/1.1 connection: bytes in, replies out, with times taken where the bytes arrive.

All work is done in the callbacks of asyncio's protocol: a task switch before a time is taken would be
measured too.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import httptools

from bench.measure.http.decoding import BodyDecoder, check_transfer_encoding, open_decoder
from bench.measure.http.fault import describe, explain_start, find_cause
from bench.measure.http.head_repair import repair_head
from bench.measure.http.known_heads import HEAD_END, KnownHeads
from bench.measure.http.turn_limit import SLICE_BYTES, TURN_S, TurnLimit
from bench.measure.http.wire import Reply, WireError, WireFault

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Largest size of a body, by default."""
MAX_HEAD_BYTES = 100 * 1024
"""Largest size of the headers, and of the trailers."""
ONE_EXCHANGE = "a connection carries one exchange at a time"
"""Message of the error of a second exchange at the same time."""
OnBody = Callable[[bytes, float], None]
"""Called with each part of a body and the time at which it was read."""
OnHead = Callable[[Reply], None]
"""Called with the reply when its headers are complete."""
OnEnd = Callable[[BaseException | None], None]
"""Called once when an exchange ends, with the error if its reply is not complete."""
OnFailure = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How replies are read. Make it once for many exchanges."""

    on_body: OnBody | None = None
    """Gets each part of the body; `None` if the reply gets the body. An exception ends the exchange."""
    on_head: OnHead | None = None
    """Gets the reply when its headers are complete. An exception ends the exchange."""
    max_body: int = MAX_BODY_BYTES
    """Largest size of the body in bytes."""

    @property
    def is_whole(self) -> bool:
        """Whether the reply is used only when it is complete."""
        return self.on_body is None and self.on_head is None


_NO_READING = Reading()
_KNOWN_HEADS = KnownHeads()
_MAX_FRAMING_BYTES = 2 * MAX_HEAD_BYTES  # largest size of chunk framing without any body byte

_LONG_TRAILERS = f"the trailers exceed {MAX_HEAD_BYTES} bytes"
_NO_REPLY = "the server closed the connection without a response"
_FIRST_STATUS = 100
_SWITCHING_PROTOCOLS = 101
_FIRST_FINAL_STATUS = 200
_LENGTH_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_NO_PARSER = httptools.HttpResponseParser(object())
_USUAL_START = b"HTTP/1.1 "
_TIMING = b"server-timing"
_NOTED = (b"-encoding", _TIMING)


class _UnexpectedBytes(Exception):  # noqa: N818 - it only stops the parser
    """Bytes after the end of the reply."""


class AnswerStream(asyncio.Protocol):
    """Sends one request at a time and parses its reply. Lives as long as its TCP connection.

    Args:
        clock: Returns seconds; the source of all times.
        turn: Limits the time that the connections of a process read in one turn of the loop.
        any_encoding: Whether a body may be compressed.

    Attributes:
        lost: The connection is closed or closing.
        dropped: The server closed the connection before the first byte of the reply.
    """

    __slots__ = (  # a fifth faster: there are too many attributes for a shared dict
        "__weakref__", "_any_encoding", "_body_room", "_clock", "_closed", "_complete", "_decoder",
        "_ends", "_framing_room", "_has_bytes", "_has_encoding", "_has_usual_start", "_head", "_head_room",
        "_headers", "_in_head", "_is_head_request", "_is_posted", "_keep_alive", "_max_body", "_now_s",
        "_on_body", "_on_head", "_parser", "_parts", "_paused", "_posted_s", "_reading", "_reply",
        "_trailer_room", "_transport", "_turn", "_unexpected", "_unread", "dropped", "lost",
    )  # fmt: skip

    def __init__(self, clock: Callable[[], float], turn: TurnLimit, *, any_encoding: bool) -> None:
        self.lost = False
        self.dropped = False
        self._clock = clock
        self._any_encoding = any_encoding
        self._transport: asyncio.Transport | None = None
        self._parser = _NO_PARSER
        self._closed: asyncio.Future[None] | None = None
        self._ends: tuple[OnEnd, OnFailure] | None = None
        self._on_body: OnBody | None = None
        self._on_head: OnHead | None = None
        self._turn = turn
        self._unread: deque[tuple[bytes, float]] = deque()
        self._unexpected: WireError | None = None
        self._has_bytes = False
        self._paused = False
        self._is_posted = False
        self._posted_s: float | None = None
        self._is_head_request = False

    @property
    def is_busy(self) -> bool:
        """Whether an exchange is in progress."""
        return self._ends is not None

    def post(self, request: bytes) -> None:
        """Write a request of which `send` follows before the next turn of the loop, and then only reads."""
        transport = self._transport
        if transport is None or self.lost or self._ends is not None:
            return
        transport.write(request)
        self._is_posted = True
        self._posted_s = None if self._paused else self._clock()

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
        if self._ends is not None:
            raise RuntimeError(ONE_EXCHANGE)
        transport = self._transport
        if transport is None or self.lost:
            error = self._unexpected or WireError(WireFault.RESET, _NO_REPLY)
            asyncio.get_running_loop().call_soon(ends[1], error)
            return
        self._ends = ends
        self._reply = reply
        self._reading = reading
        self._has_bytes = False
        if self._is_head_request:
            self._parser = _NO_PARSER  # after HEAD, the parser waits for a body
        self._is_head_request = request[:5] == b"HEAD "
        if not self._is_posted:
            transport.write(request)
            self._posted_s = (
                None if self._paused else self._clock()
            )  # the buffer is empty: its high mark is 0
        self._is_posted = False
        reply.sent_s = self._posted_s

    def _make_parser(self) -> httptools.HttpResponseParser:
        """Return a parser that accepts the harmless faults that curl and httpx accept."""
        parser = httptools.HttpResponseParser(self)
        parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_spaces_after_chunk_size=True,
            lenient_chunked_length=True,  # the chunks count, and not the length
        )
        return parser

    def _prepare(self) -> None:
        """Reset the state for the reply that begins."""
        reading = self._reading
        self._headers = self._reply.headers
        self._on_body = reading.on_body
        self._on_head = reading.on_head
        self._parts: list[bytes] = []
        self._max_body = max_body = reading.max_body
        # Bytes that may still come, for the body, the headers, the trailers and the framing of chunks.
        self._body_room = max_body
        self._head_room = MAX_HEAD_BYTES
        self._trailer_room = MAX_HEAD_BYTES
        self._framing_room = _MAX_FRAMING_BYTES
        self._in_head = True
        self._has_bytes = True
        self._complete = False
        self._keep_alive = False
        self._has_encoding = False
        self._decoder: BodyDecoder | None = None
        self._head: list[bytes] = []
        if self._parser is _NO_PARSER:
            self._parser = self._make_parser()

    def cancel(self) -> None:
        """Close at once, and forget the exchange in progress: it ends without a call of its `on_end`."""
        if self._ends is not None:
            self._ends = None
            self._keep_part()
        self.abort()

    def abort(self) -> None:
        """Close at once. Unsent bytes are dropped."""
        self.lost = True
        self._unread.clear()
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close after unsent bytes are sent. An exchange in progress fails, and is closed at once."""
        if self._ends is not None:
            self._fail(WireError(WireFault.RESET, "the connection was closed by the client"))
        elif self._transport is not None and not self.lost:
            self.lost = True
            self._transport.close()

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
        self._parser = _NO_PARSER  # it refers to this object: a reference cycle
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

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the server. Their time is taken first."""
        now_s = self._clock()
        turn = self._turn
        if self._unread or turn.is_over or len(data) > SLICE_BYTES:
            self._read_in_slices(data, now_s)
            return
        if self._has_bytes or not self._take_known(data, now_s):
            self._receive(data, now_s)
        turn.used_s += self._clock() - now_s
        if turn.used_s > TURN_S:
            turn.end()

    def _read_in_slices(self, data: bytes, at_s: float) -> None:
        """Read many bytes in slices: now if this turn has time, else later, so that no user is delayed."""
        waits = bool(self._unread)
        for start in range(0, len(data), SLICE_BYTES):
            self._unread.append((data[start : start + SLICE_BYTES], at_s))
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

    def _take_known(self, data: bytes, at_s: float) -> bool:
        """Take a complete reply whose head is known; return whether it is one."""
        head, _, body = data.partition(HEAD_END)
        known_head = _KNOWN_HEADS.find(head)
        if known_head is None or known_head.length != len(body) or self._paused or self._is_head_request:
            return False
        ends = self._ends
        if ends is None or not self._reading.is_whole or known_head.length > self._reading.max_body:
            return False
        self._ends = None
        self._has_bytes = True
        reply = self._reply
        reply.status = known_head.status
        reply.headers = known_head.headers
        reply.version = "1.1"
        reply.body = body
        reply.finished_s = at_s
        if body:
            reply.first_byte_s = at_s
        ends[0](None)
        return True

    def _receive(self, data: bytes, at_s: float) -> None:
        """Parse bytes that were read at this time."""
        self._now_s = at_s
        if self._ends is None:
            self._unexpected = WireError(WireFault.BAD_STREAM, "the server sent bytes before a request")
            self.abort()
            return
        is_first = not self._has_bytes
        if is_first:
            self._prepare()
            self._has_usual_start = data.startswith(_USUAL_START)
            strange = None if self._has_usual_start else explain_start(data)
            if strange is not None:
                self._fail(WireError(WireFault.BAD_STREAM, f"the response is not HTTP/1.1: {strange}"))
                return
        problem = self._parse(data)
        if self._on_body is not None and self._parts:
            try:
                self._pass_on(self._on_body)
            except Exception as error:  # noqa: BLE001 - any exception of a callback ends the exchange
                self._fail(error)
                return
        if self._complete:
            # A problem after the end is ignored, and so are more bytes.
            self._keep_alive = self._keep_alive and problem is None and not self._unread
            self._finish(data if is_first else b"")
        elif problem is not None:
            self._fail(problem)

    def on_message_begin(self) -> None:
        """Stop at a second reply, since only one request was sent."""
        if self._complete:
            raise _UnexpectedBytes

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; trailers are counted and dropped."""
        if not self._in_head:
            self._trailer_room -= len(name) + len(value)
            if self._trailer_room < 0:
                raise WireError(WireFault.TOO_LARGE, _LONG_TRAILERS)
            return
        name = name.lower()
        if name.endswith(_NOTED):
            if name == _TIMING:
                self._reply.has_timing = True
            else:  # checked when all headers are complete
                self._has_encoding = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Keep the status, unless it is informational and another one follows."""
        parser, reply = self._parser, self._reply
        status = parser.get_status_code()
        if status < _FIRST_FINAL_STATUS:
            if status == _SWITCHING_PROTOCOLS or status < _FIRST_STATUS:
                reply.status = status
                raise WireError(WireFault.BAD_STREAM, f"the response has the unexpected status {status}")
            return
        self._in_head = False
        reply.status = status
        reply.version = "1.1" if self._has_usual_start else parser.get_http_version()
        if self._has_encoding:
            self._read_encodings(reply)
        if self._is_head_request:
            # Without a length, the parser expects a body that ends with the connection.
            closes = "close" in (reply.header("connection") or "").lower()
            self._keep_alive = reply.version == "1.1" and not closes
        else:
            self._keep_alive = parser.should_keep_alive()
        if self._on_head is not None:
            self._on_head(reply)
        self._complete = self._is_head_request

    def _read_encodings(self, reply: Reply) -> None:
        """Check the transfer encoding, and prepare the decoding of a body that is encoded all the same."""
        check_transfer_encoding(self._headers)
        if not self._any_encoding:
            self._decoder = open_decoder(self._headers, self._max_body)
        if self._decoder is not None:
            reply.decoded = self._decoder.names

    def on_body(self, part: bytes) -> None:
        """Keep a part of the body until all bytes that came with it are parsed."""
        if self._complete:
            raise _UnexpectedBytes
        if self._reply.first_byte_s is None:
            self._reply.first_byte_s = self._now_s
        if self._decoder is not None:
            part = self._decoder.decode(part)
        self._body_room -= len(part)
        if self._body_room < 0:
            raise WireError(WireFault.TOO_LARGE, f"the response is longer than {self._max_body} bytes")
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """End the reply, unless it is informational and another one follows."""
        if self._in_head:
            self._headers.clear()
        else:
            self._complete = True

    def _parse(self, data: bytes) -> BaseException | None:
        """Parse bytes and return the problem that they have, if any."""
        try:
            if self._in_head:
                self._feed_head(data)
            else:
                self._feed_body(data)
        except WireError as error:
            return error
        except httptools.HttpParserCallbackError as error:
            return error.__context__ or error
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            return WireError(WireFault.BAD_STREAM, f"the response is not HTTP/1.1: {error}")
        return None

    def _pass_on(self, on_body: OnBody) -> None:
        """Pass new bytes of the body on in one piece: servers send each token in a chunk of its own."""
        parts = self._parts
        self._parts = []
        on_body(parts[0] if len(parts) == 1 else b"".join(parts), self._now_s)

    def _feed_body(self, data: bytes) -> None:
        body_room = self._body_room
        self._parser.feed_data(data)
        if self._body_room != body_room:
            self._framing_room = _MAX_FRAMING_BYTES
            return
        self._framing_room -= len(data)
        if self._framing_room < 0 and not self._complete:  # an endless size line or trailer
            raise WireError(WireFault.TOO_LARGE, _LONG_TRAILERS)

    def _feed_head(self, data: bytes) -> None:
        """Parse bytes that begin in the head. A head that the parser refuses may be repaired."""
        room = self._head_room
        if len(data) > room:
            self._feed_long_head(data[:room], data[room:])
            return
        self._head_room = room - len(data)
        if self._parser is not _NO_PARSER:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserCallbackError:
                raise
            except httptools.HttpParserError:
                if not self._in_head:
                    raise
                self._parser = _NO_PARSER
        if self._in_head:
            self._head.append(data)
            if self._parser is _NO_PARSER:
                self._parse_repaired()

    def _feed_long_head(self, data: bytes, rest: bytes) -> None:
        """Parse bytes up to the limit of a head, and the rest, which can only be of the body."""
        self._feed_head(data)
        if self._in_head:
            raise WireError(WireFault.TOO_LARGE, f"the headers exceed {MAX_HEAD_BYTES} bytes")
        self._feed_body(rest)

    def _parse_repaired(self) -> None:
        """Parse a refused head again when it is complete, with its faults repaired."""
        repaired = repair_head(b"".join(self._head))
        if repaired is not None:
            self._headers.clear()
            self._parser = self._make_parser()
            self._parser.feed_data(repaired)

    def _end(self, exc: Exception | None) -> None:
        """Finish the exchange if its reply ends with the connection; otherwise fail it."""
        while self._unread and self._ends is not None:
            self._receive(*self._unread.popleft())
        self.lost = True
        if self._ends is None:
            return
        self._now_s = self._clock()
        self.dropped = not self._has_bytes
        if exc is not None:
            kind = WireFault.TLS_FAILED if isinstance(exc, ssl.SSLError) else WireFault.RESET
            self._fail(WireError(kind, f"the connection broke: {describe(exc)}", find_cause(exc)))
        elif self.dropped:
            self._fail(WireError(WireFault.RESET, _NO_REPLY))
        elif self._in_head:
            self._fail(WireError(WireFault.BAD_STREAM, "the response ends within its headers"))
        elif any(name in _LENGTH_HEADERS for name, _ in self._headers):
            self._fail(WireError(WireFault.BAD_STREAM, "the response ends before its announced end"))
        else:
            self._finish()

    def _finish(self, data: bytes = b"") -> None:
        """End the exchange with its reply.

        Args:
            data: The bytes of the reply if they came in one read.
        """
        reply = self._reply
        parts = self._parts
        reply.finished_s = self._now_s
        reply.body = parts[0] if len(parts) == 1 else b"".join(parts)
        if self._paused or not self._keep_alive:
            self.abort()
        elif data and self._reading.is_whole and not self._has_encoding and not self._is_head_request:
            _KNOWN_HEADS.learn(data, reply)
        ends = self._ends
        self._ends = None
        if ends is not None:  # a callback may have closed the connection
            ends[0](None)

    def _fail(self, error: BaseException) -> None:
        self.abort()
        ends = self._ends
        self._ends = None
        if ends is not None:
            self._keep_part()
            ends[1](error)

    def _keep_part(self) -> None:
        """Give the reply the part of the body that came, unless it was passed on."""
        if self._has_bytes and self._on_body is None:
            self._reply.body = b"".join(self._parts)
        self._on_body = self._on_head = None  # a failed exchange is a reference cycle
        self._reading = _NO_READING
