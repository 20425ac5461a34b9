"""The backend's `/api/chat` calls."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bench.mock.clock import iso_now
from chatstack.bodies import BodyError
from chatstack.chat.events import Ask, Question
from chatstack.chat.exchange import UNAVAILABLE
from chatstack.chat.rendering import AnswerStream, answer_document
from chatstack.parts.part import Surroundings
from chatstack.timing import stopwatch
from chatstack.upstream import Upstream

CHAT_PATH = "/api/chat/ask-dynaform"
MAX_CHARACTERS = 10_000
DEFAULT_MODEL = "qwen2.5:0.5b"
"""Model that answers without the setting MODEL."""
_HEALTH_TIMEOUT_S = 5.0


class Chat:
    """The chat calls.

    Args:
        surroundings: Check the tokens of users, read bodies and record chats.
        upstream: The agent, for the health check.
        ask: Answers questions.
        model: Name of the model.
    """

    def __init__(self, surroundings: Surroundings, upstream: Upstream, ask: Ask, model: str) -> None:
        self._tokens = surroundings.tokens
        self._read_body = surroundings.read_body
        self._record_chat = surroundings.record_chat
        self._upstream = upstream
        self._answer = ask
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
        body = await self._read_body(request)
        message = read_message(body)
        await self._record_chat(asker.user["_id"], len(message), datetime.now(UTC))
        stream = body.get("stream") is True
        question = Question(asker.user, message, self._model, stream, watch)
        if stream:
            return AnswerStream(self._answer, question)
        return await answer_document(self._answer, question)


def read_message(body: Mapping[str, Any]) -> str:
    """Return the message of a body, without white space around it.

    Raises:
        BodyError: It is missing, empty or too long.
    """
    message = body.get("message")
    if not isinstance(message, str) or not message.strip():
        raise BodyError("message is required")
    if len(message.strip()) > MAX_CHARACTERS:
        raise BodyError(f"message is longer than {MAX_CHARACTERS} characters")
    return message.strip()
