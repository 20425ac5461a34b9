"""`GET /metrics`: the counters of a role in Prometheus' text format."""

import time
from collections.abc import Callable
from contextvars import ContextVar

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_BUCKETS_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
# Method of the current request; unset outside a request.
_method: ContextVar[str] = ContextVar("chatstack.method", default="none")


class Measures:
    """The measures of one role, in their own registry.

    Args:
        gauges: Help text and reading function of each gauge, by name.

    Attributes:
        registry: The registry, to which optional parts add their own measures.
    """

    def __init__(self, gauges: dict[str, tuple[str, Callable[[], float]]] | None = None) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "chatstack_requests", "Requests answered.", ["method", "status"], registry=self.registry
        )
        self.response_bytes = Counter(
            "chatstack_response_bytes", "Bytes of response bodies.", ["method"], registry=self.registry
        )
        self._store_operations = Counter(
            "chatstack_store_operations",
            "Database operations, by the method of the request that caused them.",
            ["method"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "chatstack_request_seconds", "Time to answer.", buckets=_BUCKETS_S, registry=self.registry
        )
        self.in_flight = Gauge("chatstack_in_flight", "Requests under way.", registry=self.registry)
        for name, (text, read) in (gauges or {}).items():
            Gauge(name, text, registry=self.registry).set_function(read)

    def count_store_operation(self) -> None:
        """Count a database operation of the current request."""
        self._store_operations.labels(_method.get()).inc()

    async def answer(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's signature
        """Return the measures in Prometheus' text format."""
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)


class MeasuresMiddleware:
    """Middleware that counts every request except those to `/metrics`."""

    def __init__(self, app: ASGIApp, measures: Measures) -> None:
        self._app = app
        self._measures = measures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and count its answer."""
        if scope["type"] != "http" or scope["path"] == "/metrics":
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        status = "none"
        _method.set(method)
        sent = self._measures.response_bytes.labels(method)

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            # Count before sending, so that a client that has the answer finds it counted.
            sent.inc(len(message.get("body", b"")))
            await send(message)

        began_s = time.perf_counter()
        with self._measures.in_flight.track_inprogress():
            try:
                await self._app(scope, receive, counted)
            finally:
                self._measures.requests.labels(method, status).inc()
                self._measures.seconds.observe(time.perf_counter() - began_s)
