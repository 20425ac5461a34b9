"""One VU of a target with a WebSocket: sends messages over its connection and makes a sample of each."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bench.core.config.target import SocketOptions
from bench.core.response.answer_content import AnswerContent
from bench.core.response.failure import ACCEPTED_WEBSOCKET, Failure, Response
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.http.message_stream import Handshake
from bench.measure.http.reading import Reading
from bench.measure.http.websocket_connection import WebSocketConnection
from bench.measure.http.wire import Address, WireError, request_bytes
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import TOKEN_MARK, Endpoint
from bench.measure.load.request_client import OPEN_TIMEOUT_S
from bench.measure.load.shared import Shared

_BEARER = "Bearer "
_NO_HEADERS = frozenset({"content-type", "host"})  # a message has no type


class MessageClient(ChatClient):
    """A VU that sends messages over a WebSocket (see `virtual_user.VirtualUser`).

    After a failed answer and after an error, it closes the connection: further messages of this answer could
    follow.

    Args:
        endpoint: The target, and the messages for it.
        token: The bearer token of the test user; `None` if the target needs none.
        shared: What all VUs of the process share.
        address: Address of the service, with the TLS context of the run.
    """

    __slots__ = ("_socket", "_use")

    def __init__(self, endpoint: Endpoint, token: str | None, shared: Shared, address: Address) -> None:
        assert endpoint.websocket is not None  # noqa: S101 - the target has a WebSocket
        self._use = endpoint.websocket
        self._socket = WebSocketConnection(address, turn=shared.turn)
        super().__init__(endpoint, token, self._socket, shared)
        self._trace_prefix = None  # a message has no headers
        self._in_parts = Reading(self._take_part, is_over=self._is_over)

    def change_head(self, path: str, credentials: Mapping[str, str]) -> None:
        """Use another handshake from the next message on."""
        endpoint = self._endpoint
        headers = {**endpoint.headers, **credentials}
        handshake = make_handshake(endpoint, path, headers, self._use)
        if handshake != self._socket.handshake:
            self._socket.handshake = handshake
        self._head = b""

    async def open(self) -> None:
        """Open the connection, unless each message has its own. Failures are ignored."""
        if not self._use.keep:
            return
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                await self._socket.open()
        except (WireError, TimeoutError):
            self._socket.close()

    def _is_over(self) -> bool:
        reader = self._reader
        return reader is not None and reader.is_decided()

    def _make_sample(self, broken: Failure | None) -> tuple[RequestSample, Sequence[float]]:
        sample, token_times_s = super()._make_sample(broken)
        is_answer = sample.outcome is Outcome.OK and sample.status == ACCEPTED_WEBSOCKET
        if not is_answer or not self._use.keep:
            self._socket.close()
        return sample, token_times_s

    def _describe_response(self, content: AnswerContent, took_ms: float, broken: Failure | None) -> Response:
        """Return the response: the status of an error that the answer reports stands for that of HTTP."""
        error = content.error
        if error is None or error.status is None:
            return super()._describe_response(content, took_ms, broken)
        return Response(error.status, error.message, content, took_ms, broken)


def make_handshake(
    endpoint: Endpoint, path: str, headers: Mapping[str, str], use: SocketOptions
) -> Handshake:
    """Return the handshake of an endpoint.

    Args:
        endpoint: The target at its address.
        path: Path below the prefix.
        headers: Headers, with the token of the user.
        use: Options of the WebSocket.

    Raises:
        ValueError: The path or a header contains a character that HTTP does not allow.
    """
    target = endpoint.prefix + path
    host = headers.get("host", endpoint.address.authority)
    request_bytes("GET", target, host, headers)
    token = headers.get("authorization", "").removeprefix(_BEARER)
    pairs = [(name, value) for name, value in headers.items() if name not in _NO_HEADERS]
    return Handshake(
        host=host,
        path=target,
        headers=tuple((name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs),
        subprotocols=tuple(text.replace(TOKEN_MARK, token) for text in use.subprotocols),
        first=_render(use.first, token),
        cancel=_render(use.cancel, token),
    )


def _render(message: Mapping[str, Any] | None, token: str) -> str | None:
    """Return a message of the target as JSON."""
    if message is None:
        return None
    return json.dumps(_fill(message, token), ensure_ascii=False).encode(errors="replace").decode()


def _fill(value: Any, token: str) -> Any:
    """Return a JSON-like value with the token in place of its mark."""
    match value:
        case str():
            return value.replace(TOKEN_MARK, token)
        case dict():
            return {key: _fill(child, token) for key, child in value.items()}
        case list():
            return [_fill(child, token) for child in value]
        case _:
            return value
