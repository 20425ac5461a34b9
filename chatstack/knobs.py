"""Makes a tier worse on purpose, by a known amount, so that a benchmark can be shown to catch it."""

import asyncio
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chatstack.settings import Settings


@dataclass(frozen=True, slots=True)
class Knobs:
    """How much worse a tier is.

    Attributes:
        delay_s: Added to each request.
        error_ratio: Share of the requests that fail.
    """

    delay_s: float = 0.0
    error_ratio: float = 0.0

    @classmethod
    def of(cls, settings: Settings, role: str) -> "Knobs":
        """The knobs of a role: ROLE_DELAY_MS and ROLE_ERROR_RATIO."""
        return cls(
            delay_s=settings.number(f"{role}_DELAY_MS", 0.0) / 1000.0,
            error_ratio=settings.number(f"{role}_ERROR_RATIO", 0.0, high=1.0),
        )


class Failures:
    """Which requests fail: evenly spread, so that a ratio is met in a short run as well.

    Args:
        ratio: Share that fails, 0 to 1.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._owed = 0.5

    def next(self) -> bool:
        """Whether the next request fails."""
        self._owed += self._ratio
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True


class KnobsMiddleware:
    """Delays and fails the requests that are work: POST to one of the paths."""

    def __init__(self, app: ASGIApp, knobs: Knobs, paths: frozenset[str]) -> None:
        self._app = app
        self._delay_s = knobs.delay_s
        self._failures = Failures(knobs.error_ratio)
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, later or not at all."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            if self._failures.next():
                await JSONResponse({"error": "injected failure"}, 500)(scope, receive, send)
                return
        await self._app(scope, receive, send)
