"""Reads an answer by its target's declaration: text, tokens, tiers, and what is wrong. Times come in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

import orjson

from bench.core.config.target import Answer, JsonAnswer, NdjsonAnswer, SseAnswer
from bench.core.response.answer_form import AnswerForm, at, tiers_ms
from bench.core.response.stream import NO_NAMES, Decoder, Events, NdjsonDecoder, SseDecoder, StreamError

# So many parts are read together, and a large one at once: what waits is never more than 64 KiB and a part.
# With four times as many, streams that end together have all their reading left for their end.
_BATCH = 16
_LARGE_BYTES = 4096
_MOST_TOKENS = 1_000_000_000


@dataclass(slots=True)
class Reading:
    """What an answer holds. What it does not hold is None.

    Attributes:
        text: The whole text.
        problem: Why it is not an answer of its kind.
        tokens: Output tokens that it reports.
        tier_times: Milliseconds by tier that it reports.
        token_times_s: When each piece of text came, on the caller's clock; none unless streamed.
    """

    text: str | None = None
    problem: str | None = None
    tokens: int | None = None
    tier_times: dict[str, float] = field(default_factory=dict)
    token_times_s: list[float] = field(default_factory=list)


class AnswerReader:
    """Takes an answer part by part as it comes.

    Taking a part only notes it and its time; what it says is read with many others, which costs half.

    Args:
        form: How it is declared.
    """

    def __init__(self, form: AnswerForm) -> None:
        self._form = form
        self._reading = Reading()
        self._texts: list[str] = []
        self._done = False
        self._decoder = _decoder(form.answer)
        self._parts: list[bytes] = []
        self._times_s: list[float] = []

    def feed(self, part: bytes, at_s: float) -> None:
        """Take a part that came at `at_s`, in seconds of any clock. Never raises; see `Reading.problem`."""
        self._parts.append(part)
        self._times_s.append(at_s)
        if len(self._times_s) >= _BATCH or len(part) > _LARGE_BYTES:
            self._read_parts()

    def end(self, at_s: float) -> Reading:
        """What the answer came to, now that it is over."""
        if isinstance(self._form.answer, JsonAnswer):
            document = self._parsed(b"".join(self._parts))
            if document is not None:
                self._note(document)
                text = self._form.text(document)
                self._reading.text = text if isinstance(text, str) and text else None
            return self._reading
        self._read_parts()
        if self._decoder is not None:
            self._read(self._decoder.end(at_s))
            if not self._done:
                self._fail("the stream ended before it was done")
        self._reading.text = "".join(self._texts) if self._texts else None
        return self._reading

    def _read_parts(self) -> None:
        """Read what is noted, unless it is kept for the end or comes after a flood."""
        if isinstance(self._form.answer, JsonAnswer):
            return
        parts, times_s = self._parts, self._times_s
        self._parts, self._times_s = [], []
        if self._decoder is None or not parts:
            return
        try:
            self._read(self._decoder.feed(parts, times_s))
        except StreamError as error:
            self._read(error.events)
            self._fail(str(error))
            self._decoder = None

    def _read(self, events: Events) -> None:
        if self._read_texts(events):
            return
        for data, at_s, name in zip(events.data, events.times_s, events.names, strict=False):
            if data == self._form.done_data:
                self._done = True
            elif name is None or not self._failed(name, data):
                document = self._parsed(data)
                if document is not None:
                    self._read_document(document, at_s)

    def _read_texts(self, events: Events) -> bool:
        """Read events that hold text and nothing else, as nearly all do; when one is more, read none of them.

        Each is parsed alone: joined into one list, brackets could match across events that are no JSON.
        """
        data, form = events.data, self._form
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
        if ends or (form.ended is not None and True in [form.ended(each) is True for each in documents]):
            self._done = True
        self._texts += texts
        self._reading.token_times_s += events.times_s[: len(texts)]
        return True

    def _read_document(self, document: dict[str, Any], at_s: float) -> None:
        form = self._form
        if form.ended is not None and form.ended(document) is True:
            self._done = True
        if not form.counted.isdisjoint(document):
            self._note(document)
        text = form.text(document)
        if isinstance(text, str) and text:
            self._texts.append(text)
            self._reading.token_times_s.append(at_s)

    def _failed(self, name: str, data: bytes) -> bool:
        """Whether an event's name says that the stream failed; it may also say that it is done."""
        answer = self._form.answer
        if isinstance(answer, SseAnswer) and name == answer.error_event:
            self._fail(f"the stream failed: {data.decode(errors='replace')}")
            return True
        self._done = self._done or (isinstance(answer, SseAnswer) and name == answer.done_event)
        return False

    def _fail(self, problem: str) -> None:
        """Keep the first problem; half a character that JSON let through could not be written to a file."""
        if self._reading.problem is None:
            self._reading.problem = problem.encode(errors="replace").decode()

    def _parsed(self, content: bytes) -> dict[str, Any] | None:
        try:
            # All that it takes json takes too, but for some levels of nesting near a thousand; whole numbers
            # of more than 64 bits become floats, and they are too large for any count or duration.
            document = orjson.loads(content)
        except orjson.JSONDecodeError:
            try:
                document = json.loads(content)  # takes more, such as half a character, and says what is wrong
            except (ValueError, RecursionError) as error:
                self._fail(f"not JSON: {error}")
                return None
        if not isinstance(document, dict):
            self._fail("not a JSON object")
            return None
        return document

    def _note(self, document: Mapping[str, Any]) -> None:
        """Counts and durations, wherever in a stream they stand, and what went wrong."""
        answer = self._form.answer
        if isinstance(answer, NdjsonAnswer) and isinstance(document.get("error"), str):
            self._fail(f"the stream failed: {document['error']}")
        if answer.tokens is not None:
            tokens = at(document, answer.tokens)
            if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens <= _MOST_TOKENS:
                self._reading.tokens = tokens
        if answer.durations is not None:
            self._reading.tier_times |= tiers_ms(document, answer.durations)


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
