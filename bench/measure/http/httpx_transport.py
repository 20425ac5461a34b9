"""Makes our connections an httpx transport, for everything that is written for httpx.

Not for the load itself: the engine asks a `Connection` directly, at less than a tenth of the cost.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator

import httpx

from bench.measure.http.connection import MAX_BODY_BYTES, Connection
from bench.measure.http.wire import Address, Reply, WireError, WireFault, request_bytes

_SET_HERE = frozenset({b"content-length", b"transfer-encoding"})
_ERRORS: dict[WireFault, type[httpx.TransportError]] = {
    WireFault.CONNECT_FAILED: httpx.ConnectError,
    WireFault.TLS_FAILED: httpx.ConnectError,
    WireFault.NAME_FAILED: httpx.ConnectError,
    WireFault.RESET: httpx.ReadError,
    WireFault.BAD_STREAM: httpx.RemoteProtocolError,
    WireFault.TOO_LARGE: httpx.RemoteProtocolError,
}


class ConnectionTransport(httpx.AsyncBaseTransport):
    """A pool without limits: the connection that was used last is used next.

    Request bodies are collected before they are sent. Of the timeouts, `connect` and `read` (no byte for so
    long) hold; `write` and `pool` have nothing to bound. A response's `extensions["reply"]` is its `Reply`.

    Args:
        tls: For https; None makes one that verifies.
        max_body: A response's bytes before decoding. The reader may be that far behind the server.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, max_body: int = MAX_BODY_BYTES) -> None:
        self._tls = tls
        self._max_body = max_body
        self._idle: dict[tuple[str, str, int | None], list[Connection]] = {}
        self._connections: set[Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; the response's body is still to be read.

        Raises:
            httpx.TransportError: As httpx's own transport does.
        """
        message = await _message(request)
        timeouts = request.extensions.get("timeout", {})
        idle = self._idle_at(request.url)
        connection = idle.pop() if idle else self._new_connection(request.url)
        try:
            await _open(connection, timeouts.get("connect"))
            stream = _Stream(connection, message, self._max_body, timeouts.get("read"))
        except BaseException:
            idle.append(connection)
            raise
        stream.task.add_done_callback(lambda _: idle.append(connection))
        reply = await stream.head()
        return httpx.Response(reply.status, headers=reply.headers, stream=stream, extensions={"reply": reply})

    async def aclose(self) -> None:
        """Close all connections; responses that are still being read fail."""
        for connection in self._connections:
            connection.close()
        for connection in self._connections:
            await connection.wait_closed()

    def _idle_at(self, url: httpx.URL) -> list[Connection]:
        return self._idle.setdefault((url.scheme, url.host, url.port), [])

    def _new_connection(self, url: httpx.URL) -> Connection:
        try:
            address = Address.of(f"{url.scheme}://{url.netloc.decode('ascii')}", self._tls)
        except ValueError as error:
            raise httpx.UnsupportedProtocol(str(error)) from None
        connection = Connection(address, any_encoding=True)
        self._connections.add(connection)
        return connection


class _Stream(httpx.AsyncByteStream):
    """The body of a response, while it comes.

    Attributes:
        task: The exchange.
    """

    def __init__(
        self, connection: Connection, message: bytes, max_body: int, silence_s: float | None
    ) -> None:
        self._silence_s = silence_s
        self._reply: Reply | None = None
        self._parts: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        exchange = connection.exchange(message, self._on_body, max_body, self._on_head)
        self.task = asyncio.get_running_loop().create_task(exchange)
        self.task.add_done_callback(self._on_end)

    async def head(self) -> Reply:
        """Wait for the status and the headers."""
        try:
            while self._reply is None:
                if self.task.done():
                    raise _failure(self.task)
                await self._news()
        except asyncio.CancelledError:
            await self.aclose()
            raise
        return self._reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._parts:
                yield self._parts.popleft()
            if self.task.done():
                break
            await self._news()
        if self.task.cancelled() or self.task.exception() is not None:
            raise _failure(self.task)

    async def aclose(self) -> None:
        """Close the connection, unless the answer is complete."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _news(self) -> None:
        """Wait for the next part, or the end."""
        self._reader = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._silence_s):
                await self._reader
        except TimeoutError:
            await self.aclose()
            raise httpx.ReadTimeout(f"no byte came for {self._silence_s} s") from None

    def _on_head(self, reply: Reply) -> None:
        self._reply = reply
        self._wake()

    def _on_body(self, part: bytes, _: float) -> None:
        self._parts.append(part)
        self._wake()

    def _on_end(self, task: asyncio.Task[Reply]) -> None:
        if not task.cancelled():
            task.exception()  # its reader may have left
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


async def _message(request: httpx.Request) -> bytes:
    headers = [
        (name.decode("latin-1"), value.decode("latin-1"))
        for name, value in request.headers.raw
        if name.lower() not in _SET_HERE
    ]
    body = await request.aread()
    path, host = request.url.raw_path.decode("ascii"), request.url.netloc.decode("ascii")
    try:
        return request_bytes(request.method, path, host, headers, body)
    except ValueError as error:
        raise httpx.LocalProtocolError(str(error)) from None


async def _open(connection: Connection, limit_s: float | None) -> None:
    if connection.is_open:
        return
    try:
        async with asyncio.timeout(limit_s):
            await connection.open()
    except TimeoutError:
        raise httpx.ConnectTimeout(f"no connection within {limit_s} s") from None
    except WireError as error:
        raise _ERRORS[error.kind](error.message) from None


def _failure(task: asyncio.Task[Reply]) -> httpx.TransportError:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, WireError):
        return _ERRORS[error.kind](error.message)
    return httpx.ReadError("the response was closed")
