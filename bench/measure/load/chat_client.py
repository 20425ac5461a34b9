"""One VU: sends messages over its own connection and makes a sample of each."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from bench.core.config.prompts import Expectation
from bench.core.load.arrival import Arrival
from bench.core.response.answer import AnswerReader
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_form import AnswerForm
from bench.core.response.failure import Failure, Response, find_failure, is_success
from bench.core.response.server_words import find_head_words, find_words
from bench.core.samples.request import RequestSample, token_moments
from bench.core.samples.sample import Outcome
from bench.core.values.units import ms
from bench.measure.http.connection import Connection, Reading
from bench.measure.http.wire import Reply, WireError, request_bytes
from bench.measure.load.endpoint import AnsweredMessage, Endpoint
from bench.measure.load.request_client import (
    OPEN_TIMEOUT_S,
    Exchanger,
    LeftError,
    OnSample,
    RequestClient,
    describe_failure,
    since,
)
from bench.measure.load.shared import Shared
from bench.measure.load.trace_header import add_trace

_MOST_REFUSED_BYTES = 16 * 1024
# While an exchange is in progress, the VU looks this often whether its answer is complete, and then waits as
# long for the end of the body: two seconds after the end mark at most.
_LOOK_S = 1.0
_FIRST_REFUSED = 300  # by RFC 9110, the lowest status of a response that is no answer
_NO_BODY = b"content-length: 0\r\n\r\n"
_WHOLE = Reading()
_NO_TIMES: Mapping[str, float] = {}

_HELD = "had a connection that the server kept open after the end mark"
_BROKEN = "had a connection that broke after the end mark"


class MessageContext(NamedTuple):
    """What a journey adds to the messages of a step."""

    body: Any
    """Body of the target with the values of the user; `None` for the body of the endpoint."""
    paths: tuple[str, ...]
    """Further paths whose values are read from the answer."""
    save: Callable[[Reply, AnswerContent], Failure | None]
    """Saves values of an answer that is OK; returns why it is none."""


class ChatClient(RequestClient):
    """A VU that sends messages (see `virtual_user.VirtualUser`).

    Args:
        endpoint: The target, and the requests for it.
        token: The bearer token of the test user; `None` if the target needs none.
        connection: Replaces the load generator's own connection.
        shared: What all VUs of the process share.
    """

    __slots__ = (
        "_endpoint", "_head", "_history", "_in_parts", "_intercepted", "_is_whole", "_message", "_pieces",
        "_plain_readers", "_reader", "_ready", "_refused", "_remarks", "_tails", "context",
    )  # fmt: skip

    def __init__(
        self,
        endpoint: Endpoint,
        token: str | None,
        connection: Exchanger | None = None,
        shared: Shared | None = None,
    ) -> None:
        shared = shared or Shared()
        super().__init__(endpoint.timeout_s, shared)
        self._endpoint = endpoint
        self._connection = connection or Connection(endpoint.address)
        self._history: list[AnsweredMessage] = []
        self._remarks = shared.remarks
        self._reader: AnswerReader | None = None
        self._pieces: int | None = None
        self._refused = bytearray()
        self._message: str | None = None
        self._is_whole = endpoint.is_whole
        self._intercepted = endpoint.intercepted
        # Only for answers whose text alone matters, and for requests that are always the same.
        self._plain_readers = endpoint.plain_readers if self._intercepted is None else {}
        self._tails = endpoint.tails if endpoint.numbers is None else {}
        self._in_parts = Reading(self._take_part)
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

    async def close(self) -> None:
        """Close the connection."""
        self._connection.close()
        await self._connection.wait_closed()

    def post(self, arrival: Arrival) -> None:
        """Write a message at once if that needs no other work; `begin` must follow in the same callback."""
        tail = self._tails.get(arrival.prompt)
        if tail is None or self.context is not None:
            return
        request = self._head + tail
        if self._trace_prefix is not None:
            request = add_trace(request, self._trace_prefix, arrival)
        self._connection.post(request)

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Send a message and read its answer (see `RequestClient.begin`)."""
        self._arrival = arrival
        self._scheduled_s = scheduled_s
        self._origin_s = origin_s
        tail = self._tails.get(arrival.prompt)
        if tail is None or self.context is not None:
            tail = self._compose_tail(arrival)
        request = self._head + tail
        if self._is_whole:
            self._send(self._connection, request, _WHOLE, on_sample)
            return
        self._reader = self._new_reader()
        self._refused = bytearray()
        self._pieces = None
        self._send(self._connection, request, self._in_parts, on_sample)
        self.check_at_s = min(self._deadline_s, time.monotonic() + _LOOK_S)

    def check(self, now_s: float) -> None:
        """End the request at its deadline, or when its answer has been complete since the last look."""
        super().check(now_s)
        if self._on_sample is None or self._reader is None:
            return
        # Some servers write the mark in every event, so the answer goes on after it.
        pieces = self._reader.pieces if self._reader.is_complete() else None
        if pieces is not None and pieces == self._pieces:
            self.time_out()
            return
        self._pieces = pieces
        self.check_at_s = min(self._deadline_s, now_s + _LOOK_S)

    def _compose_tail(self, arrival: Arrival) -> bytes:
        """Return content length and body of a request whose body differs from those before it."""
        endpoint = self._endpoint
        prompt = arrival.prompt
        body = None if self.context is None else self.context.body
        self._message = None
        if body is None and prompt in endpoint.tails:
            return endpoint.tail(prompt)
        if arrival.step == 0:
            self._history.clear()
        self._message = endpoint.message(prompt, arrival.step)
        return endpoint.tail_after(self._history, self._message, body)

    def _new_reader(self) -> AnswerReader:
        paths = self._expected.paths if self.context is None else (*self._expected.paths, *self.context.paths)
        return AnswerReader(self._endpoint.form, paths, self._content_type)

    @property
    def _expected(self) -> Expectation:
        return self._endpoint.prompts[self._arrival.prompt].expect

    def _content_type(self) -> str | None:
        return self._connection.reply.header("content-type")

    def _take_part(self, part: bytes, at_s: float) -> None:
        """Take a part of a response that is read while it arrives."""
        if self._connection.reply.status >= _FIRST_REFUSED:
            if len(self._refused) < _MOST_REFUSED_BYTES:
                self._refused += part
            return
        reader = self._reader
        assert reader is not None  # noqa: S101 - this response is read in parts
        reader.feed(part, at_s)
        leave_at = self._endpoint.leave_at
        if leave_at is not None and reader.reaches(leave_at):
            reader.leave(leave_at)
            raise LeftError

    def _make_sample(self, broken: Failure | None) -> tuple[RequestSample, Sequence[float]]:
        if self._is_whole and broken is None:
            sample = self._read_plain()
            if sample is not None:
                return sample, ()
        reader = self._whole_reader() if self._is_whole else self._reader
        assert reader is not None  # noqa: S101 - a response that is read in parts has a reader
        content = reader.end(self._content_type(), self._connection.reply.status)
        sample = self._read(content, reader.form, broken)
        if sample.outcome is Outcome.OK:
            self._remark(content, reader.form, broken, sample.tier_times)
            if content.text is not None:
                self._remember(content.text)
        return sample, content.token_times_s

    def _read_plain(self) -> RequestSample | None:
        """Return the sample of an ordinary answer; `None` if the complete reader must read it."""
        arrival = self._arrival
        reply = self._connection.reply
        reader = self._plain_readers.get(arrival.prompt)
        status = reply.status
        if reader is None or reply.decoded is not None or self.context is not None:
            return None
        answer = reader.read(reply.body, reply.headers) if is_success(status) else None
        if answer is None:
            return None
        tier_times = _NO_TIMES
        tier_reader = reader.form.tier_reader
        if tier_reader.is_declared or reply.has_timing:
            tier_times = tier_reader.read(reply.headers, answer.tier_times)
            if tier_reader.find_missing(tier_times):
                return None
        if self._message is not None:
            self._remember(answer.text)
        origin_s = self._origin_s
        sent_s = reply.sent_s
        first_byte_s = reply.first_byte_s
        fields = (
            arrival.phase,
            arrival.vu,
            arrival.iteration,
            arrival.label if arrival.step else arrival.prompt,
            self._scheduled_s,
            reply.finished_s - origin_s,
            Outcome.OK,
            arrival.arm,
            reply.connect_s,
            None if sent_s is None else sent_s - origin_s,
            None if first_byte_s is None else first_byte_s - origin_s,
            None,  # a document has no times of pieces of text, and no end mark
            None,
            None,
            None,
            None,
            None,
            answer.tokens,
            answer.reasoning_tokens,
            None,
            status,
            None,
            None,
            arrival.journey_step,
            tier_times,
            _NO_TIMES,
            None,  # and no handshake
            None,
            None,
        )
        return tuple.__new__(RequestSample, fields)  # a third of the time of a call with names

    def _whole_reader(self) -> AnswerReader:
        """Return a reader that has read a complete body, or the part of it that came."""
        reply = self._connection.reply
        reader = self._new_reader()
        self._refused = bytearray()
        if reply.status < _FIRST_REFUSED:
            reader.feed(reply.body, reply.first_byte_s or reply.finished_s)
        else:
            self._refused += reply.body[:_MOST_REFUSED_BYTES]
        return reader

    def _remember(self, text: str) -> None:
        """Keep the answer to a message of a conversation."""
        if self._message is not None:
            self._history.append(AnsweredMessage(self._message, text))

    def _read(self, content: AnswerContent, form: AnswerForm, broken: Failure | None) -> RequestSample:
        """Return the sample of the newest exchange, whose answer has this content."""
        arrival = self._arrival
        origin_s = self._origin_s
        reply = self._connection.reply
        finished_s = (reply.finished_s if content.ended_s is None else content.ended_s) - origin_s
        took_ms = ms(finished_s - self._scheduled_s)
        response = self._describe_response(content, took_ms, broken)
        failure = find_failure(response, self._expected)
        if failure is None and self.context is not None:
            failure = self.context.save(reply, content)
        return RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=self._scheduled_s,
            finished_s=finished_s,
            outcome=Outcome.OK if failure is None else failure[0],
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
            status=response.status or None,
            detail=describe_failure(failure),
            culprit=self._culprit_of(failure, broken),
            tier_times=form.tier_reader.read(reply.headers, content.tier_times),
            milestone_times=_since_start(content.milestones, origin_s + self._scheduled_s),
            step=arrival.journey_step,
            handshake_s=reply.handshake_s,
            **token_moments(content.token_times_s, origin_s),
        )

    def _describe_response(self, content: AnswerContent, took_ms: float, broken: Failure | None) -> Response:
        """Return the response of the newest exchange, whose answer has this content."""
        reply = self._connection.reply
        return Response(reply.status, self._find_refusal(reply), content, took_ms, broken)

    def _find_refusal(self, reply: Reply) -> str:
        """Return the server's explanation of a status that is not one of success."""
        if not reply.status or is_success(reply.status):
            return ""
        head_words = find_head_words(reply.header("location"), reply.header("www-authenticate"))
        words = find_words(bytes(self._refused), reply.header("content-type"))
        return ": ".join(filter(None, (head_words, words)))

    def _remark(
        self,
        content: AnswerContent,
        form: AnswerForm,
        broken: Failure | None,
        tier_times: Mapping[str, float],
    ) -> None:
        """Count the observations about an answer that is OK."""
        remarks = self._remarks
        for remark in (*content.remarks, *form.tier_reader.find_missing(tier_times)):
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
        beginning = self._intercepted
        if beginning is None:
            return None
        return text is not None and text.startswith(beginning)


def _since_start(milestones: Mapping[str, float], planned_s: float) -> dict[str, float]:
    """Return the time from the planned start to each milestone, in milliseconds."""
    return {name: ms(at_s - planned_s) for name, at_s in milestones.items()} if milestones else {}
