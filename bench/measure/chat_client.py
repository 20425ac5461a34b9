"""One virtual user on httpx: a connection of its own, and the times of each request.

A client that users share would rescan all connections on every request and measure itself.
"""

import asyncio
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from bench.core.hops import parse_server_timing
from bench.core.sample import Outcome
from bench.core.scenario import JsonAnswer, Target
from bench.measure.engine import Answer

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_DETAIL_LENGTH = 200
_OPEN_TIMEOUT_S = 5.0
_OUTCOMES = {401: Outcome.UNAUTHORIZED, 429: Outcome.RATE_LIMITED}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What all users of a run share.

    Attributes:
        target: How to ask, and where the answer stands.
        base_url: Of the service that offers the target.
        bodies: The ready-made request body of each message, by its id.
        timeout_s: A request that takes longer is given up.
        tls: Making one costs milliseconds, so they share it.
    """

    target: Target
    base_url: str
    bodies: Mapping[str, bytes]
    timeout_s: float
    tls: ssl.SSLContext


class ChatClient:
    """A virtual user.

    Args:
        endpoint: Where to send.
        token: The user's; None when the target asks for none.
    """

    def __init__(self, endpoint: Endpoint, token: str | None) -> None:
        self._endpoint = endpoint
        target = endpoint.target
        headers = {"content-type": "application/json", "accept-encoding": "identity", **target.headers}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            base_url=endpoint.base_url,
            headers=headers,
            verify=endpoint.tls,
            timeout=None,  # noqa: S113 - one deadline for the whole request, below
            # Whether an idle connection stays is the target's choice; httpx would close it in a user's pause.
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None),
            trust_env=False,  # a proxy of the environment would be measured too
        )

    async def open(self) -> None:
        """Open the connection by asking whether the target is ready."""
        with suppress(httpx.HTTPError):
            await self._client.get(self._endpoint.target.ready, timeout=_OPEN_TIMEOUT_S)

    async def ask(self, prompt: str) -> Answer:
        """Send a message and read the answer to its end. Nothing but a cancellation is raised."""
        loop = asyncio.get_running_loop()
        answer = Answer(outcome=Outcome.OK, finished_s=0.0)
        try:
            async with asyncio.timeout(self._endpoint.timeout_s):
                await self._exchange(self._endpoint.bodies[prompt], answer)
        except TimeoutError:
            _fail(answer, Outcome.TIMEOUT, f"no answer within {self._endpoint.timeout_s:g} s")
        except (httpx.ConnectError, httpx.UnsupportedProtocol) as error:
            _fail(answer, Outcome.CONNECT_FAILED, str(error))
        except httpx.HTTPError as error:
            _fail(answer, Outcome.BAD_STREAM, f"{type(error).__name__}: {error}")
        answer.finished_s = loop.time()
        return answer

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _exchange(self, body: bytes, answer: Answer) -> None:
        loop = asyncio.get_running_loop()
        began: dict[str, float] = {}

        async def trace(event: str, _: Mapping[str, Any]) -> None:
            now_s = loop.time()
            match event.split(".", 1)[1]:
                case "connect_tcp.started" | "start_tls.started":
                    began["connection"] = now_s
                case "connect_tcp.complete" | "start_tls.complete":
                    answer.connect_s = (answer.connect_s or 0.0) + now_s - began["connection"]
                case "send_request_body.complete":
                    answer.sent_s = now_s

        target = self._endpoint.target
        request = self._client.build_request(
            target.method, target.path, content=body, extensions={"trace": trace}
        )
        response = await self._client.send(request, stream=True)
        try:
            answer.status = response.status_code
            answer.hops = parse_server_timing(response.headers.get("server-timing", ""))
            content = bytearray()
            async for chunk in response.aiter_raw():
                if answer.first_token_s is None:
                    answer.first_token_s = loop.time()
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    _fail(answer, Outcome.BAD_STREAM, f"the answer is longer than {MAX_ANSWER_BYTES} bytes")
                    return
        finally:
            await response.aclose()
        _judge(answer, bytes(content), target.answer)


def bodies(target: Target, messages: Mapping[str, str]) -> dict[str, bytes]:
    """The request body of every message, made once before the run."""
    return {
        name: json.dumps(_filled(target.body, text), ensure_ascii=False).encode()
        for name, text in messages.items()
    }


def _filled(template: Any, message: str) -> Any:
    match template:
        case str():
            return template.replace("${message}", message)
        case dict():
            return {key: _filled(value, message) for key, value in template.items()}
        case list():
            return [_filled(value, message) for value in template]
        case _:
            return template


def _judge(answer: Answer, content: bytes, expected: JsonAnswer) -> None:
    """What the status and the content say."""
    status = answer.status or 0
    if not 200 <= status < 300:  # noqa: PLR2004 - success, by RFC 9110
        _fail(answer, _OUTCOMES.get(status, Outcome.HTTP_ERROR), content.decode(errors="replace"))
        return
    try:
        document = json.loads(content)
    except ValueError as error:
        _fail(answer, Outcome.BAD_STREAM, f"not JSON: {error}")
        return
    text = _at(document, expected.text)
    if not isinstance(text, str) or not text.strip():
        _fail(answer, Outcome.WRONG_CONTENT, f"no text at {expected.text}")
        return
    tokens = _at(document, expected.tokens) if expected.tokens else None
    answer.tokens = tokens if isinstance(tokens, int) else None


def _at(document: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(document, list) and part.isdigit() and int(part) < len(document):
            document = document[int(part)]
        elif isinstance(document, dict):
            document = document.get(part)
        else:
            return None
    return document


def _fail(answer: Answer, outcome: Outcome, detail: str) -> None:
    answer.outcome = outcome
    answer.detail = detail[:_DETAIL_LENGTH] or outcome.value
