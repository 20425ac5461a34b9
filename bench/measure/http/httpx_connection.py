"""httpx in place of `Connection`, for proxies and for HTTP/2 (if the package `h2` is installed).

It is slower, and its times are less exact: the times of a response are those at which httpx passes on a part.
"""

import importlib.util
import socket
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from bench.measure.http.answer_stream import OnBody
from bench.measure.http.connection import MAX_BODY_BYTES
from bench.measure.http.wire import Reply, WireError, WireFault, check_encoding

_OWN_HEADERS = {"host", "content-length"}


class HttpxConnection:
    """An httpx client of one VU, with the interface of `Connection`.

    Args:
        url: Address of the service; its scheme, host and port are used.

    Attributes:
        reply: Reply of the newest exchange. After a failure it holds the part that arrived.
    """

    def __init__(self, url: str) -> None:
        self.reply = Reply()
        parts = urlsplit(url)
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._client: httpx.AsyncClient | None = None
        self._closing: httpx.AsyncClient | None = None

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
            http2 = importlib.util.find_spec("h2") is not None
            self._client = httpx.AsyncClient(timeout=None, http2=http2)  # noqa: S113 - the VU has a timeout
        try:
            response = await self._client.send(self._request(self._client, request, reply), stream=True)
            try:
                await _read(response, reply, on_body)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(error) from None
        return reply

    def close(self) -> None:
        """Close the connection. The next exchange opens a new one."""
        self._closing = self._client
        self._client = None

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        if self._closing is not None:
            await self._closing.aclose()

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
    reply.headers = [(name.lower(), value) for name, value in response.headers.raw]
    check_encoding(reply.headers, any_encoding=False)
    parts = []
    room = MAX_BODY_BYTES
    async for part in response.aiter_raw():
        now_s = time.monotonic()
        if reply.first_byte_s is None:
            reply.first_byte_s = now_s
        room -= len(part)
        if room < 0:
            raise WireError(WireFault.TOO_LARGE, f"the response is longer than {MAX_BODY_BYTES} bytes")
        if on_body is None:
            parts.append(part)
        else:
            on_body(part, now_s)
    reply.finished_s = time.monotonic()
    reply.body = b"".join(parts)


def _failure(error: Exception) -> WireError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return WireError(WireFault.TLS_FAILED, str(cause))
        if isinstance(cause, socket.gaierror):
            return WireError(WireFault.NAME_FAILED, str(cause))
        cause = cause.__cause__ or cause.__context__
    message = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return WireError(WireFault.CONNECT_FAILED, message)
    reset = isinstance(error, httpx.ReadError | httpx.WriteError)
    return WireError(WireFault.RESET if reset else WireFault.BAD_STREAM, message)
