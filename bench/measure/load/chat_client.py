"""One virtual user: a connection of its own, and the times of each request."""

import asyncio
import time
from typing import Protocol

from bench.core.config.prompts import Expectation
from bench.core.config.target import Target
from bench.core.load.plan import Arrival
from bench.core.response.answer import AnswerReader, Reading
from bench.core.response.tier_times import parse_server_timing
from bench.core.samples.sample import Outcome
from bench.measure.http.answer_stream import OnBody
from bench.measure.http.connection import Connection
from bench.measure.http.wire import Reply, WireError, WireFault, request_bytes
from bench.measure.load.endpoint import Endpoint, Turn
from bench.measure.load.engine import Answer

_DETAIL_LENGTH = 200
_OPEN_TIMEOUT_S = 5.0
_OUTCOMES = {401: Outcome.UNAUTHORIZED, 429: Outcome.RATE_LIMITED}
_UNREACHED = {WireFault.CONNECT_FAILED, WireFault.TLS_FAILED, WireFault.NAME_FAILED}
_NO_BODY = b"content-length: 0\r\n\r\n"


class Exchanger(Protocol):
    """A connection: ours, or httpx's."""

    reply: Reply

    async def exchange(self, request: bytes, on_body: OnBody | None = None) -> Reply:
        """See `Connection.exchange`."""
        ...

    def close(self) -> None:
        """See `Connection.close`."""
        ...

    async def wait_closed(self) -> None:
        """See `Connection.wait_closed`."""
        ...


class ChatClient:
    """A virtual user.

    Args:
        endpoint: Where to send.
        token: The user's; None when the target asks for none.
        connection: Not one of ours but this one.
    """

    def __init__(self, endpoint: Endpoint, token: str | None, connection: Exchanger | None = None) -> None:
        self._endpoint = endpoint
        self._connection = connection or Connection(endpoint.address)
        self._history: list[Turn] = []
        self.renew(token)

    def renew(self, token: str | None) -> None:
        """Use another token from the next request on."""
        target, host, prefix = self._endpoint.target, self._endpoint.address.authority, self._endpoint.prefix
        headers = dict(self._endpoint.headers)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        # Only the token is this user's own; long messages are kept once for all users.
        self._head = request_bytes(target.method, prefix + target.path, host, headers).removesuffix(_NO_BODY)
        self._ready = request_bytes("GET", prefix + target.ready, host, headers)

    async def open(self) -> None:
        """Open the connection by asking whether the target is ready."""
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                await self._connection.exchange(self._ready)
        except (WireError, TimeoutError):
            self._connection.close()

    async def ask(self, arrival: Arrival) -> Answer:
        """Send a message and read the answer to its end. Nothing but a cancellation is raised."""
        prompt = self._endpoint.prompts[arrival.prompt]
        if not prompt.then:
            answer, _ = await self._exchange(self._endpoint.tail(prompt.id), prompt.expect, arrival)
            return answer
        if arrival.step == 0:
            self._history.clear()
        message = self._endpoint.message(prompt.id, arrival.step)
        tail = self._endpoint.tail_after(self._history, message)
        answer, text = await self._exchange(tail, prompt.expect, arrival)
        if answer.outcome is Outcome.OK and text is not None:  # what failed was not said
            self._history.append(Turn(message, text))
        return answer

    async def _exchange(
        self, tail: bytes, expected: Expectation, arrival: Arrival
    ) -> tuple[Answer, str | None]:
        target = self._endpoint.target
        reader = AnswerReader(self._endpoint.form)
        refusal = bytearray()

        def take(part: bytes, at_s: float) -> None:
            if self._connection.reply.status < 300:  # noqa: PLR2004 - success, by RFC 9110
                reader.feed(part, at_s)
            elif len(refusal) < _DETAIL_LENGTH:
                refusal.extend(part)

        problem: tuple[Outcome, str] | None = None
        limit_s = min(self._endpoint.timeout_s, arrival.cancel_after_s or self._endpoint.timeout_s)
        try:
            async with asyncio.timeout(limit_s):
                await self._connection.exchange(self._head + tail, take)
        except TimeoutError:
            problem = _given_up(limit_s, arrival)
        except WireError as error:
            failed = Outcome.CONNECT_FAILED if error.kind in _UNREACHED else Outcome.BAD_STREAM
            problem = failed, f"{error.kind.value}: {error}"
        reply = self._connection.reply
        finished_s = reply.finished_s or time.monotonic()
        reading = reader.end(finished_s)
        if problem is None:
            problem = _judge(reply, bytes(refusal), reading, expected)
        return _answer(reply, reading, finished_s, problem, target), reading.text

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        await self._connection.wait_closed()


def _given_up(after_s: float, arrival: Arrival) -> tuple[Outcome, str]:
    if after_s == arrival.cancel_after_s:
        return Outcome.CANCELLED, f"given up after {after_s:.3g} s, as planned"
    return Outcome.TIMEOUT, f"no answer within {after_s:g} s"


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
        token_times_s=reading.token_times_s,
        tokens=reading.tokens if reading.tokens is not None else _pieces(reading),
        intercepted=text.startswith(marks) if marks is not None and text is not None else None,
        status=reply.status or None,
        tier_times=parse_server_timing(_server_timing(reply)) | reading.tier_times,
    )


def _server_timing(reply: Reply) -> str:
    """All headers of that name as one, as RFC 9110 joins them."""
    return ", ".join(value.decode("latin-1") for name, value in reply.headers if name == b"server-timing")


def _pieces(reading: Reading) -> int | None:
    """What a stream that reports no count is taken to have: a token in each piece."""
    return len(reading.token_times_s) or None


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
