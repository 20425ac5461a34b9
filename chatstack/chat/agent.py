"""Questions to the AI agent, in Ollama's API."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx

from chatstack.chat.causes import Cause, cause_of_error, cause_of_status, read_retry_after
from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question, Started
from chatstack.ollama import reported_timing
from chatstack.upstream import Upstream

TIMEOUT = 408
UNAVAILABLE = 503
FAILED = 500


def ask_agent(upstream: Upstream) -> Ask:
    """Return an `Ask` that the agent at `upstream` answers."""

    def ask(question: Question) -> AsyncGenerator[Event, None]:
        body = {"model": question.model, "prompt": question.message, "stream": question.stream}
        if question.stream:
            return _stream(upstream, body, question)
        return _document(upstream, body, question)

    return ask


async def _document(
    upstream: Upstream, body: Mapping[str, Any], question: Question
) -> AsyncGenerator[Event, None]:
    try:
        with question.watch.elsewhere():
            async with upstream.client() as client:
                response = await client.post("/api/generate", json=body)
    except httpx.HTTPError as error:
        raise _unreachable(error) from error
    question.watch.pass_on(response.headers.get("server-timing", ""))
    content = _content(response)
    yield Piece(content["response"])
    yield _done(content)


async def _stream(
    upstream: Upstream, body: Mapping[str, Any], question: Question
) -> AsyncGenerator[Event, None]:
    try:
        async with upstream.client() as client:
            request = client.build_request("POST", "/api/generate", json=body)
            with question.watch.elsewhere():
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
    done = False
    try:
        async for text in response.aiter_lines():
            if text.strip():
                line = _parsed(text)
                done = line.get("done") is True
                piece = line.get("response") or ""
                if piece or not done:
                    yield Piece(piece)
                if done:
                    yield _done(line)
    except (httpx.HTTPError, ValueError) as error:
        raise FailedError(FAILED, "the AI agent broke off", cause=Cause.BROKEN) from error
    if not done:
        raise FailedError(FAILED, "the AI agent did not finish", cause=Cause.BROKEN)


def _parsed(text: str) -> dict[str, Any]:
    line = json.loads(text)
    if not isinstance(line, dict) or "error" in line:
        raise ValueError("not a piece of an answer")
    return line


def _done(last: Mapping[str, Any]) -> Done:
    return Done(
        tokens=last.get("eval_count"),
        prompt_tokens=last.get("prompt_eval_count"),
        timing=reported_timing(last),
    )


def _content(response: httpx.Response) -> dict[str, Any]:
    """Return the agent's document, which has a text.

    Raises:
        FailedError: The agent refused, or the document has no text.
    """
    if not response.is_success:
        raise _refused(response)
    try:
        content = response.json()
    except ValueError:
        content = None
    if not isinstance(content, dict) or not isinstance(content.get("response"), str):
        raise _refused(response)
    return content


def _unreachable(error: httpx.HTTPError) -> FailedError:
    cause = cause_of_error(error)
    match error:
        case httpx.TimeoutException():
            return FailedError(TIMEOUT, "the AI agent did not answer in time", cause=cause)
        case httpx.ConnectError():
            return FailedError(UNAVAILABLE, "the AI agent is not available", cause=cause)
        case _:
            return FailedError(FAILED, "the AI agent broke off", cause=cause)


def _refused(response: httpx.Response) -> FailedError:
    """Pass on the agent's 4xx status; any other failure is a 500."""
    status = response.status_code
    passed_on = status if 400 <= status < 500 else FAILED  # noqa: PLR2004 - client errors, by RFC 9110
    return FailedError(
        passed_on,
        "the AI agent could not answer",
        cause=cause_of_status(status),
        retry_after_s=read_retry_after(response.headers.get("retry-after")),
    )
