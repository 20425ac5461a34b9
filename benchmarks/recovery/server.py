"""A chat server that notes when it has sent each response to a message."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

_ANSWER = json.dumps({"choices": [{"message": {"role": "assistant", "content": "Hello."}}]}).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.times_s: list[float] = []
        self.has_answered = threading.Event()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that were killed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._answer(b"{}")

    def do_POST(self) -> None:
        length = int(self.headers.get("content-length", "0"))
        self.rfile.read(length)
        self._answer(_ANSWER)
        if self.path.endswith("/chat/completions"):
            self.server.times_s.append(time.monotonic())
            self.server.has_answered.set()

    def _answer(self, content: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        self.wfile.write(head.encode() + content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Print nothing."""


class CountingServer:
    """Serves in a thread, until the end of the block."""

    def __init__(self) -> None:
        self._server = _Server()
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Address of the interface."""
        return f"http://127.0.0.1:{self._server.server_port}/v1/chat/completions"

    def reset(self) -> None:
        """Forget all responses."""
        self._server.times_s = []
        self._server.has_answered.clear()

    def times_s(self) -> list[float]:
        """Return when each response was sent, ascending."""
        return sorted(self._server.times_s)

    def wait_for_first(self, timeout_s: float) -> float:
        """Wait for the first responses of a load, and return the time of the first one.

        Raises:
            RuntimeError: None was sent in time.
        """
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            times_s = self.times_s()
            # Before the load, a few requests recognise the interface.
            for first_s, later_s in zip(times_s, times_s[_MOST_PROBES:], strict=False):
                if later_s - first_s < _BURST_S:
                    return first_s
            time.sleep(0.01)
        raise RuntimeError(f"the run sent no request within {timeout_s:g} s")


_MOST_PROBES = 8
_BURST_S = 0.5
