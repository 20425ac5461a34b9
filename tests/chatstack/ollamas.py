"""A stand-in for Ollama whose every byte a test decides, and which remembers every byte it got."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeAlias


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    content: bytes


@dataclass
class Answer:
    """What is answered: each part as a chunk, as soon as there is one; a broken one never ends."""

    parts: Iterable[bytes]
    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    broken: bool = False


Answering: TypeAlias = Callable[[Seen], Answer]


@dataclass
class Ollama:
    """Attributes: where it listens, what it saw, and how it answers the next request."""

    url: str
    seen: list[Seen]
    answering: Answering


@contextmanager
def fake_ollama() -> Iterator[Ollama]:
    """A server that says what the test wants."""
    ollama = Ollama("", [], lambda _: Answer([b"{}"], headers=[("Content-Type", "application/json")]))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Say nothing."""

        def handle(self) -> None:
            with suppress(ConnectionResetError):  # whoever asked has left, which is his right
                super().handle()

        def answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            seen = Seen(self.command, self.path, list(self.headers.items()), self.rfile.read(length))
            ollama.seen.append(seen)
            try:
                self.send(ollama.answering(seen))
            except ConnectionAbortedError:  # the test wants it to hang up
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

        do_GET = do_HEAD = do_OPTIONS = answer  # noqa: N815 - the names that http.server calls
        do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815 - likewise

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
