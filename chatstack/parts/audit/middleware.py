"""Records chat requests that never became a question: without an accepted token, or with a refused body."""

import time
from datetime import UTC, datetime

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatstack.chat.calls import CHAT_PATH
from chatstack.measures import Measures
from chatstack.parts.audit.writer import AuditWriter
from chatstack.settings import Settings

_SERVER_ERROR = 500


def make_middleware(settings: Settings, measures: Measures) -> Middleware:  # noqa: ARG001 - the interface
    """Return the middleware."""
    return Middleware(AuditMiddleware)


class AuditMiddleware:
    """Middleware that writes a record for each chat request that has none."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and record a request that it refused."""
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"] != CHAT_PATH:
            await self._app(scope, receive, send)
            return
        at = datetime.now(UTC)
        began_s = time.perf_counter()
        status: int | None = None

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception:
            status = _SERVER_ERROR  # of the response, which is sent outside this middleware
            raise
        finally:
            writer: AuditWriter = scope["app"].state.audit
            writer.end_request(at, status, time.perf_counter() - began_s)
