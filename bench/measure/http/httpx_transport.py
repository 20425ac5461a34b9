"""httpx's transport interface over the load generator's own timed connection.

The load itself does not use it: the engine uses `Connection` directly, at less than a tenth of the cost.
"""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator

import httpx

from bench.measure.http.connection import MAX_BODY_BYTES, Connection
from bench.measure.http.wire import Address, Reply, WireError, WireFault, request_bytes

EXTENSION = "bench"
_COUNTED_BY_REQUEST_BYTES = frozenset({b"content-length", b"transfer-encoding"})
_ERRORS: dict[WireFault, type[httpx.TransportError]] = {
    WireFault.CONNECT_FAILED: httpx.ConnectError,
    WireFault.TLS_FAILED: httpx.ConnectError,
    WireFault.NAME_FAILED: httpx.ConnectError,
    WireFault.RESET: httpx.ReadError,
    WireFault.BAD_STREAM: httpx.RemoteProtocolError,
    WireFault.TOO_LARGE: httpx.RemoteProtocolError,
}


class ExchangeTimes:
    """Times of one request and its response, in seconds of `time.monotonic()`.

    `response.extensions["bench"]` is an `ExchangeTimes`. It is filled in while the response is read: times
    that have not been taken yet are `None`.
    """

    def __init__(self, reply: Reply, parts_s: list[float]) -> None:
        self._reply = reply
        self.parts_s = parts_s
        """When each part of the body was read from the socket, one time per part of `aiter_raw()`."""

    @property
    def connect_s(self) -> float | None:
        """Duration of opening the connection, TLS included; `None` if an open connection was used."""
        return self._reply.connect_s

    @property
    def sent_s(self) -> float | None:
        """When the kernel had the last byte of the request."""
        return self._reply.sent_s

    @property
    def first_byte_s(self) -> float | None:
        """When the first byte of the response's body was read; `None` if the body is empty."""
        return self._reply.first_byte_s

    @property
    def finished_s(self) -> float | None:
        """When the last byte of the response was read."""
        return self._reply.finished_s or None

    @property
    def retried(self) -> bool:
        """True if the server had closed the idle connection and the request was sent again."""
        return self._reply.retried


class Transport(httpx.AsyncBaseTransport):
    """An httpx transport that takes the times of each request where its bytes arrive.

    Use it to test an application's own httpx client with the connection and the clocks of `bench run`:

        import asyncio
        import httpx
        import bench

        async def main() -> `None`:
            async with httpx.AsyncClient(transport=bench.Transport()) as client:
                response = await client.post("http://127.0.0.1:3000/chat", json={"message": "Hello"})
                times = response.extensions["bench"]
                print(f"first byte after {times.first_byte_s - times.sent_s:.4f} s")

        asyncio.run(main())

    The times of a response are an `ExchangeTimes`. All clients of an event loop may share one transport.

    - Connections: HTTP/1.1, kept open and reused, newest first. Their number is not limited.
    - Request bodies are collected before they are sent.
    - Timeouts: `connect` and `read` (the longest time without a byte) apply. `write` and `pool` have no
      effect, since a request is written at once and the pool never waits.
    - Not supported: proxies, HTTP/2, and `verify=` or `cert=` of the client. Pass `tls` instead.

    Args:
        tls: The TLS context for https URLs. `None` creates a context that verifies the server.
        max_body: Largest size of a response body before decoding, in bytes (default 16 MiB). A body that is
            read slowly waits in memory, up to this size.
    """

    def __init__(self, tls: ssl.SSLContext | None = None, max_body: int = MAX_BODY_BYTES) -> None:
        self._tls = tls
        self._max_body = max_body
        self._idle: dict[tuple[str, str, int | None], list[Connection]] = {}
        self._connections: set[Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the response, whose body is not read yet.

        Raises:
            httpx.TransportError: The same subclasses as httpx's own transport raises.
        """
        message = await _message(request)
        timeouts = request.extensions.get("timeout", {})
        idle = self._idle_at(request.url)
        connection = idle.pop() if idle else self._new_connection(request.url)
        try:
            connect_s = await _open(connection, timeouts.get("connect"))
            stream = _ResponseStream(connection, message, self._max_body, timeouts.get("read"))
        except BaseException:
            idle.append(connection)
            raise
        stream.task.add_done_callback(lambda _: idle.append(connection))
        reply = await stream.head()
        if reply.connect_s is None:
            reply.connect_s = connect_s
        times = ExchangeTimes(reply, stream.parts_s)
        return httpx.Response(
            reply.status, headers=reply.headers, stream=stream, extensions={EXTENSION: times}
        )

    async def aclose(self) -> None:
        """Close all connections. Responses that are still being read fail."""
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


class _ResponseStream(httpx.AsyncByteStream):
    """The body of a response, handed on while it arrives."""

    def __init__(
        self, connection: Connection, message: bytes, max_body: int, read_timeout_s: float | None
    ) -> None:
        self.parts_s: list[float] = []
        self._read_timeout_s = read_timeout_s
        self._reply: Reply | None = None
        self._parts: deque[bytes] = deque()
        self._reader: asyncio.Future[None] | None = None
        exchange = connection.exchange(message, self._on_body, max_body, self._on_head)
        self.task = asyncio.get_running_loop().create_task(exchange)
        """The exchange; it ends with the response's last byte."""
        self.task.add_done_callback(self._on_end)

    async def head(self) -> Reply:
        """Wait for the status and the headers."""
        try:
            while self._reply is None:
                if self.task.done():
                    raise _failure(self.task)
                await self._wait()
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
            await self._wait()
        if self.task.cancelled() or self.task.exception() is not None:
            raise _failure(self.task)

    async def aclose(self) -> None:
        """Close the connection, unless the response is complete."""
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _wait(self) -> None:
        """Wait for the next part or for the end."""
        self._reader = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(self._read_timeout_s):
                await self._reader
        except TimeoutError:
            await self.aclose()
            raise httpx.ReadTimeout(f"no byte came for {self._read_timeout_s} s") from None

    def _on_head(self, reply: Reply) -> None:
        self._reply = reply
        self._wake()

    def _on_body(self, part: bytes, at_s: float) -> None:
        self._parts.append(part)
        self.parts_s.append(at_s)
        self._wake()

    def _on_end(self, task: asyncio.Task[Reply]) -> None:
        if not task.cancelled():
            task.exception()  # marks it as retrieved: the reader may have left
        self._wake()

    def _wake(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)


async def _message(request: httpx.Request) -> bytes:
    """Return the request as it goes over the wire."""
    headers = []
    for name, value in request.headers.raw:
        if name.lower() not in _COUNTED_BY_REQUEST_BYTES:
            headers.append((name.decode("latin-1"), value.decode("latin-1")))
    body = await request.aread()
    path = request.url.raw_path.decode("ascii")
    host = request.url.netloc.decode("ascii")
    try:
        return request_bytes(request.method, path, host, headers, body)
    except ValueError as error:
        raise httpx.LocalProtocolError(str(error)) from None


async def _open(connection: Connection, timeout_s: float | None) -> float | None:
    """Open the connection and return how long it took, in seconds; `None` if it was open."""
    if connection.is_open:
        return None
    try:
        async with asyncio.timeout(timeout_s):
            return await connection.open()
    except TimeoutError:
        raise httpx.ConnectTimeout(f"no connection within {timeout_s} s") from None
    except WireError as error:
        raise _ERRORS[error.kind](error.message) from error


def _failure(task: asyncio.Task[Reply]) -> httpx.TransportError:
    error = None if task.cancelled() else task.exception()
    if isinstance(error, WireError):
        failure = _ERRORS[error.kind](error.message)
        failure.__cause__ = error
        return failure
    return httpx.ReadError("the response was closed")
