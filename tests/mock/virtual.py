"""A mock model in virtual time, and clients without a network."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bench.mock.behaviour import MockBehaviour
from bench.mock.server import MockServer
from bench.timing.pacing import LoopTimer
from tests.virtual_time import run_virtually

Result = TypeVar("Result")
CHAT = "/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "How do I change a form?"}]


class _Wire(asyncio.Transport):
    """A transport that records each write with its time."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[tuple[float, bytes]] = []
        self.state = "open"

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Do nothing: each write leaves at once."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.writes.append((asyncio.get_running_loop().time(), bytes(data)))

    def is_closing(self) -> bool:
        return self.state != "open"

    def close(self) -> None:
        self.state = "closed"

    def abort(self) -> None:
        self.state = "aborted"


@dataclass
class Client:
    """A client with one connection."""

    server: MockServer
    wire: _Wire = field(default_factory=_Wire)

    def __post_init__(self) -> None:
        """Connect."""
        self.connection = self.server.connection()
        self.connection.connection_made(self.wire)

    def send(self, path: str, body: object, method: str = "POST", headers: str = "") -> float:
        """Send a request, and return its time."""
        content = json.dumps(body).encode() if not isinstance(body, bytes) else body
        head = f"{method} {path} HTTP/1.1\r\nhost: mock\r\n{headers}content-length: {len(content)}\r\n\r\n"
        self.connection.data_received(head.encode() + content)
        return asyncio.get_running_loop().time()

    def leave(self) -> None:
        """Close the connection from the client's side."""
        self.wire.state = "closed"
        self.connection.connection_lost(None)

    @property
    def received(self) -> bytes:
        """All received bytes."""
        return b"".join(data for _, data in self.wire.writes)

    @property
    def moments_s(self) -> list[float]:
        """The times of the writes."""
        return [moment_s for moment_s, _ in self.wire.writes]

    @property
    def status(self) -> int:
        """The status of the first answer."""
        return int(self.received.split(b" ", 2)[1])

    @property
    def content(self) -> bytes:
        """The body of the first answer, without the frames of chunks."""
        head, _, rest = self.received.partition(b"\r\n\r\n")
        if b"chunked" not in head:
            return rest
        content = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            content += rest[: int(size, 16)]
            rest = rest[int(size, 16) + 2 :]
        return content

    @property
    def is_complete(self) -> bool:
        """True if a stream ended as it should."""
        return self.received.endswith(b"0\r\n\r\n")

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)

    @property
    def events(self) -> list[Any]:
        """The data of server-sent events, without OpenAI's last one."""
        lines = [line for line in self.content.decode().split("\n") if line.startswith("data: ")]
        return [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]

    @property
    def lines(self) -> list[Any]:
        """The lines of JSON."""
        return [json.loads(line) for line in self.content.splitlines()]


class _LateTimer(LoopTimer):
    """A timer that makes each call too late, as a busy machine does."""

    def __init__(self, late_s: float) -> None:
        super().__init__(asyncio.get_running_loop().time)
        self._late_s = late_s

    def call_at(self, due_s: float, callback: Callable[[], object]) -> None:
        super().call_at(due_s + self._late_s, callback)


def make_server(late_s: float = 0.0, **behaviour: Any) -> MockServer:
    """Return a mock model whose timer is this late. Call it in a running loop."""
    return MockServer(MockBehaviour(**behaviour), ["mock"], _LateTimer(late_s))


def chat(model: str = "mock", **more: Any) -> dict[str, Any]:
    """Return the body of a chat completion, streamed unless `more` differs."""
    return {"model": model, "messages": MESSAGES, "stream": True, **more}


def ask(path: str, body: object, wait_s: float = 3600.0, **behaviour: Any) -> Client:
    """Send one request, and return the client after some virtual time."""

    async def work() -> Client:
        client = Client(make_server(**behaviour))
        client.send(path, body)
        await asyncio.sleep(wait_s)
        return client

    return run_virtually(work())


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine in virtual time."""
    return run_virtually(work)


def text_of(events: list[Any]) -> str:
    """Return the text of the events of a chat completion."""
    deltas: list[Mapping[str, Any]] = [event["choices"][0]["delta"] for event in events if event["choices"]]
    return "".join(delta.get("content") or "" for delta in deltas)
