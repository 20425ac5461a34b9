"""Reads a response by the target's declaration: text, tokens, times of tiers, and problems. Without I/O."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

import orjson

from bench.core.config.target import Answer, JsonAnswer, NdjsonAnswer, SseAnswer
from bench.core.response.answer_error import AnswerError
from bench.core.response.answer_form import AnswerForm, tiers_ms, value_at
from bench.core.response.stream import NO_NAMES, Decoder, Events, NdjsonDecoder, SseDecoder, StreamError

# Number of parts that are decoded together; a part of this size is decoded at once. So at most 64 KiB and one
# part wait. With four times as many, streams that end together would be decoded mostly at their end.
_PARTS_PER_BATCH = 16
_LARGE_PART_BYTES = 4096
_MOST_TOKENS = 1_000_000_000


@dataclass(slots=True)
class AnswerContent:
    """The content of a response. An unknown value is `None`. Times in `_s` are on the caller's clock."""

    text: str | None = None
    """The complete text of the answer, with the transcript of its audio."""
    reasoning: str | None = None
    """The complete text of the reasoning."""
    refusal: str | None = None
    """The complete text with which the model refuses to answer."""
    tool_calls: tuple[str, ...] = ()
    """Names of the tools that the answer calls, in their order."""
    finish_reason: str | None = None
    """Why the model stopped, in the server's own word."""
    error: AnswerError | None = None
    """The first error that the response reports."""
    problem: str | None = None
    """Why the response does not have the declared form."""
    no_text: str | None = None
    """If the declared places hold no text of any kind: what the response has instead."""
    tokens: int | None = None
    """Number of output tokens that the response reports, if it is positive."""
    reasoning_tokens: int | None = None
    """Number of tokens of the reasoning that the response reports."""
    tier_times: dict[str, float] = field(default_factory=dict)
    """Times in milliseconds by tier that the response reports."""
    token_times_s: list[float] = field(default_factory=list)
    """When each piece of any kind of text arrived; empty if the response is not streamed."""
    first_answer_s: float | None = None
    """When the first piece of the answer's text arrived."""
    first_reasoning_s: float | None = None
    """When the first piece of reasoning arrived."""
    last_reasoning_s: float | None = None
    """When the last piece of reasoning arrived."""
    ended_s: float | None = None
    """When the mark that ends the answer arrived; `None` if none did."""
    values: dict[str, Any] = field(default_factory=dict)
    """The last value at each path that the caller asked for, without those that are null."""
    remarks: list[str] = field(default_factory=list)
    """Observations that make no failure. Equal observations have equal texts: `had a field …`."""


class AnswerReader:
    """Reads one response, part by part.

    `feed` only stores a part with its time. Parts are decoded in batches, at half the cost.

    Args:
        form: The declaration of the response.
        paths: Further paths whose values are read.
    """

    def __init__(self, form: AnswerForm, paths: Collection[str] = ()) -> None:
        self._form = form
        self._paths = paths
        self._content = AnswerContent()
        self._texts: list[str] = []
        self._done = False
        self._decoder = _decoder(form.answer)
        self._parts: list[bytes] = []
        self._times_s: list[float] = []
        self._last_s = 0.0

    def is_complete(self) -> bool:
        """Return whether the mark that ends the answer has arrived."""
        self._decode_parts()
        return self._done

    def feed(self, part: bytes, at_s: float) -> None:
        """Take a part that arrived at `at_s`, in seconds of any clock. Problems are stored, not raised."""
        self._parts.append(part)
        self._last_s = at_s
        self._times_s.append(at_s)
        if len(self._times_s) >= _PARTS_PER_BATCH or len(part) > _LARGE_PART_BYTES:
            self._decode_parts()

    def end(self, content_type: str | None = None, status: int = 200) -> AnswerContent:
        """Return the content of the response, which has ended.

        Args:
            content_type: Its header `Content-Type`.
            status: Its HTTP status.
        """
        del content_type, status
        if isinstance(self._form.answer, JsonAnswer):
            document = self._parse(b"".join(self._parts))
            if document is not None:
                self._read_counts(document)
                text = self._form.text(document)
                self._content.text = text if isinstance(text, str) and text else None
            return self._content
        self._decode_parts()
        if self._decoder is not None:
            self._read_events(self._decoder.end(self._last_s))
            if not self._done:
                self._set_problem("the stream ended before it was done")
        self._content.text = "".join(self._texts) if self._texts else None
        return self._content

    def _decode_parts(self) -> None:
        """Decode the stored parts of a stream, unless the stream has failed."""
        if isinstance(self._form.answer, JsonAnswer):
            return  # a document is decoded at its end
        parts = self._parts
        times_s = self._times_s
        self._parts = []
        self._times_s = []
        if self._decoder is None or not parts:
            return
        try:
            self._read_events(self._decoder.feed(parts, times_s))
        except StreamError as error:
            self._read_events(error.events)
            self._set_problem(str(error))
            self._decoder = None

    def _read_events(self, events: Events) -> None:
        if self._read_only_texts(events):
            return
        for data, at_s, name in zip(events.data, events.times_s, events.names, strict=False):
            if data == self._form.done_data:
                self._done = True
            elif name is None or not self._read_name(name, data):
                document = self._parse(data)
                if document is not None:
                    self._read_document(document, at_s)

    def _read_only_texts(self, events: Events) -> bool:
        """Read events that hold text and nothing else, as nearly all do. Return False if one holds more.

        Then no event has been read. Each event is parsed alone: in one joined list, brackets could match
        across events that are not JSON.
        """
        data = events.data
        form = self._form
        ends = data[-1:] == [form.done_data]
        try:
            documents = [*map(orjson.loads, data[:-1] if ends else data)]
        except orjson.JSONDecodeError:
            return False
        if events.names is not NO_NAMES or {*map(type, documents)} != {dict}:
            return False
        texts = [*map(form.text, documents)]
        if {*map(type, texts)} != {str} or not all(texts) or not all(map(form.counted.isdisjoint, documents)):
            return False
        if form.ended is not None:
            ends = ends or True in [form.ended(document) is True for document in documents]
        self._done = self._done or ends
        self._texts += texts
        self._content.token_times_s += events.times_s[: len(texts)]
        return True

    def _read_document(self, document: dict[str, Any], at_s: float) -> None:
        form = self._form
        if form.ended is not None and form.ended(document) is True:
            self._done = True
        if not form.counted.isdisjoint(document):
            self._read_counts(document)
        text = form.text(document)
        if isinstance(text, str) and text:
            self._texts.append(text)
            self._content.token_times_s.append(at_s)

    def _read_name(self, name: str, data: bytes) -> bool:
        """Read the name of an event: it may end the stream. Return whether it reports an error."""
        answer = self._form.answer
        if isinstance(answer, SseAnswer) and name == answer.error_event:
            self._set_problem(f"the stream failed: {data.decode(errors='replace')}")
            return True
        self._done = self._done or (isinstance(answer, SseAnswer) and name == answer.done_event)
        return False

    def _set_problem(self, problem: str) -> None:
        """Keep the first problem. Half a character, which JSON allows, is replaced: no file can hold it."""
        if self._content.problem is None:
            self._content.problem = problem.encode(errors="replace").decode()

    def _parse(self, content: bytes) -> dict[str, Any] | None:
        try:
            # json accepts everything that orjson accepts, except for some deep nesting. orjson reads integers
            # of more than 64 bits as floats; they are too large for any count or duration.
            document = orjson.loads(content)
        except orjson.JSONDecodeError:
            try:
                document = json.loads(content)  # accepts more, such as half a character; explains errors
            except (ValueError, RecursionError) as error:
                self._set_problem(f"not JSON: {error}")
                return None
        if not isinstance(document, dict):
            self._set_problem("not a JSON object")
            return None
        return document

    def _read_counts(self, document: Mapping[str, Any]) -> None:
        """Read token counts, durations and an error, which any document of a stream may contain."""
        answer = self._form.answer
        if isinstance(answer, NdjsonAnswer) and isinstance(document.get("error"), str):
            self._set_problem(f"the stream failed: {document['error']}")
        if answer.tokens is not None:
            tokens = value_at(document, answer.tokens)
            if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens <= _MOST_TOKENS:
                self._content.tokens = tokens
        if answer.durations is not None:
            self._content.tier_times |= tiers_ms(document, answer.durations)


def _decoder(answer: Answer) -> Decoder | None:
    match answer:
        case JsonAnswer():
            return None
        case SseAnswer():
            return SseDecoder()
        case NdjsonAnswer():
            return NdjsonDecoder()
        case _:
            assert_never(answer)
