"""The load generator's WebSocket: one connection of one VU, opened when it is needed and then kept."""

import time
from collections.abc import Callable

from bench.core.response.failure import is_success
from bench.measure.http.connection import Connection
from bench.measure.http.message_stream import Handshake, MessageStream, RefusedHandshakeError
from bench.measure.http.reading import OnEnd, Reading
from bench.measure.http.timed_protocol import TimedProtocol
from bench.measure.http.turn_limit import TurnLimit
from bench.measure.http.wire import Address


class WebSocketConnection(Connection):
    """A WebSocket to a server, for one message and its answer at a time, with the interface of `Connection`.

    A request is the text of a message. Its answer consists of the messages until `Reading.is_over`.
    If the server closes an idle connection instead of answering, the message is sent once more.

    Args:
        address: Address of the server.
        clock: See `Connection`.
        turn: See `Connection`.

    Attributes:
        handshake: The beginning of the next connection. If it differs from the one of an open connection,
            the next message opens a new one.
    """

    __slots__ = ("handshake",)

    def __init__(
        self,
        address: Address,
        *,
        clock: Callable[[], float] = time.monotonic,
        turn: TurnLimit | None = None,
    ) -> None:
        super().__init__(address, clock=clock, turn=turn)
        self.handshake = Handshake(address.authority, "/")

    def begin(self, request: bytes, on_end: OnEnd, reading: Reading) -> None:
        """Send a message and read its answer to the end (see `Connection.begin`)."""
        stream = self._stream
        if isinstance(stream, MessageStream) and stream.handshake is not self.handshake:
            stream.close()
        super().begin(request, on_end, reading)

    def _new_stream(self) -> TimedProtocol:
        return MessageStream(self.handshake, self._clock, self._turn)

    async def _connect(self) -> TimedProtocol:
        reply = self.reply
        began_s = self._clock()
        stream = await super()._connect()
        assert isinstance(stream, MessageStream)  # noqa: S101 - `_new_stream` makes no other
        connected_s = self._clock()
        reply.connect_s = connected_s - began_s  # also of a handshake that is refused
        try:
            await stream.shake_hands()
        except BaseException:
            stream.abort()
            raise
        reply.handshake_s = self._clock() - connected_s
        return stream

    def _fail(self, error: BaseException) -> None:
        """End an exchange. The reply to a refused handshake is the reply to the message."""
        if not isinstance(error, RefusedHandshakeError):
            super()._fail(error)
            return
        refusal = error.reply
        reply = self.reply
        reply.status = refusal.status
        reply.headers = refusal.headers
        reply.version = "1.1"
        reply.finished_s = self._clock()
        if is_success(refusal.status):  # the server does not know WebSockets
            super()._fail(error)
            return
        reading = self._exchange[2]
        if reading.on_body is not None and refusal.body:
            reply.first_byte_s = reply.finished_s
            reading.on_body(refusal.body, reply.finished_s)
        self._settle(None)
