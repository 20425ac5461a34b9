"""Questions to the AI agent, in Ollama's API."""

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import httpx

from chatstack.chat.causes import Cause, cause_of_status, read_retry_after
from chatstack.chat.events import Ask, Done, Event, FailedError, Piece, Question
from chatstack.chat.exchange import FAILED, AnsweringServer
from chatstack.ollama import reported_timing
from chatstack.timing import Stopwatch
from chatstack.upstream import Upstream


def ask_agent(upstream: Upstream) -> Ask:
    """Return an `Ask` that the agent at `upstream` answers."""
    agent = AnsweringServer(
        name="the AI agent",
        upstream=upstream,
        path="/api/generate",
        measure_wait=Stopwatch.elsewhere,
        read_stream=_events,
        explain_refusal=_refused,
    )

    def ask(question: Question) -> AsyncGenerator[Event, None]:
        body = {"model": question.model, "prompt": question.message, "stream": question.stream}
        return agent.ask_stream(body, question) if question.stream else _document(agent, body, question)

    return ask


async def _document(
    agent: AnsweringServer, body: Mapping[str, Any], question: Question
) -> AsyncGenerator[Event, None]:
    response = await agent.ask_document(body, question)
    question.watch.pass_on(response.headers.get("server-timing", ""))
    content = _content(response)
    yield Piece(content["response"])
    yield _done(content)


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
