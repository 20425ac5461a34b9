"""Measure when the first request of a load arrives after the command, and when the command ends."""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httptools

_MODELS = b'{"object":"list","data":[{"id":"start","object":"model"}]}'
_ANSWER = (
    b'data: {"id":"1","object":"chat.completion.chunk","model":"start","choices":[{"index":0,'
    b'"delta":{"role":"assistant","content":"Hello"},"finish_reason":"stop"}]}\n\n'
    b'data: {"id":"1","object":"chat.completion.chunk","model":"start","choices":[],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}\n\n'
    b"data: [DONE]\n\n"
)
_STREAM = b"text/event-stream"
_JSON = b"application/json"
_SCENARIO = """\
name: start
purpose: One VU for half a second.
target: openai-chat
seed: 1
prompts: prompts.yaml
executor: constant-vus
vus: 1
duration: 500ms
think_time: 0s
"""
_PROMPTS = "messages:\n  - id: hello\n    text: Hello?\n"


@dataclass(frozen=True, slots=True)
class StartTimes:
    """Times of one command, in seconds since it was called."""

    first_byte_s: float
    """Until the first connection to the server was accepted: for an address, it recognises the interface."""
    first_request_s: float
    """Until the first request of the load was complete at the server."""
    end_s: float
    """Until the process ended."""
    after_last_s: float
    """From the last request of the load to the end of the process."""


@dataclass(slots=True)
class RequestTimes:
    """Times of the requests at the server, on CLOCK_MONOTONIC."""

    connected_s: list[float] = field(default_factory=list)
    """Times of the connections."""
    chats_s: list[float] = field(default_factory=list)
    """Times of the chat requests; for an address, the first one recognises the interface."""


class _Connection(asyncio.Protocol):
    """Answers as OpenAI's API at once, and stores the time of each chat request."""

    def __init__(self, times: RequestTimes) -> None:
        self._times = times
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        self._transport = transport
        self._times.connected_s.append(time.monotonic())

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._url = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_message_complete(self) -> None:
        if self._parser.get_method() == b"POST":
            self._times.chats_s.append(time.monotonic())
            self._answer(b"200 OK", _STREAM, _ANSWER)
        elif self._url == b"/v1/models":
            self._answer(b"200 OK", _JSON, _MODELS)
        else:
            self._answer(b"404 Not Found", _JSON, b"{}")

    def _answer(self, status: bytes, kind: bytes, body: bytes) -> None:
        head = b"HTTP/1.1 %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n"
        self._transport.write(head % (status, kind, len(body)) + body)


@contextmanager
def serve(times: RequestTimes) -> Iterator[str]:
    """Serve in a thread, and yield the address."""
    loop = asyncio.new_event_loop()
    start = loop.create_server(lambda: _Connection(times), "127.0.0.1", 0)
    server = loop.run_until_complete(start)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        loop.close()


def measure_command(arguments: Sequence[str], folder: Path, probes: int) -> StartTimes:
    """Run `bench` with these arguments and the address of a server; return its times.

    Args:
        arguments: Arguments; `URL` stands for the address.
        folder: Folder in which the command runs.
        probes: Number of chat requests before the load.
    """
    times = RequestTimes()
    with serve(times) as url:
        command = [sys.executable, "-m", "bench", *(part.replace("URL", url) for part in arguments)]
        start_s = time.monotonic()
        completed = subprocess.run(
            command, cwd=folder, env=_environment(os.environ), capture_output=True, check=False
        )
        end_s = time.monotonic()
    if completed.returncode or len(times.chats_s) <= probes:
        raise RuntimeError(f"{command} ended with {completed.returncode}: {completed.stderr.decode()}")
    return StartTimes(
        first_byte_s=times.connected_s[0] - start_s,
        first_request_s=times.chats_s[probes] - start_s,
        end_s=end_s - start_s,
        after_last_s=end_s - times.chats_s[-1],
    )


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a usual installation, whose bytecode is stored."""
    return {name: value for name, value in environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


COMMANDS: Mapping[str, tuple[Sequence[str], int]] = {
    "bench run URL": (("run", "URL", "--vus", "1", "--duration", "0.5s"), 1),
    "bench run URL --no-calibration": (
        ("run", "URL", "--vus", "1", "--duration", "0.5s", "--no-calibration"),
        1,
    ),
    "bench run SCENARIO --url URL": (("run", "start.yaml", "--url", "URL"), 0),
}
"""Commands by name: their arguments, and the number of chat requests that recognise the interface."""


def measure_all(rounds: int) -> dict[str, StartTimes]:
    """Return the median times of each command, after one call that warms the file cache."""
    medians: dict[str, StartTimes] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "start.yaml").write_text(_SCENARIO, encoding="utf-8")
        (folder / "prompts.yaml").write_text(_PROMPTS, encoding="utf-8")
        for command, (arguments, probes) in COMMANDS.items():
            measure_command(arguments, folder, probes)
            all_times = [measure_command(arguments, folder, probes) for _ in range(rounds)]
            medians[command] = _median(all_times)
    return medians


def _median(all_times: Sequence[StartTimes]) -> StartTimes:
    return StartTimes(
        first_byte_s=statistics.median(times.first_byte_s for times in all_times),
        first_request_s=statistics.median(times.first_request_s for times in all_times),
        end_s=statistics.median(times.end_s for times in all_times),
        after_last_s=statistics.median(times.after_last_s for times in all_times),
    )
