"""httpx in place of `Connection`, for proxies and for HTTP/2 (if the package `h2` is installed).

It is slower, and its times are less exact: the times of a response are those at which httpx passes on a part.
"""

import asyncio
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.core.samples.sample import GeneratorFault
from bench.measure.http.connection import MAX_BODY_BYTES
from bench.measure.http.decoding import check_transfer_encoding, open_decoder
from bench.measure.http.fault import connect_error, describe, find_cause, find_system_error
from bench.measure.http.reading import MAX_HEAD_BYTES, OnBody, OnEnd, Reading
from bench.measure.http.route import DIRECT, HttpVersion, Route, has_http2
from bench.measure.http.wire import Address, Reply, WireError, WireFault

_OWN_HEADERS = {"host", "content-length"}
_VERSIONS = frozenset({"0.9", "1.0", "1.1", "2.0", "2"})
# httpx has no types for these two faults.
_NO_REPLY = "without sending a response"
_LONG_HEAD = "Receive buffer too long"


class HttpxConnection:
    """An httpx client of one VU, with the interface of `Connection`.

    Args:
        url: Address of the service; its scheme, host and port are used.
        route: The trusted certificates, the proxies and the HTTP version.

    Attributes:
        reply: Reply of the newest exchange. After a failure it holds the part that arrived.
    """

    def __init__(self, url: str, route: Route = DIRECT) -> None:
        self.reply = Reply()
        parts = urlsplit(url)
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._route = route
        self._proxy = route.proxies.find(url)
        self._client: httpx.AsyncClient | None = None
        self._closing: list[httpx.AsyncClient] = []
        self._exchange: asyncio.Task[None] | None = None
        self._is_closed_by_client = False
        self._begun: asyncio.Task[None] | None = None

    async def open(self) -> float | None:
        """Do nothing: httpx opens its connection with the first request."""
        return None

    async def exchange(self, request: bytes, on_body: OnBody | None = None) -> Reply:
        """Send a request and read its reply to the end.

        Args:
            request: Made by `request_bytes`.
            on_body: Called with each part of the body and the time at which httpx passed it on.

        Raises:
            WireError: There is no reply.
        """
        reply = self.reply = Reply()
        if self._client is None:
            await self.wait_closed()
            self._client = self._new_client()
        self._is_closed_by_client = False
        exchange = self._run(self._client, request, reply, on_body)
        self._exchange = asyncio.get_running_loop().create_task(exchange)
        try:
            await self._exchange
        except asyncio.CancelledError:
            if self._is_closed_by_client:
                message = "the connection was closed by the client"
                raise WireError(WireFault.RESET, message) from None
            raise
        finally:
            self._exchange = None
        return reply

    def post(self, request: bytes) -> None:
        """Do nothing: httpx writes a request only as a part of its exchange."""

    def begin(self, request: bytes, on_end: OnEnd, reading: Reading) -> None:
        """Do an exchange, and call `on_end` when it ends (see `Connection.begin`)."""
        self.reply = Reply()  # of this request, also if it ends before httpx begins it
        self._begun = asyncio.get_running_loop().create_task(self._end_with(request, on_end, reading))

    def cancel(self) -> None:
        """Close the connection at once, and forget the exchange in progress: `on_end` is not called."""
        if self._begun is not None:
            self._begun.cancel()
            self._begun = None
        self.close()

    async def _end_with(self, request: bytes, on_end: OnEnd, reading: Reading) -> None:
        failure: BaseException | None = None
        try:
            await self.exchange(request, reading.on_body)
        except Exception as error:  # noqa: BLE001 - any exception of a callback ends the exchange
            failure = error
        self._begun = None
        on_end(failure)

    async def _run(
        self, client: httpx.AsyncClient, request: bytes, reply: Reply, on_body: OnBody | None
    ) -> None:
        try:
            response = await client.send(self._request(client, request, reply), stream=True)
            try:
                await _read(response, reply, on_body)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._failure(error) from None

    def close(self) -> None:
        """Close the connection. An exchange in progress fails; the next one opens a new connection."""
        if self._exchange is not None:
            self._is_closed_by_client = True
            self._exchange.cancel()
        if self._client is not None:
            self._closing.append(self._client)
        self._client = None

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        while self._closing:
            await self._closing.pop().aclose()

    def _new_client(self) -> httpx.AsyncClient:
        version = self._route.version
        return httpx.AsyncClient(
            timeout=None,  # noqa: S113 - the VU has a timeout
            http1=version is not HttpVersion.HTTP_2,
            http2=version is not HttpVersion.HTTP_1_1 and has_http2(),
            verify=self._route.context,
            proxy=self._proxy,
            trust_env=False,
        )

    def _request(self, client: httpx.AsyncClient, request: bytes, reply: Reply) -> httpx.Request:
        """Return the request in httpx's form. httpx adds Host and Content-Length itself."""
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = []
        for line in lines:
            name, value = line.split(": ", 1)
            if name.lower() not in _OWN_HEADERS:
                headers.append((name, value))
        extensions = {"trace": _Trace(reply)}
        return client.build_request(
            method, self._url + path, headers=headers, content=body, extensions=extensions
        )

    def _failure(self, error: Exception) -> WireError:
        """Return the wire error for an exception of httpx."""
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            if self._proxy is not None and not isinstance(find_system_error(error), ssl.SSLError):
                message = (
                    f"no connection through the proxy {urlsplit(self._proxy).hostname}: {describe(error)}"
                )
                return WireError(WireFault.CONNECT_FAILED, message, GeneratorFault.PROXY)
            address = Address.of(self._url, self._route.context)
            return connect_error(error, address.host, address.port, is_connected=False)
        message = str(error)
        if isinstance(error, httpx.ReadError | httpx.WriteError):
            kind = (
                WireFault.TLS_FAILED
                if isinstance(find_system_error(error), ssl.SSLError)
                else WireFault.RESET
            )
            return WireError(kind, f"the connection broke: {describe(error)}", find_cause(error))
        if _NO_REPLY in message:
            return WireError(WireFault.RESET, message)
        if _LONG_HEAD in message:
            return WireError(WireFault.TOO_LARGE, f"the headers exceed {MAX_HEAD_BYTES} bytes")
        return WireError(WireFault.BAD_STREAM, message or type(error).__name__)


class _Trace:
    """Takes the times of connecting and sending, from httpx's trace events."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply
        self._began_s = 0.0

    async def __call__(self, event: str, _: dict[str, Any]) -> None:
        now_s = time.monotonic()
        if event == "connection.connect_tcp.started":
            self._began_s = now_s
        elif event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            self._reply.connect_s = now_s - self._began_s
        elif event.endswith("send_request_body.complete"):
            self._reply.sent_s = now_s


async def _read(response: httpx.Response, reply: Reply, on_body: OnBody | None) -> None:
    """Read the body and take the times of its parts."""
    reply.status = response.status_code
    reply.version = response.http_version.removeprefix("HTTP/")
    reply.headers = [(name.lower(), value) for name, value in response.headers.raw]
    reply.has_timing = any(name == b"server-timing" for name, _ in reply.headers)
    _check_head(reply)
    decoder = open_decoder(reply.headers, MAX_BODY_BYTES)
    if decoder is not None:
        reply.decoded = decoder.names
    room = MAX_BODY_BYTES
    parts = []
    try:
        async for part in response.aiter_raw():
            now_s = time.monotonic()
            if reply.first_byte_s is None:
                reply.first_byte_s = now_s
            if decoder is not None:
                part = decoder.decode(part)  # noqa: PLW2901 - the encoded part is not needed
            room -= len(part)
            if room < 0:
                raise WireError(WireFault.TOO_LARGE, f"the response is longer than {MAX_BODY_BYTES} bytes")
            if on_body is None:
                parts.append(part)
            elif part:
                on_body(part, now_s)
        reply.finished_s = time.monotonic()
    finally:
        reply.body = b"".join(parts)


def _check_head(reply: Reply) -> None:
    """Refuse what the own transport refuses, and httpx does not."""
    if reply.version not in _VERSIONS:
        raise WireError(WireFault.BAD_STREAM, f"the response has the HTTP version {reply.version}")
    if sum(len(name) + len(value) for name, value in reply.headers) > MAX_HEAD_BYTES:
        raise WireError(WireFault.TOO_LARGE, f"the headers exceed {MAX_HEAD_BYTES} bytes")
    check_transfer_encoding(reply.headers)
