"""Questions to a cloud model, in OpenAI's API.

Source: https://platform.openai.com/docs/api-reference/chat
"""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx

from chatstack.chat.agent import FAILED, TIMEOUT, UNAVAILABLE
from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question, Started
from chatstack.upstream import Upstream

_PATH = "/chat/completions"
_TIER = "cloud"
_TOO_MANY_REQUESTS = 429
_END = "[DONE]"


def ask_cloud(upstream: Upstream, key: str | None) -> Ask:
    """Return an `Ask` that a cloud model answers.

    Args:
        upstream: The server.
        key: Its key; `None` for a server without keys.
    """
    headers = {} if key is None else {"authorization": f"Bearer {key}"}

    def ask(question: Question) -> AsyncGenerator[Event, None]:
        body: dict[str, Any] = {
            "model": question.model,
            "messages": [{"role": "user", "content": question.message}],
            "stream": question.stream,
        }
        if question.stream:
            body["stream_options"] = {"include_usage": True}
            return _stream(upstream, body, headers, question)
        return _document(upstream, body, headers, question)

    return ask


async def _document(
    upstream: Upstream, body: Mapping[str, Any], headers: Mapping[str, str], question: Question
) -> AsyncGenerator[Event, None]:
    try:
        with question.watch.part(_TIER):
            async with upstream.client() as client:
                response = await client.post(_PATH, json=body, headers=headers)
    except httpx.HTTPError as error:
        raise _unreachable(error) from error
    if not response.is_success:
        raise _refused(response)
    try:
        content = response.json()
        text = content["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError) as error:
        raise FailedError(FAILED, "the cloud model could not answer") from error
    yield Piece(text or "")
    yield _done(content.get("usage"))


async def _stream(
    upstream: Upstream, body: Mapping[str, Any], headers: Mapping[str, str], question: Question
) -> AsyncGenerator[Event, None]:
    try:
        async with upstream.client() as client:
            request = client.build_request("POST", _PATH, json=body, headers=headers)
            with question.watch.part(_TIER):
                response = await client.send(request, stream=True)
            try:
                if not response.is_success:
                    raise _refused(response)
                yield Started()
                async with aclosing(_events(response)) as events:
                    async for event in events:
                        yield event
            finally:
                await response.aclose()
    except httpx.HTTPError as error:
        raise _unreachable(error) from error


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


def _unreachable(error: httpx.HTTPError) -> FailedError:
    match error:
        case httpx.TimeoutException():
            return FailedError(TIMEOUT, "the cloud model did not answer in time")
        case httpx.ConnectError():
            return FailedError(UNAVAILABLE, "the cloud model is not available")
        case _:
            return FailedError(FAILED, "the cloud model broke off")


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
