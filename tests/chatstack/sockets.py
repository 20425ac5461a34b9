"""A WebSocket client for tests: it writes and reads every frame itself."""

import json
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import (
    AcceptConnection,
    CloseConnection,
    Event,
    RejectConnection,
    RejectData,
    Request,
    TextMessage,
)

from tests.chatstack.stacks import connect

PATH = "/api/chat/ws"
_PATIENCE_S = 120.0


class RefusedError(Exception):
    """The handshake was refused, with this status and body."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


def _chat_message(message: object) -> str:
    return json.dumps({"type": "message", "message": message})


class ChatSocket:
    """An open WebSocket.

    Attributes:
        subprotocol: The subprotocol that the server selected.
        close_code: Code of the server's close frame, after `read` returned `None`.
    """

    def __init__(self, connection: socket.socket, request: Request) -> None:
        connection.settimeout(_PATIENCE_S)
        self._connection = connection
        self._socket = WSConnection(ConnectionType.CLIENT)
        self._events: list[Event] = []
        self._text = ""
        self.close_code: int | None = None
        self.send_bytes(self._socket.send(request))
        self.subprotocol = self._shake_hands()

    def _shake_hands(self) -> str | None:
        first = self._next_event()
        if isinstance(first, AcceptConnection):
            return first.subprotocol
        assert isinstance(first, RejectConnection)
        body = b""
        while True:
            event = self._next_event()
            assert isinstance(event, RejectData)
            body += event.data
            if event.body_finished:
                raise RefusedError(first.status_code, body)

    def send_bytes(self, content: bytes) -> None:
        """Send bytes as they are."""
        self._connection.sendall(content)

    def send_text(self, text: str) -> None:
        """Send a text message."""
        self.send_bytes(self._socket.send(TextMessage(data=text)))

    def ask(self, message: object) -> None:
        """Send a chat message."""
        self.send_text(_chat_message(message))

    def ask_and_cancel(self, message: object) -> None:
        """Send a chat message and its cancellation at the same time."""
        texts = (_chat_message(message), '{"type": "cancel"}')
        self.send_bytes(b"".join(self._socket.send(TextMessage(data=text)) for text in texts))

    def read(self) -> dict[str, Any] | None:
        """Return the next message; `None` if the server has closed."""
        while True:
            event = self._next_event()
            if isinstance(event, CloseConnection):
                self.close_code = int(event.code)
                return None
            if isinstance(event, TextMessage):
                self._text += event.data
                if event.message_finished:
                    content: dict[str, Any] = json.loads(self._text)
                    self._text = ""
                    return content

    def read_answer(self) -> list[dict[str, Any]]:
        """Return the messages of an answer, up to its last one."""
        answer: list[dict[str, Any]] = []
        while True:
            content = self.read()
            assert content is not None, answer
            answer.append(content)
            if content["type"] in {"done", "error", "cancelled"}:
                return answer

    def _next_event(self) -> Event:
        while not self._events:
            data = self._connection.recv(65_536)
            self._socket.receive_data(data or None)
            self._events += self._socket.events()
        return self._events.pop(0)


@contextmanager
def chat_socket(
    url: str, headers: Mapping[str, str] | None = None, subprotocols: Sequence[str] = ()
) -> Iterator[ChatSocket]:
    """Open a WebSocket to the chat of a backend.

    Raises:
        RefusedError: The handshake was refused.
    """
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    request = Request(host="test", target=PATH, extra_headers=pairs, subprotocols=[*subprotocols])
    with connect(url) as connection:
        yield ChatSocket(connection, request)
