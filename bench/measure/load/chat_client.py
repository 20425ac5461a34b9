"""One VU: sends chat requests over its own connection and returns a sample of each."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from bench.core.config.prompts import Expectation
from bench.core.load.arrival import Arrival
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.failure import Failure, Response, find_failure, is_success
from bench.core.response.remarks import Remarks
from bench.core.response.server_words import find_head_words, find_words
from bench.core.samples.request import RequestSample, token_moments
from bench.core.samples.sample import Culprit, Outcome
from bench.core.values.units import ms
from bench.measure.http.answer_stream import OnBody
from bench.measure.http.connection import Connection
from bench.measure.http.wire import Reply, WireError, WireFault, request_bytes
from bench.measure.load.endpoint import AnsweredMessage, Endpoint
from bench.measure.load.trace_header import add_trace

DETAIL_LENGTH = 200
OPEN_TIMEOUT_S = 5.0
_MOST_REFUSED_BYTES = 16 * 1024
# While an exchange is in progress, the VU looks this often whether its answer is complete, and then waits as
# long for the end of the body: two seconds after the end mark at most.
_LOOK_S = 1.0
_FIRST_REFUSED = 300  # by RFC 9110, the lowest status of a response that is no answer
_NO_CONNECTION = {WireFault.CONNECT_FAILED, WireFault.TLS_FAILED, WireFault.NAME_FAILED}
_NO_BODY = b"content-length: 0\r\n\r\n"

_HELD = "had a connection that the server kept open after the end mark"
_BROKEN = "had a connection that broke after the end mark"


class Exchanger(Protocol):
    """The part of `Connection` that a VU uses; `HttpxConnection` has it too."""

    reply: Reply

    async def open(self) -> float | None:
        """See `Connection.open`."""
        ...

    async def exchange(self, request: bytes, on_body: OnBody | None = None) -> Reply:
        """See `Connection.exchange`."""
        ...

    def close(self) -> None:
        """See `Connection.close`."""
        ...

    async def wait_closed(self) -> None:
        """See `Connection.wait_closed`."""
        ...


class MessageContext(NamedTuple):
    """What a journey adds to the messages of a step."""

    body: Any
    """Body of the target with the values of the user; `None` for the body of the endpoint."""
    paths: tuple[str, ...]
    """Further paths whose values are read from the answer."""
    save: Callable[[Reply, AnswerContent], Failure | None]
    """Saves values of an answer that is OK; returns why it is none."""


class ChatClient:
    """A VU (see `engine.VirtualUser`).

    Args:
        endpoint: The target, and the requests for it.
        token: The bearer token of the test user; `None` if the target needs none.
        connection: Replaces the load generator's own connection.
        remarks: Counts observations about answers; all VUs of a process may share it.
        trace_prefix: Beginning of the trace ids of the requests; `None` to send no `traceparent`.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        token: str | None,
        connection: Exchanger | None = None,
        remarks: Remarks | None = None,
        trace_prefix: bytes | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._connection = connection or Connection(endpoint.address)
        self._history: list[AnsweredMessage] = []
        self._remarks = Remarks() if remarks is None else remarks
        self._reader = AnswerReader(endpoint.form)
        self._watch = _EndWatch()
        self._trace_prefix = trace_prefix
        self._refused = bytearray()
        self.context: MessageContext | None = None
        self.renew(token)

    @property
    def reply(self) -> Reply:
        """The newest reply."""
        return self._connection.reply

    def renew(self, token: str | None) -> None:
        """Use another token from the next request on."""
        headers = {} if token is None else {"authorization": f"Bearer {token}"}
        self.change_head(self._endpoint.path, headers)

    def change_head(self, path: str, credentials: Mapping[str, str]) -> None:
        """Use another path below the prefix, and other headers of the user, from the next request on."""
        endpoint = self._endpoint
        target = endpoint.target
        host = endpoint.address.authority
        headers = {**endpoint.headers, **credentials}
        # Only the head differs between VUs: long messages are kept once for all of them.
        head = request_bytes(target.method, endpoint.prefix + path, host, headers)
        self._head = head.removesuffix(_NO_BODY)
        self._ready: bytes | None = None
        if endpoint.ready is not None:
            self._ready = request_bytes("GET", endpoint.prefix + endpoint.ready, host, headers)

    async def open(self) -> None:
        """Open the connection, by a request if the target has a `ready` path. Failures are ignored."""
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                if self._ready is None:
                    await self._connection.open()
                else:
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
        body = None if self.context is None else self.context.body
        message = None
        if not prompt.then and body is None:
            tail = endpoint.tail(prompt.id)
        else:
            if arrival.step == 0:
                self._history.clear()
            message = endpoint.message(prompt.id, arrival.step)
            tail = endpoint.tail_after(self._history, message, body)
        broken = await self._exchange(tail, prompt.expect, arrival)
        sample, content = self._read(arrival, scheduled_s, origin_s, broken)
        is_ok = sample.outcome is Outcome.OK
        if is_ok:
            self._remark(content, broken, sample.tier_times)
        if message is not None and is_ok and content.text is not None:
            self._history.append(AnsweredMessage(message, content.text))
        return sample, content.token_times_s

    def interrupted(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, failure: Failure
    ) -> RequestSample:
        """Return the sample of a request whose `send` was cancelled, with its times until now.

        If its answer is complete, and only the end of the body was awaited, it is the sample of this answer.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the clock of `time.monotonic`.
            failure: The outcome, and an explanation for people.
        """
        sample, _ = self._read(arrival, scheduled_s, origin_s, failure)
        return sample

    async def close(self) -> None:
        """Close the connection."""
        self._watch.close()
        self._connection.close()
        await self._connection.wait_closed()

    async def _exchange(self, tail: bytes, expected: Expectation, arrival: Arrival) -> Failure | None:
        """Send a request and read its response. Return why the exchange ended before the response did."""
        connection = self._connection
        paths = expected.paths if self.context is None else (*expected.paths, *self.context.paths)
        reader = self._reader = AnswerReader(self._endpoint.form, paths, self._content_type)
        refused = self._refused = bytearray()

        def on_body(part: bytes, at_s: float) -> None:
            if connection.reply.status < _FIRST_REFUSED:
                reader.feed(part, at_s)
            elif len(refused) < _MOST_REFUSED_BYTES:
                refused.extend(part)

        leave_at = self._endpoint.leave_at
        read = on_body if leave_at is None else _leave_at(leave_at, reader, on_body)
        self._culprit = Culprit.TARGET
        timeout_s = min(self._endpoint.timeout_s, arrival.cancel_after_s or self._endpoint.timeout_s)
        try:
            async with asyncio.timeout(timeout_s) as limit:
                self._watch.begin(reader, limit)
                head = add_trace(self._head, self._trace_prefix, arrival)
                await connection.exchange(head + tail, read)
        except _LeftError:
            return None
        except TimeoutError:
            return timeout_failure(timeout_s, arrival)
        except WireError as error:
            self._culprit = error.culprit
            return wire_failure(error)
        finally:
            self._watch.end()
        return None

    def _content_type(self) -> str | None:
        return self._connection.reply.header("content-type")

    def _read(
        self, arrival: Arrival, scheduled_s: float, origin_s: float, broken: Failure | None
    ) -> tuple[RequestSample, AnswerContent]:
        """Return the sample of the newest exchange, and the content of its answer.

        Args:
            arrival: The request.
            scheduled_s: Its planned time, in seconds since the start of the run.
            origin_s: The start of the run on the clock of `time.monotonic`.
            broken: Why the exchange ended before the response did; `None` if it is complete.
        """
        reply = self._connection.reply
        if broken is not None:  # the exchange ends now
            reply.finished_s = time.monotonic()
        content_type = reply.header("content-type")
        content = self._reader.end(content_type, reply.status)
        finished_s = (reply.finished_s if content.ended_s is None else content.ended_s) - origin_s
        words = ""
        if reply.status and not is_success(reply.status):
            head_words = find_head_words(reply.header("location"), reply.header("www-authenticate"))
            words = ": ".join(filter(None, (head_words, find_words(bytes(self._refused), content_type))))
        response = Response(reply.status, words, content, ms(finished_s - scheduled_s), broken)
        failure = find_failure(response, self._endpoint.prompts[arrival.prompt].expect)
        if failure is None and self.context is not None:
            failure = self.context.save(reply, content)
        outcome, detail = failure or (Outcome.OK, None)
        culprit = self._culprit if failure is not None and failure == broken else Culprit.TARGET
        sample = RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=scheduled_s,
            finished_s=finished_s,
            outcome=outcome,
            arm=arrival.arm,
            connect_s=reply.connect_s,
            sent_s=since(origin_s, reply.sent_s),
            first_byte_s=since(origin_s, reply.first_byte_s),
            first_answer_s=since(origin_s, content.first_answer_s),
            first_reasoning_s=since(origin_s, content.first_reasoning_s),
            last_reasoning_s=since(origin_s, content.last_reasoning_s),
            closed_s=None if content.ended_s is None or content.left else reply.finished_s - origin_s,
            tokens=content.tokens or len(content.token_times_s) or None,
            reasoning_tokens=content.reasoning_tokens,
            intercepted=self._is_intercepted(content.text),
            status=reply.status or None,
            detail=None if detail is None else storable(detail[:DETAIL_LENGTH]) or outcome.value,
            culprit=None if failure is None or outcome is Outcome.CANCELLED else culprit,
            tier_times=self._reader.form.tier_reader.read(reply.headers, content.tier_times),
            milestone_times=_since_start(content.milestones, origin_s + scheduled_s),
            step=arrival.journey_step,
            **token_moments(content.token_times_s, origin_s),
        )
        return sample, content

    def _remark(
        self, content: AnswerContent, broken: Failure | None, tier_times: Mapping[str, float]
    ) -> None:
        """Count the observations about an answer that is OK."""
        remarks = self._remarks
        for remark in (*content.remarks, *self._reader.form.tier_reader.find_missing(tier_times)):
            remarks.add(remark)
        if broken is not None:
            remarks.add(_BROKEN if broken[0] is Outcome.BAD_STREAM else _HELD)
        encoding = self._connection.reply.decoded
        if encoding is not None:
            remarks.add(f"came compressed with {encoding}, which was not requested")
        if content.token_times_s:
            remarks.add_stream(content.token_times_s)

    def _is_intercepted(self, text: str | None) -> bool | None:
        """Return whether the agent answered without its model; `None` if the target does not declare it."""
        beginning = self._endpoint.intercepted
        if beginning is None:
            return None
        return text is not None and text.startswith(beginning)


class _LeftError(Exception):
    """Ends an exchange because the VU leaves; the connection is closed."""


def _leave_at(milestone: str, reader: AnswerReader, on_body: OnBody) -> OnBody:
    """Return a function that reads the parts of a response and leaves when it reaches a milestone."""

    def read(part: bytes, at_s: float) -> None:
        on_body(part, at_s)
        if reader.reaches(milestone):
            reader.leave(milestone)
            raise _LeftError

    return read


class _EndWatch:
    """Looks now and then whether a VU's answer is complete, and then limits the wait for the end of its body.

    One timer serves all requests of the VU: a timer for each request would be costly.
    """

    def __init__(self) -> None:
        self._timer: asyncio.TimerHandle | None = None
        self._watched: tuple[AnswerReader, asyncio.Timeout] | None = None
        self._pieces: int | None = None  # of a complete answer, at the last look

    def begin(self, reader: AnswerReader, limit: asyncio.Timeout) -> None:
        """Watch the answer of an exchange, which has this limit."""
        self._watched = reader, limit
        self._pieces = None
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_LOOK_S, self._look)

    def end(self) -> None:
        """Watch no answer, until the next exchange begins."""
        self._watched = None

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        """End the wait if the answer was complete a look ago. Some servers write the mark in every event."""
        self._timer = None
        if self._watched is None:
            return
        reader, limit = self._watched
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        pieces = reader.pieces if reader.is_complete() else None
        if pieces is not None and pieces == self._pieces and now_s < (limit.when() or now_s):
            limit.reschedule(now_s)
        self._pieces = pieces
        self._timer = loop.call_at(now_s + _LOOK_S, self._look)


def storable(text: str) -> str:
    """Return a text without halves of characters, which JSON allows and no file can hold."""
    return text.encode(errors="replace").decode()


def since(origin_s: float, at_s: float | None) -> float | None:
    """Return a time of the run from a time of the clock, both in seconds; `None` if it is unknown."""
    return None if at_s is None else at_s - origin_s


def _since_start(milestones: Mapping[str, float], planned_s: float) -> dict[str, float]:
    """Return the time from the planned start to each milestone, in milliseconds."""
    return {name: ms(at_s - planned_s) for name, at_s in milestones.items()} if milestones else {}


def timeout_failure(timeout_s: float, arrival: Arrival) -> Failure:
    """Return the failure of a request that was not answered in time, or that its VU cancelled."""
    if timeout_s == arrival.cancel_after_s:
        return Outcome.CANCELLED, f"cancelled after {timeout_s:.3g} s, as planned"
    return Outcome.TIMEOUT, f"no complete response within {timeout_s:g} s"


def wire_failure(error: WireError) -> Failure:
    """Return the failure of a request that has no reply."""
    if error.generator_fault is not None:
        return Outcome.NOT_SENT, f"{error.generator_fault}: {error}"
    outcome = Outcome.CONNECT_FAILED if error.kind in _NO_CONNECTION else Outcome.BAD_STREAM
    return outcome, f"{error.kind.value}: {error}"
