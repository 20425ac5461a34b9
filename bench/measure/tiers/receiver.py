"""Receives spans over HTTP, as an exporter of OpenTelemetry sends them.

Format: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

import socket
import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from bench.core.config.stack_tiers import OTLP_PORT, OtlpReceiver
from bench.core.tiers.environment import url_of
from bench.core.tiers.otlp import OtlpError, ReceivedSpan, read_json, read_protobuf
from bench.core.tiers.request_trace import RequestTrace
from bench.core.tiers.span import peers_of
from bench.core.tiers.trace_ids import RequestKey, run_prefix
from bench.core.tiers.trace_log import TraceLog
from bench.core.values.limited_names import LimitedNames
from bench.errors import ConfigError, TargetError

PROTOBUF = "application/x-protobuf"
JSON = "application/json"
_READERS = {PROTOBUF: read_protobuf, JSON: read_json}
_EMPTY = {PROTOBUF: b"", JSON: b"{}"}
_GZIP_AND_ZLIB = 32 + zlib.MAX_WBITS
_MOST_BYTES = 64 * 1024 * 1024
_POLL_S = 0.01
_START_TIMEOUT_S = 10.0


@dataclass(slots=True)
class TraceReceiver:
    """Receives the spans of a stack in a thread of its own."""

    url: str
    """Address that the services send their spans to."""
    run_id: str
    """Id of the run."""
    log: TraceLog = field(default_factory=lambda: TraceLog(b"", {}))
    """The spans of the newest load."""
    refused: dict[str, int] = field(default_factory=dict)
    """Number of messages that could not be read, by reason."""
    reasons: LimitedNames = field(default_factory=lambda: LimitedNames(other="other reasons"))
    """Limits the reasons."""
    _loads: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, urls: Mapping[str, str]) -> bytes:
        """Forget the spans of the previous load, and return the beginning of the trace ids of the next one.

        Args:
            urls: Addresses of the services, which spans contain.
        """
        self._loads += 1
        prefix = run_prefix(f"{self.run_id}/{self._loads}")
        with self._lock:
            self.log = TraceLog(prefix, peers_of(urls))
        self.refused.clear()
        return prefix

    def add(self, message: bytes, content_type: str) -> None:
        """Add the spans of a message.

        Raises:
            OtlpError: The message is damaged.
        """
        spans: list[ReceivedSpan] = [*_READERS[content_type](message, self.log.is_wanted)]
        with self._lock:
            self.log.add(spans, time.monotonic())

    def count_complete(self) -> int:
        """Return the number of requests whose first span has arrived."""
        with self._lock:
            return self.log.count_complete()

    def finish(self) -> Mapping[RequestKey, RequestTrace]:
        """Return tier times and calls of all requests with spans."""
        with self._lock:
            return self.log.finish()


@contextmanager
def open_receiver(otlp: OtlpReceiver, run_id: str, *, is_fixed: bool = False) -> Iterator[TraceReceiver]:
    """Receive the spans of a stack until the end of the block.

    Args:
        otlp: The declaration.
        run_id: Id of the run.
        is_fixed: Whether the services were started before, so that they know only a fixed port.

    Raises:
        ConfigError: The port is in use, or the address is not one of this machine.
    """
    port = otlp.port or (OTLP_PORT if is_fixed else 0)
    with _listen(otlp.host, port) as listener:
        own_url = url_of(otlp.host, listener.getsockname()[1])
        receiver = TraceReceiver(otlp.url or own_url, run_id)
        server = uvicorn.Server(
            uvicorn.Config(_application(receiver), log_config=None, access_log=False, lifespan="off")
        )
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        _wait_until_started(server, thread)
        try:
            yield receiver
        finally:
            server.should_exit = True
            server.force_exit = True  # exporters keep their connections open
            thread.join()


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(
            f"cannot receive spans at {host}:{port}: {error.strerror}",
            "choose another port: tiers.otlp.port of the stack, or --otlp",
        ) from error


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    end_s = time.monotonic() + _START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > end_s:
            raise TargetError("the receiver of spans did not start", "measure again")
        time.sleep(_POLL_S)


def _application(receiver: TraceReceiver) -> Starlette:
    async def traces(request: Request) -> Response:
        return await _receive(receiver, request)

    async def ignore(request: Request) -> Response:
        """Accept metrics and logs, which an exporter would otherwise send again and again."""
        await request.body()
        content_type = _content_type(request)
        return Response(_EMPTY.get(content_type, b""), media_type=content_type)

    return Starlette(
        routes=[
            HttpRoute("/v1/traces", traces, methods=["POST"]),
            HttpRoute("/v1/metrics", ignore, methods=["POST"]),
            HttpRoute("/v1/logs", ignore, methods=["POST"]),
        ]
    )


async def _receive(receiver: TraceReceiver, request: Request) -> Response:
    content_type = _content_type(request)
    if content_type not in _READERS:
        return _refuse(receiver, 415, f"the format {content_type or 'without a name'} is not OTLP over HTTP")
    try:
        receiver.add(await _read_body(request), content_type)
    except OtlpError as error:
        return _refuse(receiver, 400, str(error))
    return Response(_EMPTY[content_type], media_type=content_type)


def _refuse(receiver: TraceReceiver, status: int, reason: str) -> Response:
    kept = receiver.reasons.keep(reason)
    receiver.refused[kept] = receiver.refused.get(kept, 0) + 1
    return Response(reason, status_code=status, media_type="text/plain")


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def _read_body(request: Request) -> bytes:
    """Return the body without its compression.

    Raises:
        OtlpError: It is damaged, too long, or compressed in another way.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise OtlpError("the message is too long")
    if encoding in {"identity", ""}:
        return bytes(body)
    if encoding not in {"gzip", "deflate"}:
        raise OtlpError(f"the compression {encoding} is not supported; use gzip")
    decompressor = zlib.decompressobj(_GZIP_AND_ZLIB)
    try:
        content = decompressor.decompress(bytes(body), _MOST_BYTES)
    except zlib.error as error:
        raise OtlpError(f"the compression is damaged: {error}") from error
    if decompressor.unconsumed_tail or not decompressor.eof:
        raise OtlpError("the message is too long or cut off")
    return content
