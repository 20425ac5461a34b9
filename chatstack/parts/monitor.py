"""The performance monitor: reports slow requests. Setting: MONITOR_SLOW_S."""

import time

from prometheus_client import Counter
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatstack.measures import Measures
from chatstack.parts.log import open_log
from chatstack.settings import Settings
from chatstack.tokens import asking_user

_LONGEST_PATH = 200


def make_middleware(settings: Settings, measures: Measures) -> Middleware:
    """Return the middleware of the settings.

    Raises:
        SettingsError: MONITOR_SLOW_S is not a number of seconds.
    """
    slow_s = settings.number("MONITOR_SLOW_S", 0.0, low=0.001)
    return Middleware(MonitorMiddleware, slow_s=slow_s, measures=measures)


class MonitorMiddleware:
    """Middleware that counts requests of at least `slow_s` seconds, and writes a log line for each.

    A streamed answer counts until its last byte, and a cancelled request until its cancellation.
    """

    def __init__(self, app: ASGIApp, slow_s: float, measures: Measures) -> None:
        self._app = app
        self._slow_s = slow_s
        self._log = open_log()
        self._slow = Counter(
            "chatstack_slow_requests", f"Requests of at least {slow_s:g} s.", registry=measures.registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and report a slow request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status: int | None = None
        is_complete = False

        async def observed(message: Message) -> None:
            nonlocal status, is_complete
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                is_complete = not message.get("more_body", False)
            await send(message)

        began_s = time.perf_counter()
        try:
            await self._app(scope, receive, observed)
        finally:
            duration_s = time.perf_counter() - began_s
            if duration_s >= self._slow_s:
                self._slow.inc()
                self._log.warning(
                    "slow request",
                    method=scope["method"],
                    path=scope["path"][:_LONGEST_PATH],
                    status=status,
                    complete=is_complete,
                    seconds=round(duration_s, 3),
                    user=asking_user.get(),
                )
