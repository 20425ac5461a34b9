"""The `Server-Timing` header: each tier reports only its own share of a request's time.

Format: W3C Server Timing, https://www.w3.org/TR/server-timing/ (`dur` is milliseconds).
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY = "chatstack.stopwatch"


class Stopwatch:
    """The stopwatch of one request at one tier.

    Args:
        tier: The tier's name.
    """

    def __init__(self, tier: str) -> None:
        self._tier = tier
        self._start_s = time.perf_counter()
        self._parts_s: dict[str, float] = {}
        self._elsewhere_s = 0.0
        self._below = ""

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Measure a part of this tier under its own name."""
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self._parts_s[name] = self._parts_s.get(name, 0.0) + time.perf_counter() - began_s

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Measure the wait for the tier below, which is not this tier's own time."""
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self._elsewhere_s += time.perf_counter() - began_s

    def pass_on(self, below: str) -> None:
        """Add the header of the tier below."""
        self._below = ", ".join(filter(None, [self._below, below]))

    def header(self) -> str:
        """Return the current value of the header."""
        parts_s = dict(self._parts_s)
        total_s = time.perf_counter() - self._start_s
        parts_s[self._tier] = max(0.0, total_s - self._elsewhere_s - sum(parts_s.values()))
        return ", ".join(filter(None, [server_timing(parts_s), self._below]))


def server_timing(parts_s: Mapping[str, float]) -> str:
    """`{"queue": 0.0123}` → `queue;dur=12.30`."""
    return ", ".join(f"{name};dur={1000 * value_s:.2f}" for name, value_s in parts_s.items())


def stopwatch(request: Request) -> Stopwatch:
    """Return the stopwatch of a request that passed `TimingMiddleware`."""
    watch: Stopwatch = request.scope[_KEY]
    return watch


class TimingMiddleware:
    """Middleware that adds `Server-Timing` to every answer of a tier."""

    def __init__(self, app: ASGIApp, tier: str) -> None:
        self._app = app
        self._tier = tier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app with a stopwatch."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watch = scope[_KEY] = Stopwatch(self._tier)

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["server-timing"] = watch.header()
            await send(message)

        await self._app(scope, receive, timed)
