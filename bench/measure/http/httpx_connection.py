"""httpx in place of our own transport, for what that does not do: proxies, and HTTP/2 where there is `h2`.

It is slower and its times are less exact: the answer's are those at which httpx hands a part on.
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
    """A client of its own for each virtual user, with the interface of `Connection`.

    Args:
        url: Of the service: only its scheme, host and port matter.

    Attributes:
        reply: Of the latest exchange, with what is known so far when it failed or was cancelled.
    """

    def __init__(self, url: str) -> None:
        self.reply = Reply()
        parts = urlsplit(url)
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._client: httpx.AsyncClient | None = None
        self._closing: httpx.AsyncClient | None = None

    async def exchange(self, request: bytes, on_body: OnBody | None = None) -> Reply:
        """Send a request and read its answer to the end.

        Args:
            request: See `request_bytes`.
            on_body: Is given each part of the body and when it came.

        Raises:
            WireError: There is no answer.
        """
        reply = self.reply = Reply()
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        headers = [line.split(": ", 1) for line in lines]
        kept = [(name, value) for name, value in headers if name.lower() not in _OWN_HEADERS]
        if self._client is None:
            http2 = importlib.util.find_spec("h2") is not None
            self._client = httpx.AsyncClient(timeout=None, http2=http2)  # noqa: S113 - the user's deadline ends it
        try:
            sent = self._client.build_request(
                method, self._url + path, headers=kept, content=body, extensions={"trace": _Trace(reply)}
            )
            answer = await self._client.send(sent, stream=True)
            try:
                await _read(answer, reply, on_body)
            finally:
                await answer.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure(error) from None
        return reply

    def close(self) -> None:
        """Close the connection; the next exchange opens another."""
        self._client, self._closing = None, self._client

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        if self._closing is not None:
            await self._closing.aclose()


class _Trace:
    """Takes the times that only httpx's inside knows."""

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


async def _read(answer: httpx.Response, reply: Reply, on_body: OnBody | None) -> None:
    reply.status = answer.status_code
    reply.headers = [(name.lower(), value) for name, value in answer.headers.raw]
    check_encoding(reply.headers, any_encoding=False)
    parts, room = [], MAX_BODY_BYTES
    async for part in answer.aiter_raw():
        now_s = time.monotonic()
        reply.first_byte_s = now_s if reply.first_byte_s is None else reply.first_byte_s
        room -= len(part)
        if room < 0:
            raise WireError(WireFault.TOO_LARGE, f"the answer is longer than {MAX_BODY_BYTES} bytes")
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
    said = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return WireError(WireFault.CONNECT_FAILED, said)
    reset = isinstance(error, httpx.ReadError | httpx.WriteError)
    return WireError(WireFault.RESET if reset else WireFault.BAD_STREAM, said)
