"""One open HTTP/1.1 connection: bytes in, replies out, with times taken where the bytes arrive.

All work is done in the callbacks of asyncio's protocol: a task switch before a time is taken would be
measured too.
"""

import asyncio
import ssl
from collections.abc import Callable

from bench.measure.http.fault import describe, explain_start, find_cause
from bench.measure.http.known_heads import HEAD_END, KnownHeads
from bench.measure.http.reading import NO_READING, ONE_EXCHANGE, OnBody, OnEnd, OnFailure, Reading
from bench.measure.http.reply_parser import NO_PARSER, ReplyParser
from bench.measure.http.timed_protocol import CLOSED_BY_CLIENT, NO_REPLY, TIMED_SLOTS, TimedProtocol
from bench.measure.http.turn_limit import SLICE_BYTES, TURN_S, TurnLimit
from bench.measure.http.wire import Reply, WireError, WireFault

_KNOWN_HEADS = KnownHeads()
_LENGTH_HEADERS = frozenset({b"content-length", b"transfer-encoding"})
_USUAL_START = b"HTTP/1.1 "


class AnswerStream(ReplyParser, TimedProtocol):
    """Sends one request at a time and parses its reply. Lives as long as its TCP connection.

    Args:
        clock: Returns seconds; the source of all times.
        turn: Limits the time that the connections of a process read in one turn of the loop.
        any_encoding: Whether a body may be compressed.

    Attributes:
        lost: The connection is closed or closing.
        dropped: The server closed the connection before the first byte of the reply.
    """

    __slots__ = (*TIMED_SLOTS, "_is_posted", "_posted_s", "_unexpected")

    def __init__(self, clock: Callable[[], float], turn: TurnLimit, *, any_encoding: bool) -> None:
        super().__init__(any_encoding=any_encoding)
        self._set_up(clock, turn)
        self._unexpected: WireError | None = None
        self._is_posted = False
        self._posted_s: float | None = None

    def post(self, request: bytes) -> None:
        """Write a request of which `send` follows before the next turn of the loop, and then only reads."""
        transport = self._transport
        if transport is None or self.lost or self._ends is not None:
            return
        transport.write(request)
        self._is_posted = True
        self._posted_s = None if self._paused else self._clock()

    def send(self, request: bytes, reply: Reply, ends: tuple[OnEnd, OnFailure], reading: Reading) -> None:
        """Write the request (see `TimedProtocol.send`)."""
        if self._ends is not None:
            raise RuntimeError(ONE_EXCHANGE)
        transport = self._transport
        if transport is None or self.lost:
            error = self._unexpected or WireError(WireFault.RESET, NO_REPLY)
            asyncio.get_running_loop().call_soon(ends[1], error)
            return
        self._ends = ends
        self._reply = reply
        self._reading = reading
        self._has_bytes = False
        if self._is_head_request:
            self._parser = NO_PARSER  # after HEAD, the parser waits for a body
        self._is_head_request = request[:5] == b"HEAD "
        if not self._is_posted:
            transport.write(request)
            # Without a pause the buffer is empty, since its high-water mark is 0.
            self._posted_s = None if self._paused else self._clock()
        self._is_posted = False
        reply.sent_s = self._posted_s

    def cancel(self) -> None:
        """Close at once, and forget the exchange in progress: it ends without a call of its `on_end`."""
        if self._ends is not None:
            self._ends = None
            self._keep_part()
        self.abort()

    def close(self) -> None:
        """Close after unsent bytes are sent. An exchange in progress fails, and is closed at once."""
        if self._ends is not None:
            self._fail(WireError(WireFault.RESET, CLOSED_BY_CLIENT))
        elif self._transport is not None and not self.lost:
            self.lost = True
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail or finish the exchange when the socket is closed."""
        super().connection_lost(exc)
        self._parser = NO_PARSER  # it refers to this object: a reference cycle

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the server. Their time is taken first."""
        now_s = self._clock()
        turn = self._turn
        if self._unread or turn.is_over or (len(data) > SLICE_BYTES and not self._reading.is_whole):
            # A body that is read as a whole is only copied until its end, which takes little time.
            self._read_in_slices(data, now_s, len(data) if self._reading.is_whole else SLICE_BYTES)
            return
        if self._has_bytes or not self._take_known(data, now_s):
            self._receive(data, now_s)
        turn.used_s += self._clock() - now_s
        if turn.used_s > TURN_S:
            turn.end()

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

    def _pass_on(self, on_body: OnBody) -> None:
        """Pass new bytes of the body on in one piece: servers send each token in a chunk of its own."""
        parts = self._parts
        self._parts = []
        on_body(parts[0] if len(parts) == 1 else b"".join(parts), self._now_s)

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
            self._fail(WireError(WireFault.RESET, NO_REPLY))
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
        self._reading = NO_READING
