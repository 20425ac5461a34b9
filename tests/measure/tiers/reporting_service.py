"""A service that reports its times in each way: `python reporting_service.py PORT`.

A request works for 10 ms and calls a model, which takes a little longer each time. Headers, a histogram and
spans report this.
"""

import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request, urlopen

from tests.core.tiers.otlp_messages import message

OWN_MS = 10
_MS_NS = 1_000_000
_lock = threading.Lock()
_model_times: list[int] = []


def model_ms(number: int) -> int:
    """Return the time of a call; equal times in all answers would not be believed."""
    return 30 + number


class Handler(BaseHTTPRequestHandler):
    """Answers `POST /ask` and `GET /metrics`."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Return the histogram."""
        text = f"model_seconds_sum {sum(_model_times) / 1000}\nmodel_seconds_count {len(_model_times)}\n"
        self._answer(text if self.path == "/metrics" else "{}", {})

    def do_POST(self) -> None:
        """Work, report, and answer."""
        self.rfile.read(int(self.headers["content-length"]))
        start_ns = time.time_ns()
        with _lock:
            call_ms = model_ms(len(_model_times))
            _model_times.append(call_ms)
        time.sleep((OWN_MS + call_ms) / 1000)
        traceparent = self.headers.get("traceparent")
        if traceparent and "OTEL_EXPORTER_OTLP_ENDPOINT" in os.environ:
            _send_spans(traceparent, start_ns, call_ms)
        self._answer('{"text": "Hello."}', {"X-Model-Duration": str(call_ms), "X-Broken": "fast"})

    def _answer(self, text: str, headers: dict[str, str]) -> None:
        content = text.encode()
        self.send_response(200)
        for name, value in {"content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


def _send_spans(traceparent: str, start_ns: int, call_ms: int) -> None:
    """Send the span of the request, and that of its call of a model."""
    _, trace, parent, _ = traceparent.split("-")
    own = {
        "trace_id": bytes.fromhex(trace),
        "span_id": b"request_",
        "parent_span_id": bytes.fromhex(parent),
        "kind": 2,
        "start_time_unix_nano": start_ns,
        "end_time_unix_nano": start_ns + (OWN_MS + call_ms) * _MS_NS,
    }
    call = {
        "trace_id": bytes.fromhex(trace),
        "span_id": b"call____",
        "parent_span_id": b"request_",
        "kind": 3,
        "start_time_unix_nano": start_ns,
        "end_time_unix_nano": start_ns + call_ms * _MS_NS,
        "attributes": {"gen_ai.operation.name": "chat", "gen_ai.provider.name": "model"},
    }
    request = Request(  # noqa: S310 - the address of the receiver
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] + "/v1/traces",
        data=message(os.environ["OTEL_SERVICE_NAME"], [own, call]).SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
    )
    with urlopen(request) as answer:  # noqa: S310 - likewise
        answer.read()


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
