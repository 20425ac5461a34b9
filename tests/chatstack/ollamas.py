"""A fake Ollama: a test decides every byte that it sends, and can read every byte that it received."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias


@dataclass(frozen=True)
class ReceivedRequest:
    """A request that the fake received."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    content: bytes


@dataclass
class Answer:
    """A response: each part is one chunk, sent at once; a broken response never ends."""

    parts: Iterable[bytes]
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False


Responder: TypeAlias = Callable[[ReceivedRequest], Answer]


@dataclass
class Ollama:
    """A fake Ollama that listens."""

    url: str
    """Address of the fake."""
    requests: list[ReceivedRequest]
    """Requests that it received."""
    respond: Responder
    """Function that returns the response to a request."""


@contextmanager
def fake_ollama() -> Iterator[Ollama]:
    """Serve a fake Ollama inside the block; it answers `{}` until the test changes that."""
    ollama = Ollama("", [], lambda _: Answer([b"{}"], headers=[("Content-Type", "application/json")]))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Write no log."""

        def handle(self) -> None:
            with suppress(ConnectionResetError):  # the client may disconnect
                super().handle()

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            request = ReceivedRequest(
                self.command, self.path, list(self.headers.items()), self.rfile.read(length)
            )
            ollama.requests.append(request)
            try:
                self.send(ollama.respond(request))
            except ConnectionAbortedError:  # the test asks for a closed connection
                self.close_connection = True

        def send(self, answer: Answer) -> None:
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if self.command == "HEAD":
                return
            for part in answer.parts:
                self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                self.wfile.flush()
            if answer.broken:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

        do_GET = do_HEAD = do_OPTIONS = answer  # noqa: N815 - names of http.server
        do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - names of http.server

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    ollama.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield ollama
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
