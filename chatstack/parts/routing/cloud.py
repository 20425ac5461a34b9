"""Questions to a cloud model, in OpenAI's API.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx

from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question
from chatstack.chat.exchange import FAILED, UNAVAILABLE, AnsweringServer
from chatstack.upstream import Upstream

_TIER = "cloud"
_TOO_MANY_REQUESTS = 429
_END = "[DONE]"


def ask_cloud(upstream: Upstream, key: str | None) -> Ask:
    """Return an `Ask` that a cloud model answers.

    Args:
        upstream: The server.
        key: Its key; `None` for a server without keys.
    """
    cloud = AnsweringServer(
        name="the cloud model",
        upstream=upstream,
        path="/chat/completions",
        measure_wait=lambda watch: watch.part(_TIER),
        read_stream=_events,
        explain_refusal=_refused,
        headers={} if key is None else {"authorization": f"Bearer {key}"},
    )

    def ask(question: Question) -> AsyncGenerator[Event, None]:
        body: dict[str, Any] = {
            "model": question.model,
            "messages": [{"role": "user", "content": question.message}],
            "stream": question.stream,
        }
        if question.stream:
            body["stream_options"] = {"include_usage": True}
            return cloud.ask_stream(body, question)
        return _document(cloud, body, question)

    return ask


async def _document(
    cloud: AnsweringServer, body: Mapping[str, Any], question: Question
) -> AsyncGenerator[Event, None]:
    response = await cloud.ask_document(body, question)
    if not response.is_success:
        raise _refused(response)
    try:
        content = response.json()
        text = content["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise FailedError(FAILED, "the cloud model could not answer") from error
    yield Piece(text or "")
    yield _done(content.get("usage"))


async def _events(response: httpx.Response) -> AsyncGenerator[Event, None]:
    """Yield the pieces of a stream, and its end."""
    usage = None
    try:
        async for line in response.aiter_lines():
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:"):
                continue
            if data == _END:
                yield _done(usage)
                return
            chunk = json.loads(data)
            usage = chunk.get("usage") or usage
            for choice in chunk["choices"]:
                text = choice["delta"].get("content")
                if text:
                    yield Piece(text)
    except (httpx.HTTPError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise FailedError(FAILED, "the cloud model broke off") from error
    raise FailedError(FAILED, "the cloud model did not finish")


def _done(usage: Any) -> Done:
    counts = usage if isinstance(usage, dict) else {}
    return Done(tokens=counts.get("completion_tokens"), prompt_tokens=counts.get("prompt_tokens"))


def _refused(response: httpx.Response) -> FailedError:
    """Return the failure of a refused request.

    A 401 of the server is about the key of the backend, so the user does not get it.
    """
    if response.status_code in {_TOO_MANY_REQUESTS, UNAVAILABLE}:
        wait = response.headers.get("retry-after")
        return FailedError(
            UNAVAILABLE, "the cloud model is not available", {} if wait is None else {"Retry-After": wait}
        )
    return FailedError(FAILED, "the cloud model could not answer")
