"""One VU: sends chat requests over its own connection and returns a sample of each."""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from bench.core.config.prompts import Expectation
from bench.core.load.plan import Arrival
from bench.core.response.answer import AnswerContent, AnswerReader
from bench.core.response.tier_times import parse_server_timing
from bench.core.samples.request import RequestSample, token_moments
from bench.core.samples.sample import Outcome
from bench.measure.http.answer_stream import OnBody
from bench.measure.http.connection import Connection
from bench.measure.http.wire import Reply, WireError, WireFault, request_bytes
from bench.measure.load.endpoint import AnsweredMessage, Endpoint

_DETAIL_LENGTH = 200
_OPEN_TIMEOUT_S = 5.0
_STATUS_OUTCOMES = {401: Outcome.UNAUTHORIZED, 429: Outcome.RATE_LIMITED}
_NO_CONNECTION = {WireFault.CONNECT_FAILED, WireFault.TLS_FAILED, WireFault.NAME_FAILED}
_NO_BODY = b"content-length: 0\r\n\r\n"

Failure = tuple[Outcome, str]
"""Why a request is not OK: the outcome, and an explanation for people."""


class Exchanger(Protocol):
    """The part of `Connection` that a VU uses; `HttpxConnection` has it too."""

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
    """A VU (see `engine.VirtualUser`).

    Args:
        endpoint: The target, and the requests for it.
        token: The bearer token of the test user; `None` if the target needs none.
        connection: Replaces the load generator's own connection.
    """

    def __init__(self, endpoint: Endpoint, token: str | None, connection: Exchanger | None = None) -> None:
        self._endpoint = endpoint
        self._connection = connection or Connection(endpoint.address)
        self._history: list[AnsweredMessage] = []
        self._reader = AnswerReader(endpoint.form)
        self.renew(token)

    def renew(self, token: str | None) -> None:
        """Use another token from the next request on."""
        endpoint = self._endpoint
        target = endpoint.target
        host = endpoint.address.authority
        headers = dict(endpoint.headers)
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        # Only the head differs between VUs: long messages are kept once for all of them.
        head = request_bytes(target.method, endpoint.prefix + target.path, host, headers)
        self._head = head.removesuffix(_NO_BODY)
        self._ready = request_bytes("GET", endpoint.prefix + target.ready, host, headers)

    async def open(self) -> None:
        """Open the connection by requesting the target's `ready` path. Failures are ignored."""
        try:
            async with asyncio.timeout(_OPEN_TIMEOUT_S):
                await self._connection.exchange(self._ready)
        except (WireError, TimeoutError):
            self._connection.close()

    async def send(
        self, arrival: Arrival, scheduled_s: float, origin_s: float
    ) -> tuple[RequestSample, Sequence[float]]:
        """Send a message and read the response to its end. Only a cancellation raises.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the clock of `time.monotonic`.

        Returns:
            The sample, and when each piece of text was read, on that clock.
        """
        endpoint = self._endpoint
        prompt = endpoint.prompts[arrival.prompt]
        message = None
        if not prompt.then:
            tail = endpoint.tail(prompt.id)
        else:
            if arrival.step == 0:
                self._history.clear()
            message = endpoint.message(prompt.id, arrival.step)
            tail = endpoint.tail_after(self._history, message)
        content, failure = await self._exchange(tail, prompt.expect, arrival)
        if message is not None and failure is None and content.text is not None:
            self._history.append(AnsweredMessage(message, content.text))
        sample = self._sample(arrival, scheduled_s, origin_s, content, failure)
        return sample, content.token_times_s

    def interrupted(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, failure: Failure
    ) -> RequestSample:
        """Return the sample of a request whose `send` was cancelled, with its times until now.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the clock of `time.monotonic`.
            failure: The outcome, and an explanation for people.
        """
        reply = self._connection.reply
        reply.finished_s = time.monotonic()
        content = self._reader.end()
        return self._sample(arrival, scheduled_s, origin_s, content, failure)

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        await self._connection.wait_closed()

    async def _exchange(
        self, tail: bytes, expected: Expectation, arrival: Arrival
    ) -> tuple[AnswerContent, Failure | None]:
        """Send a request. Return the response's content, and why it is not OK; its times are in the reply."""
        connection = self._connection
        reader = self._reader = AnswerReader(self._endpoint.form)
        refusal = bytearray()

        def on_body(part: bytes, at_s: float) -> None:
            if connection.reply.status < 300:  # noqa: PLR2004 - success, by RFC 9110
                reader.feed(part, at_s)
            elif len(refusal) < _DETAIL_LENGTH:
                refusal.extend(part)

        failure: Failure | None = None
        timeout_s = min(self._endpoint.timeout_s, arrival.cancel_after_s or self._endpoint.timeout_s)
        try:
            async with asyncio.timeout(timeout_s):
                await connection.exchange(self._head + tail, on_body)
        except TimeoutError:
            failure = _timeout_failure(timeout_s, arrival)
        except WireError as error:
            outcome = Outcome.CONNECT_FAILED if error.kind in _NO_CONNECTION else Outcome.BAD_STREAM
            failure = outcome, f"{error.kind.value}: {error}"
        reply = connection.reply
        if not reply.finished_s:  # a request that failed ends now
            reply.finished_s = time.monotonic()
        content = reader.end()
        if failure is None:
            failure = _check(reply, bytes(refusal), content, expected)
        return content, failure

    def _sample(
        self,
        arrival: Arrival,
        scheduled_s: float,
        origin_s: float,
        content: AnswerContent,
        failure: Failure | None,
    ) -> RequestSample:
        """Return the sample of the newest exchange."""
        reply = self._connection.reply
        outcome, detail = failure or (Outcome.OK, None)
        return RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=scheduled_s,
            finished_s=reply.finished_s - origin_s,
            outcome=outcome,
            arm=arrival.arm,
            connect_s=reply.connect_s,
            sent_s=None if reply.sent_s is None else reply.sent_s - origin_s,
            first_byte_s=None if reply.first_byte_s is None else reply.first_byte_s - origin_s,
            tokens=_token_count(content),
            intercepted=self._is_intercepted(content.text),
            status=reply.status or None,
            detail=None if detail is None else detail[:_DETAIL_LENGTH] or outcome.value,
            tier_times=parse_server_timing(_server_timing(reply)) | content.tier_times,
            **token_moments(content.token_times_s, origin_s),
        )

    def _is_intercepted(self, text: str | None) -> bool | None:
        """Return whether the agent answered without its model, if that is known."""
        beginning = self._endpoint.target.answer.intercepted
        if beginning is None or text is None:
            return None
        return text.startswith(beginning)


def _timeout_failure(timeout_s: float, arrival: Arrival) -> Failure:
    if timeout_s == arrival.cancel_after_s:
        return Outcome.CANCELLED, f"cancelled after {timeout_s:.3g} s, as planned"
    return Outcome.TIMEOUT, f"no complete response within {timeout_s:g} s"


def _token_count(content: AnswerContent) -> int | None:
    """Return the reported number of tokens. Without it, a stream has one token per piece of text."""
    if content.tokens is not None:
        return content.tokens
    return len(content.token_times_s) or None


def _server_timing(reply: Reply) -> str:
    """Return all `Server-Timing` headers as one, joined as RFC 9110 (section 5.3) defines."""
    values = [value.decode("latin-1") for name, value in reply.headers if name == b"server-timing"]
    return ", ".join(values)


def _check(reply: Reply, refusal: bytes, content: AnswerContent, expected: Expectation) -> Failure | None:
    """Return why a complete response is not the expected one, if it is not."""
    status = reply.status
    if not 200 <= status < 300:  # noqa: PLR2004 - success, by RFC 9110
        if status == expected.status:
            return None
        return _STATUS_OUTCOMES.get(status, Outcome.HTTP_ERROR), refusal.decode(errors="replace")
    if not 200 <= expected.status < 300:  # noqa: PLR2004 - success, by RFC 9110
        return Outcome.WRONG_CONTENT, f"the status is {status}, expected {expected.status}"
    return _check_content(content, expected)


def _check_content(content: AnswerContent, expected: Expectation) -> Failure | None:
    if content.problem is not None:
        return Outcome.BAD_STREAM, content.problem
    if content.text is None or not content.text.strip():
        return Outcome.WRONG_CONTENT, "the response has no text"
    if expected.contains is not None and expected.contains not in content.text:
        return Outcome.WRONG_CONTENT, f"the response does not contain '{expected.contains}'"
    return None
