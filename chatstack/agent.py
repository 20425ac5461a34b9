"""The agent role: a transparent proxy of Ollama that publishes forms on request."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.routing import Route

from chatstack.connection import CancelOnDisconnect
from chatstack.intent import extraction_prompt, form_to_publish, triggers
from chatstack.intercepted import Intercepted
from chatstack.knobs import Knobs, KnobsMiddleware
from chatstack.measures import Measures, MeasuresMiddleware
from chatstack.ollama import GENERATING
from chatstack.relay import Relay
from chatstack.settings import Settings
from chatstack.stores.opening import open_store
from chatstack.stores.store import Store
from chatstack.timing import TimingMiddleware, stopwatch
from chatstack.upstream import Upstream, open_upstream

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def make_agent(settings: Settings) -> Starlette:
    """Return the agent's application. Settings: OLLAMA_URL, UPSTREAM_TIMEOUT_S, the store's, and AGENT_*."""
    upstream = open_upstream(settings, "OLLAMA_URL")
    measures = Measures()
    asks_twice = settings.switch("AGENT_ASKS_TWICE")

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        store = await open_store(settings, measures.count_store_operation)
        agent = _Agent(upstream, store, asks_twice=asks_twice)
        app.router.routes.append(Route("/{path:path}", agent.answer, methods=_METHODS))
        yield
        await upstream.close()
        await store.close()

    return Starlette(
        routes=[Route("/metrics", measures.answer)],
        lifespan=lifespan,
        middleware=[
            Middleware(CancelOnDisconnect),
            Middleware(MeasuresMiddleware, measures=measures),
            Middleware(TimingMiddleware, tier="agent"),
            Middleware(KnobsMiddleware, knobs=Knobs.of(settings, "AGENT"), paths=GENERATING),
        ],
    )


class _Agent:
    """Forwards every request, except requests to publish an existing form."""

    def __init__(self, upstream: Upstream, store: Store, *, asks_twice: bool) -> None:
        self._upstream = upstream
        self._store = store
        self._asks_twice = asks_twice  # a fault of some agents: unnecessary work

    async def answer(self, request: Request) -> Relay | Intercepted:
        """Handle any call of Ollama's API."""
        content = await request.body()
        if request.method == "POST" and request.url.path in GENERATING:
            asked = _parsed(content)
            text = _user_text(asked)
            if triggers(text):
                answer = await self._publication(request, asked, text)
                if answer is not None:
                    return answer
            if self._asks_twice:
                await self._ask_in_vain(request, content)
        return Relay(self._upstream, request, content)

    async def _ask_in_vain(self, request: Request, content: bytes) -> None:
        """Ask the model once more than necessary, and discard the answer."""
        with suppress(httpx.HTTPError):  # a failure of the extra call is ignored
            async with self._upstream.client() as client:
                await client.post(request.url.path, content=content)

    async def _publication(self, request: Request, asked: dict[str, Any], text: str) -> Intercepted | None:
        """Return the answer to a request to publish an existing form; `None` for any other text."""
        question = {
            "model": asked.get("model"),
            "prompt": extraction_prompt(text),
            "format": "json",
            "stream": False,
            "options": {"temperature": 0, "num_predict": 64},
        }
        watch = stopwatch(request)
        try:
            with watch.elsewhere():
                async with self._upstream.client() as client:
                    response = await client.post("/api/generate", json=question)
            last = response.raise_for_status().json()
            form_id = form_to_publish(last["response"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            return None  # forward the text: the model's error appears in its answer
        if form_id is None or not await self._store.has_form(form_id):
            return None
        await self._store.record_publication(form_id, datetime.now(UTC))
        return Intercepted(request, asked, form_id, last)


def _parsed(content: bytes) -> dict[str, Any]:
    """Return the body if it is a JSON object; Ollama reports any other body as an error."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _user_text(asked: dict[str, Any]) -> str:
    """Return the prompt, or the user's last message."""
    messages = asked.get("messages")
    if isinstance(messages, list):
        said = [
            message for message in messages if isinstance(message, dict) and message.get("role") == "user"
        ]
        return str(said[-1].get("content", "")) if said else ""
    prompt = asked.get("prompt")
    return prompt if isinstance(prompt, str) else ""
