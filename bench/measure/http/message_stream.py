"""One open WebSocket: messages out, messages in, with times taken where the bytes arrive."""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass

from wsproto import ConnectionType, WSConnection
from wsproto.connection import ConnectionState
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Ping,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)
from wsproto.utilities import RemoteProtocolError

from bench.core.response import close_codes
from bench.core.response.failure import ACCEPTED_WEBSOCKET
from bench.core.response.server_words import find_words
from bench.measure.http.fault import describe, explain_start, find_cause
from bench.measure.http.frames import MAX_MESSAGE_BYTES, FrameReader, MessageTooLargeError
from bench.measure.http.reading import MAX_HEAD_BYTES, NO_READING, ONE_EXCHANGE, OnEnd, OnFailure, Reading
from bench.measure.http.timed_protocol import CLOSED_BY_CLIENT, NO_REPLY, TIMED_SLOTS, TimedProtocol
from bench.measure.http.turn_limit import SLICE_BYTES, TurnLimit
from bench.measure.http.wire import Reply, WireError, WireFault

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_MOST_REFUSED_BYTES = 16 * 1024
_LOST = "the connection was closed without a close frame"


@dataclass(frozen=True, slots=True)
class Handshake:
    """The beginning of a WebSocket. Make it once for many connections."""

    host: str
    """Value of the Host header."""
    path: str
    """Path with its query."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Further headers."""
    subprotocols: tuple[str, ...] = ()
    """Subprotocols that are offered."""
    first: str | None = None
    """Message that is sent at once after the handshake."""
    cancel: str | None = None
    """Message that is sent before the connection is closed in the middle of an answer."""


class CloseError(WireError):
    """The server closed the WebSocket before the answer was complete."""

    def __init__(self, code: int, reason: str | None) -> None:
        words = close_codes.describe_close(code, reason)
        super().__init__(WireFault.CLOSED, f"the server closed the WebSocket: {words}")
        self.outcome = close_codes.find_close_outcome(code)


class RefusedHandshakeError(WireError):
    """The server answered the handshake with a response of HTTP.

    Attributes:
        reply: Its status, headers and body.
    """

    def __init__(self, reply: Reply) -> None:
        words = find_words(reply.body, reply.header("content-type"))
        message = f"the server answered the handshake of the WebSocket with status {reply.status}"
        super().__init__(WireFault.BAD_STREAM, f"{message}: {words}" if words else message)
        self.reply = reply


class MessageStream(TimedProtocol):
    """Sends one message at a time and reads the messages of its answer. Lives as long as its TCP connection.

    Args:
        handshake: The beginning of the WebSocket.
        clock: Returns seconds; the source of all times.
        turn: Limits the time that the connections of a process read in one turn of the loop.

    Attributes:
        handshake: The beginning of the WebSocket.
    """

    __slots__ = (
        *TIMED_SLOTS, "_accepted", "_begun_s", "_frames", "_has_bytes", "_head", "_now_s", "_reading",
        "_refused", "_reply", "_room", "_socket", "handshake",
    )  # fmt: skip

    def __init__(self, handshake: Handshake, clock: Callable[[], float], turn: TurnLimit) -> None:
        self._set_up(clock, turn)
        self.handshake = handshake
        self._socket = WSConnection(ConnectionType.CLIENT)
        self._frames: FrameReader | None = None
        self._accepted: asyncio.Future[None] | None = None
        self._head = b""
        self._refused: Reply | None = None
        self._reading = NO_READING
        self._reply = Reply()
        self._has_bytes = False
        self._begun_s = 0.0
        self._now_s = 0.0
        self._room = 0

    async def shake_hands(self) -> None:
        """Begin the WebSocket.

        Raises:
            RefusedHandshakeError: The server answered with a response of HTTP.
            WireError: The connection was lost, or the answer is no handshake.
        """
        handshake = self.handshake
        request = Request(
            host=handshake.host,
            target=handshake.path,
            subprotocols=[*handshake.subprotocols],
            extra_headers=[*handshake.headers],
        )
        self._accepted = asyncio.get_running_loop().create_future()
        if self.lost:
            raise WireError(WireFault.RESET, NO_REPLY)
        self._write(self._socket.send(request))
        await self._accepted
        if handshake.first is not None:
            self._write(self._socket.send(TextMessage(data=handshake.first)))

    def post(self, request: bytes) -> None:
        """Do nothing: `send` writes the message."""

    def send(self, request: bytes, reply: Reply, ends: tuple[OnEnd, OnFailure], reading: Reading) -> None:
        """Write a message (see `TimedProtocol.send`)."""
        if self._ends is not None:
            raise RuntimeError(ONE_EXCHANGE)
        if self._transport is None or self.lost:
            asyncio.get_running_loop().call_soon(ends[1], WireError(WireFault.RESET, NO_REPLY))
            return
        self._ends = ends
        self._reply = reply
        self._reading = reading
        self._has_bytes = False
        self._room = reading.max_body
        reply.status = ACCEPTED_WEBSOCKET
        reply.version = "1.1"
        self._begun_s = self._clock()
        self._write(self._socket.send(TextMessage(data=request.decode())))
        # Without a pause the buffer is empty, since its high-water mark is 0.
        reply.sent_s = None if self._paused else self._clock()

    def cancel(self) -> None:
        """Tell the server that the answer is not wanted, close, and forget the exchange in progress."""
        if self._ends is None:
            self.close()
            return
        self._forget()
        if self.lost or self._paused:
            self.abort()
            return
        if self.handshake.cancel is not None and self._socket.state is ConnectionState.OPEN:
            self._write(self._socket.send(TextMessage(data=self.handshake.cancel)))
        self.close()

    def close(self) -> None:
        """Close with a close frame. An exchange in progress fails, and is closed at once."""
        if self._ends is not None:
            self._fail(WireError(WireFault.RESET, CLOSED_BY_CLIENT))
        elif self._transport is not None and not self.lost:
            if self._socket.state is ConnectionState.OPEN:
                self._write(self._socket.send(CloseConnection(code=close_codes.NORMAL)))
            self.lost = True
            if self._paused:  # the server does not read, so the bytes would wait for ever
                self.abort()
            else:
                self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse bytes from the server. Their time is taken first."""
        now_s = self._clock()
        if self._unread or self._turn.is_over or len(data) > SLICE_BYTES:
            self._read_in_slices(data, now_s)
        else:
            self._read_now(data, now_s)

    def _receive(self, data: bytes, at_s: float) -> None:
        self._now_s = at_s
        if self._frames is not None:
            self._read_frames(self._frames, data)
        elif self._refused is not None:
            self._read_handshake(data)
        else:
            self._read_head(data)

    def _read_head(self, data: bytes) -> None:
        """Read the head of the server's handshake; the bytes after an accepted one are frames."""
        self._head += data
        strange = explain_start(self._head)
        match = _HEAD_END.search(self._head)
        if strange is not None:
            self._refuse(WireError(WireFault.BAD_STREAM, f"the handshake is not HTTP/1.1: {strange}"))
        elif match is not None:
            rest = self._head[match.end() :]
            self._read_handshake(self._head[: match.end()])
            if rest and not self.lost:
                self._receive(rest, self._now_s)
        elif len(self._head) > MAX_HEAD_BYTES:
            self._refuse(WireError(WireFault.TOO_LARGE, f"the headers exceed {MAX_HEAD_BYTES} bytes"))

    def _read_handshake(self, data: bytes) -> None:
        try:
            self._socket.receive_data(data)
        except (RemoteProtocolError, UnicodeError) as error:
            problem = WireError(WireFault.BAD_STREAM, f"the handshake of the WebSocket is wrong: {error}")
            self._refuse(problem if self._refused is None else RefusedHandshakeError(self._refused))
            return
        for event in self._socket.events():
            match event:
                case AcceptConnection():
                    assert self._socket.connection is not None  # noqa: S101 - it is open
                    self._frames = FrameReader(self._socket.connection)
                    self._settle()
                case RejectConnection():
                    headers = [(name.lower(), bytes(value)) for name, value in event.headers]
                    self._refused = Reply(status=event.status_code, headers=headers)
                    if not event.has_body:
                        self._refuse(RefusedHandshakeError(self._refused))
                case RejectData():
                    self._take_refused(bytes(event.data), is_last=event.body_finished)

    def _take_refused(self, part: bytes, *, is_last: bool) -> None:
        reply = self._refused
        if reply is None or self.lost:
            return
        reply.body += part[: _MOST_REFUSED_BYTES - len(reply.body)]
        if is_last or len(reply.body) >= _MOST_REFUSED_BYTES:
            self._refuse(RefusedHandshakeError(reply))

    def _refuse(self, error: WireError) -> None:
        """End a handshake that has failed."""
        self.abort()
        accepted = self._accepted
        if accepted is not None and not accepted.done():
            accepted.set_exception(error)

    def _settle(self) -> None:
        if self._accepted is not None and not self._accepted.done():
            self._accepted.set_result(None)

    def _read_frames(self, frames: FrameReader, data: bytes) -> None:
        try:
            for incoming in frames.feed(data):
                if isinstance(incoming, bytes):
                    self._take_message(incoming)
                elif isinstance(incoming, Ping):
                    self._write(self._socket.send(incoming.response()))
                elif isinstance(incoming, CloseConnection):
                    self._take_close(incoming)
                if self.lost:
                    return
        except MessageTooLargeError:
            self._break(close_codes.TOO_BIG, f"one message is longer than {MAX_MESSAGE_BYTES} bytes")
            return
        if frames.is_within_message:
            self._note_bytes()

    def _note_bytes(self) -> bool:
        """Note the first bytes of an answer; return whether an answer is awaited.

        Bytes that were read before the message was sent belong to no answer, such as a greeting.
        """
        if self._ends is None or self._now_s < self._begun_s:
            return False
        self._has_bytes = True
        if self._reply.first_byte_s is None:
            self._reply.first_byte_s = self._now_s
        return True

    def _take_message(self, message: bytes) -> None:
        """Pass a message on, and end the exchange if its answer is over."""
        if not self._note_bytes():
            return
        reading = self._reading
        self._room -= len(message)
        if self._room < 0:
            self._break(close_codes.TOO_BIG, f"the response is longer than {reading.max_body} bytes")
            return
        try:
            if reading.on_body is not None:
                reading.on_body(message, self._now_s)
            is_over = reading.is_over is None or reading.is_over()
        except BaseException as error:  # noqa: BLE001 - any exception of a callback ends the exchange
            self._fail(error)
            return
        if is_over:
            self._finish()

    def _take_close(self, event: CloseConnection) -> None:
        """End the exchange as the server's close frame or an error of the protocol says."""
        code = int(event.code)
        if self._socket.state is not ConnectionState.REMOTE_CLOSING:
            reason = f"the server breaks the protocol of WebSockets: {event.reason}"
            self._break(code, reason, WireFault.BAD_STREAM)
            return
        self._write(self._socket.send(event.response()))
        self.lost = True
        self._end_by(code, event.reason)
        if self._transport is not None:
            self._transport.close()

    def _end_by(self, code: int, reason: str | None, error: WireError | None = None) -> None:
        """End the exchange in progress, because the WebSocket has ended with this code."""
        if self._ends is None:
            return
        may_be_idle = close_codes.is_normal(code) or close_codes.is_torn(code)
        self.dropped = may_be_idle and not self._has_bytes
        if self.dropped:
            self._fail(error or WireError(WireFault.RESET, str(CloseError(code, reason))))
        elif close_codes.is_normal(code):
            self._finish()
        else:
            self._fail(error or CloseError(code, reason))

    def _break(self, code: int, message: str, kind: WireFault = WireFault.TOO_LARGE) -> None:
        """Close, because the server's bytes cannot be read."""
        if self._socket.state is ConnectionState.OPEN:
            self._write(self._socket.send(CloseConnection(code=code)))
        self._fail(WireError(kind, message))

    def _end(self, exc: Exception | None) -> None:
        while self._unread and not self.lost:
            self._receive(*self._unread.popleft())
        was_lost = self.lost
        self.lost = True
        cause = None
        if exc is not None:
            kind = WireFault.TLS_FAILED if isinstance(exc, ssl.SSLError) else WireFault.RESET
            cause = WireError(kind, f"the connection broke: {describe(exc)}", find_cause(exc))
        if self._frames is None:
            self._refuse(cause or self._explain_end())
        elif not was_lost or self._ends is not None:
            self._now_s = self._clock()
            self._end_by(close_codes.LOST, None, cause or WireError(WireFault.RESET, _LOST))

    def _explain_end(self) -> WireError:
        """Return the error of a connection that ended within the handshake."""
        if self._refused is not None:
            return RefusedHandshakeError(self._refused)
        if self._head:
            return WireError(WireFault.BAD_STREAM, "the handshake ends within its headers")
        return WireError(WireFault.RESET, NO_REPLY)

    def _finish(self) -> None:
        self._reply.finished_s = self._now_s
        ends = self._ends
        self._forget()
        if ends is not None:
            ends[0](None)

    def _fail(self, error: BaseException) -> None:
        ends = self._ends
        if self.lost:
            self._forget()
        else:
            self.cancel()  # without an exchange, it only closes
        if ends is not None:
            ends[1](error)

    def _forget(self) -> None:
        self._ends = None
        self._reading = NO_READING  # a failed exchange would be a reference cycle

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self.lost:
            self._transport.write(data)
