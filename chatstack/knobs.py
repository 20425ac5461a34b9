"""Knobs that make a tier slower or faulty by a known amount, to test benchmarks."""

import asyncio
from dataclasses import dataclass

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chatstack.settings import Settings


@dataclass(frozen=True, slots=True)
class Knobs:
    """The knobs of a tier.

    Attributes:
        delay_s: Seconds added to each request.
        error_ratio: Share of the requests that fail, 0 to 1.
    """

    delay_s: float = 0.0
    error_ratio: float = 0.0

    @classmethod
    def of(cls, settings: Settings, role: str) -> "Knobs":
        """Return the knobs of a role: ROLE_DELAY_MS and ROLE_ERROR_RATIO."""
        return cls(
            delay_s=settings.number(f"{role}_DELAY_MS", 0.0) / 1000.0,
            error_ratio=settings.number(f"{role}_ERROR_RATIO", 0.0, high=1.0),
        )


class Share:
    """A share of the requests, at equal distances, so that a short run has the same ratio.

    Args:
        ratio: The share, 0 to 1.
    """

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._owed = 0.5

    def next(self) -> bool:
        """Decide whether the next request belongs to the share."""
        self._owed += self._ratio
        if self._owed < 1.0:
            return False
        self._owed -= 1.0
        return True


class KnobsMiddleware:
    """Middleware that delays and fails POST requests to the given paths."""

    def __init__(self, app: ASGIApp, knobs: Knobs, paths: frozenset[str]) -> None:
        self._app = app
        self._delay_s = knobs.delay_s
        self._failures = Share(knobs.error_ratio)
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Delay the request, then run the app or fail."""
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"] in self._paths:
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            if self._failures.next():
                await JSONResponse({"error": "injected failure"}, 500)(scope, receive, send)
                return
        await self._app(scope, receive, send)
