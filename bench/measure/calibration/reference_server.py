"""A server of known timing: `python -m bench.measure.calibration.reference_server`.

Each response is a stream of five tokens. Its end reports the real times from the request's last byte until
just before the first and the last token were written. A client that measures more has measured its own delay.
"""

import asyncio
import gc
import json
import os
import signal
import sys
from time import monotonic
from typing import cast

import httptools

from bench.timing.metronome import Metronome
from bench.timing.pacing import event_loop, pacer

FIRST_S = 0.1
"""Planned time from a request to its first token, in seconds."""
GAP_S = 0.02
"""Planned time between tokens, in seconds."""
TOKENS = 5
"""Number of tokens of a response."""

_BACKLOG = 4096


def _chunk(text: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(text), text)


_TOKEN = _chunk(b'data: {"text":"a "}\n\n')
_FIRST = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n" + _TOKEN
_DONE = b'event: done\ndata: {"tokens":%d,"first_ms":%.3f,"total_ms":%.3f}\n\n'
_END = b"0\r\n\r\n"
_READY = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 14\r\n\r\n{"ready":true}'
_ECHO = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{"text":"Echo"}'
_NOT_FOUND = b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"
_IMMEDIATE = {(b"GET", b"/ready"): _READY, (b"POST", b"/echo"): _ECHO}
_BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class _Connection(asyncio.Protocol):
    """One connection of a client, with one request at a time.

    Args:
        metronome: Calls `write_next` when a token is due.
    """

    __slots__ = (
        "_due_s", "_first_s", "_keep", "_metronome", "_parser", "_read_s", "_request_s", "_streaming",
        "_tokens", "_transport", "_url",
    )  # fmt: skip

    def __init__(self, metronome: Metronome) -> None:
        self._metronome = metronome
        self._parser: httptools.HttpRequestParser | None = httptools.HttpRequestParser(self)
        self._url = b""
        self._tokens = 0
        self._read_s = 0.0
        self._request_s = 0.0
        self._first_s = 0.0
        self._due_s = 0.0
        self._streaming = False
        self._keep = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        # uvloop then writes at once and not at the end of its turn, so that the reported times are right.
        self._transport.set_write_buffer_limits(high=0)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol of asyncio
        self._parser = None  # it refers to this object: a reference cycle

    def data_received(self, data: bytes) -> None:
        self._read_s = monotonic()
        if self._parser is None or self._transport.is_closing():
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if self._streaming:
                self._transport.abort()
            elif not self._transport.is_closing():
                self._transport.write(_BAD_REQUEST)
                self._transport.close()

    def on_message_begin(self) -> None:
        self._url = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_message_complete(self) -> None:
        parser = self._parser
        transport = self._transport
        if parser is None or transport.is_closing():
            return
        if self._streaming:  # the client did not wait for the response, so it has no valid time
            transport.abort()
            return
        self._keep = parser.should_keep_alive()
        request = parser.get_method(), self._url
        if request == (b"POST", b"/chat"):
            self._streaming = True
            self._tokens = 0
            self._request_s = self._read_s
            self._due_s = self._request_s + FIRST_S
            self._metronome.add(self._due_s, self.write_next)
            return
        transport.write(_IMMEDIATE.get(request, _NOT_FOUND))
        if not self._keep:
            transport.close()

    def write_next(self) -> float | None:
        """Write the next token, and the end after the last one. Return when the following token is due."""
        transport = self._transport
        if transport.is_closing():
            return None
        self._tokens += 1
        if self._tokens == 1:
            self._first_s = monotonic() - self._request_s
            transport.write(_FIRST)
        elif self._tokens < TOKENS:
            transport.write(_TOKEN)
        else:
            total_s = monotonic() - self._request_s
            transport.write(_TOKEN + _chunk(_DONE % (TOKENS, self._first_s * 1e3, total_s * 1e3)) + _END)
            self._streaming = False
            if not self._keep:
                transport.close()
            return None
        self._due_s += GAP_S
        return self._due_s


async def serve() -> None:
    """Serve on a free port until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    timer = pacer()
    metronome = Metronome(timer)
    server = await loop.create_server(lambda: _Connection(metronome), "127.0.0.1", 0, backlog=_BACKLOG)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    _announce(server.sockets[0].getsockname()[1])
    gc.collect()
    gc.freeze()  # a later collection skips the objects of now, which would delay tokens
    await stop.wait()
    server.close()
    timer.close()


def _announce(port: int) -> None:
    url = f"http://127.0.0.1:{port}"
    event = {"event": "listening", "role": "reference", "url": url, "pid": os.getpid()}
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(serve())
