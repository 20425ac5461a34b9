"""One virtual user: a connection of its own, and the times of each request."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from bench.core.answer import AnswerReader, Reading
from bench.core.hops import parse_server_timing
from bench.core.sample import Outcome
from bench.core.scenario import Brief, Expectation
from bench.core.stack import expand
from bench.core.target import Target
from bench.errors import ConfigError
from bench.measure.connection import Connection
from bench.measure.engine import Answer
from bench.measure.wire import Address, Reply, WireError, WireFault, request_bytes

_DETAIL_LENGTH = 200
_OPEN_TIMEOUT_S = 5.0
_OUTCOMES = {401: Outcome.UNAUTHORIZED, 429: Outcome.RATE_LIMITED}
_UNREACHED = {WireFault.CONNECT_FAILED, WireFault.TLS_FAILED, WireFault.NAME_FAILED}
_MESSAGE = "${message}"
# Stands in a unique message where the letters come that no other has.
_MARK = b"~unique-message~"
_NO_BODY = b"content-length: 0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What all users of a run share.

    Attributes:
        target: How to ask, and where the answer stands.
        address: Of the service that offers the target.
        headers: Sent with each request.
        tails: The end of a request by message: its length, and its body.
        expected: What the right answer is, by message.
        timeout_s: A request that takes longer is given up.
        numbers: One for each message, when it must be unlike all others; None when it need not.
    """

    target: Target
    address: Address
    headers: Mapping[str, str]
    tails: Mapping[str, bytes]
    expected: Mapping[str, Expectation]
    timeout_s: float
    numbers: Iterator[int] | None

    @classmethod
    def of(
        cls, brief: Brief, base_url: str, environ: Mapping[str, str], target: Target | None = None
    ) -> "Endpoint":
        """The endpoint of a brief at an address, of its own target unless another is named.

        Raises:
            ConfigError: A placeholder of the target has no value.
            ValueError: The address is none.
        """
        target, unique = target or brief.target, brief.scenario.workload.unique
        values = {f"env.{name}": value for name, value in environ.items()}
        where = f"targets/{target.name}.yaml"
        headers = {"accept-encoding": "identity", "content-type": "application/json"}
        headers |= declared_headers(target, environ)
        tails = {}
        for prompt in brief.prompts:
            text = f"{prompt.text} ({_MARK.decode()})" if unique else prompt.text
            body = json.dumps(_filled(target.body, text, values, where), ensure_ascii=False).encode(
                errors="replace"
            )
            tails[prompt.id] = b"content-length: %d\r\n\r\n" % len(body) + body
        return cls(
            target=target,
            address=Address.of(base_url),
            headers=headers,
            tails=tails,
            expected={prompt.id: prompt.expect for prompt in brief.prompts},
            timeout_s=brief.scenario.request_timeout_s,
            numbers=count() if unique else None,
        )

    def tail(self, prompt: str) -> bytes:
        """The end of the next request with this message."""
        tail = self.tails[prompt]
        return tail if self.numbers is None else tail.replace(_MARK, b"%016x" % next(self.numbers))


class ChatClient:
    """A virtual user.

    Args:
        endpoint: Where to send.
        token: The user's; None when the target asks for none.
    """

    def __init__(self, endpoint: Endpoint, token: str | None) -> None:
        self._endpoint = endpoint
        self._connection = Connection(endpoint.address)
        target, host = endpoint.target, endpoint.address.authority
        headers = dict(endpoint.headers)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        # Only the token is this user's own; long messages are kept once for all users.
        self._head = request_bytes(target.method, target.path, host, headers).removesuffix(_NO_BODY)
        self._ready = request_bytes("GET", target.ready, host, headers)

    async def open(self) -> None:
        """Open the connection by asking whether the target is ready."""
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                await self._connection.exchange(self._ready)
        except (WireError, TimeoutError):
            self._connection.close()

    async def ask(self, prompt: str) -> Answer:
        """Send a message and read the answer to its end. Nothing but a cancellation is raised."""
        endpoint = self._endpoint
        reader = AnswerReader(endpoint.target.answer)
        refusal = bytearray()

        def take(part: bytes, at_s: float) -> None:
            if self._connection.reply.status < 300:  # noqa: PLR2004 - success, by RFC 9110
                reader.feed(part, at_s)
            elif len(refusal) < _DETAIL_LENGTH:
                refusal.extend(part)

        problem: tuple[Outcome, str] | None = None
        try:
            async with asyncio.timeout(endpoint.timeout_s):
                await self._connection.exchange(self._head + endpoint.tail(prompt), take)
        except TimeoutError:
            problem = Outcome.TIMEOUT, f"no answer within {endpoint.timeout_s:g} s"
        except WireError as error:
            failed = Outcome.CONNECT_FAILED if error.kind in _UNREACHED else Outcome.BAD_STREAM
            problem = failed, f"{error.kind.value}: {error}"
        reply = self._connection.reply
        finished_s = reply.finished_s or asyncio.get_running_loop().time()
        reading = reader.end(finished_s)
        if problem is None:
            problem = _judge(reply, bytes(refusal), reading, endpoint.expected[prompt])
        return _answer(reply, reading, finished_s, problem, endpoint.target)

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        await self._connection.wait_closed()


def declared_headers(target: Target, environ: Mapping[str, str]) -> dict[str, str]:
    """The headers of a target, with its placeholders filled.

    Raises:
        ConfigError: A placeholder has no value, or a header would break out of its line.
    """
    values = {f"env.{name}": value for name, value in environ.items()}
    where = f"targets/{target.name}.yaml: headers"
    headers = {name.lower(): expand(text, values, where) for name, text in target.headers.items()}
    try:
        request_bytes("GET", "/", "localhost", headers)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error
    return headers


def _answer(
    reply: Reply, reading: Reading, finished_s: float, problem: tuple[Outcome, str] | None, target: Target
) -> Answer:
    outcome, detail = problem or (Outcome.OK, None)
    marks, text = target.answer.intercepted, reading.text
    return Answer(
        outcome=outcome,
        detail=(detail[:_DETAIL_LENGTH] or outcome.value) if detail is not None else None,
        finished_s=finished_s,
        connect_s=reply.connect_s,
        sent_s=reply.sent_s,
        first_byte_s=reply.first_byte_s,
        first_token_s=reading.first_token_s,
        last_token_s=reading.last_token_s,
        tokens=reading.tokens if reading.tokens is not None else _pieces(reading),
        intercepted=text.startswith(marks) if marks is not None and text is not None else None,
        status=reply.status or None,
        hops=parse_server_timing(_server_timing(reply)) | reading.hops,
    )


def _server_timing(reply: Reply) -> str:
    """All headers of that name as one, as RFC 9110 joins them."""
    return ", ".join(value.decode("latin-1") for name, value in reply.headers if name == b"server-timing")


def _pieces(reading: Reading) -> int | None:
    """What a stream that reports no count is taken to have: a token in each piece."""
    return reading.pieces if reading.first_token_s is not None else None


def _judge(
    reply: Reply, refusal: bytes, reading: Reading, expected: Expectation
) -> tuple[Outcome, str] | None:
    """What is wrong with an answer that came whole; None when nothing is."""
    status = reply.status
    if not 200 <= status < 300:  # noqa: PLR2004 - success, by RFC 9110
        refused = _OUTCOMES.get(status, Outcome.HTTP_ERROR), refusal.decode(errors="replace")
        return None if status == expected.status else refused
    if not 200 <= expected.status < 300:  # noqa: PLR2004 - likewise
        return Outcome.WRONG_CONTENT, f"status {status} where {expected.status} is right"
    return _misread(reading, expected)


def _misread(reading: Reading, expected: Expectation) -> tuple[Outcome, str] | None:
    if reading.problem is not None:
        return Outcome.BAD_STREAM, reading.problem
    if reading.text is None or not reading.text.strip():
        return Outcome.WRONG_CONTENT, "the answer has no text"
    if expected.contains is not None and expected.contains not in reading.text:
        return Outcome.WRONG_CONTENT, f"the answer does not contain '{expected.contains}'"
    return None


def _filled(template: Any, message: str, values: Mapping[str, str], where: str) -> Any:
    """A body with its placeholders filled; what looks like one in the message is left alone."""
    match template:
        case str():
            parts = template.split(_MESSAGE)
            return message.join(expand(part, values, f"{where}: body") for part in parts)
        case dict():
            return {key: _filled(value, message, values, where) for key, value in template.items()}
        case list():
            return [_filled(value, message, values, where) for value in template]
        case _:
            return template
