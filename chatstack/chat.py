"""The backend's `/api/chat` calls: the agent's answer as one document or as a stream."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.mock.clock import iso_now
from chatstack.bodies import BodyError, json_object
from chatstack.chat_stream import AnswerStream
from chatstack.failures import UNAVAILABLE, refused, unreachable
from chatstack.stores.store import Store
from chatstack.timing import stopwatch
from chatstack.tokens import Tokens
from chatstack.upstream import Upstream

CHAT_PATH = "/api/chat/ask-dynaform"
MAX_CHARACTERS = 10_000
_HEALTH_TIMEOUT_S = 5.0


class Chat:
    """The chat calls."""

    def __init__(self, store: Store, tokens: Tokens, upstream: Upstream, model: str) -> None:
        self._store = store
        self._tokens = tokens
        self._upstream = upstream
        self._model = model

    def routes(self) -> list[Route]:
        """The calls."""
        return [
            Route("/api/chat/health", self._health, methods=["GET"]),
            Route(CHAT_PATH, self._ask, methods=["POST"]),
        ]

    async def _health(self, request: Request) -> Response:
        await self._tokens.asker(request.headers)
        try:
            with stopwatch(request).elsewhere():
                async with self._upstream.client() as client:
                    response = await client.get("/api/tags", timeout=_HEALTH_TIMEOUT_S)
        except httpx.HTTPError:
            response = None
        if response is None or not response.is_success:
            return JSONResponse({"error": "the AI agent does not answer"}, UNAVAILABLE)
        return JSONResponse({"success": True, "message": "chat is available", "timestamp": iso_now()})

    async def _ask(self, request: Request) -> "Response | AnswerStream":
        watch = stopwatch(request)
        with watch.part("auth"):
            asker = await self._tokens.asker(request.headers)
        body = await json_object(request)
        message = _message(body)
        await self._store.record_chat(asker.user["_id"], len(message), datetime.now(UTC))
        asked = {"model": self._model, "prompt": message, "stream": body.get("stream") is True}
        if asked["stream"]:
            return AnswerStream(self._upstream, asked, watch)
        try:
            with watch.elsewhere():
                async with self._upstream.client() as client:
                    response = await client.post("/api/generate", json=asked)
        except httpx.HTTPError as error:
            return unreachable(error)
        watch.pass_on(response.headers.get("server-timing", ""))
        text = _text(response)
        if text is None:
            return refused(response.status_code)
        return JSONResponse({"success": True, "data": {"message": text, "timestamp": iso_now()}})


def _message(body: Mapping[str, Any]) -> str:
    message = body.get("message")
    if not isinstance(message, str) or not message.strip():
        raise BodyError("message is required")
    if len(message.strip()) > MAX_CHARACTERS:
        raise BodyError(f"message is longer than {MAX_CHARACTERS} characters")
    return message.strip()


def _text(response: httpx.Response) -> str | None:
    """Return the text of the agent's answer; `None` without one."""
    if not response.is_success:
        return None
    try:
        text = response.json()["response"]
    except (ValueError, KeyError, TypeError):
        return None
    return text if isinstance(text, str) else None
