"""Reads an answer by its target's declaration: text, tokens, tiers, and what is wrong. Times come in."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, assert_never

import orjson

from bench.core.answer_form import AnswerForm, at, tiers_ms
from bench.core.stream import Decoder, NdjsonDecoder, SseDecoder, StreamError
from bench.core.target import Answer, JsonAnswer, NdjsonAnswer, SseAnswer

# So many events are parsed together: often enough that none keeps the connection's callback long.
_BATCH = 64
_MOST_TOKENS = 1_000_000_000


@dataclass(slots=True)
class Reading:
    """What an answer holds. What it does not hold is None.

    Attributes:
        text: The whole text.
        problem: Why it is not an answer of its kind.
        tokens: Output tokens that it reports.
        hops: Milliseconds by tier that it reports.
        token_times_s: When each piece of text came, on the caller's clock; none unless streamed.
    """

    text: str | None = None
    problem: str | None = None
    tokens: int | None = None
    hops: dict[str, float] = field(default_factory=dict)
    token_times_s: list[float] = field(default_factory=list)


class AnswerReader:
    """Takes an answer part by part as it comes.

    Taking a part notes its events and their time; what they say is read some at a time, which costs a third.

    Args:
        form: How it is declared.
    """

    def __init__(self, form: AnswerForm) -> None:
        self._form = form
        self._reading = Reading()
        self._texts: list[str] = []
        self._done = False
        self._whole: list[bytes] = []
        self._decoder = _decoder(form.answer)
        self._pending: list[bytes] = []
        self._pending_times_s: list[float] = []

    def feed(self, part: bytes, at_s: float) -> None:
        """Take a part that came at `at_s`, in seconds of any clock. Never raises; see `Reading.problem`."""
        if self._decoder is None:
            self._whole.append(part)
            return
        try:
            data, names = self._decoder.feed(part)
        except StreamError as error:
            self._read_pending()
            self._fail(str(error))
            self._decoder = None
            return
        self._take(data, names, at_s)

    def end(self, at_s: float) -> Reading:
        """What the answer came to, now that it is over."""
        if isinstance(self._form.answer, JsonAnswer):
            document = self._parsed(b"".join(self._whole))
            if document is not None:
                self._note(document)
                text = self._form.text(document)
                self._reading.text = text if isinstance(text, str) and text else None
            return self._reading
        if self._decoder is not None:
            self._take(*self._decoder.end(), at_s)
            self._read_pending()
            if not self._done:
                self._fail("the stream ended before it was done")
        self._reading.text = "".join(self._texts) if self._texts else None
        return self._reading

    def _take(self, data: list[bytes], names: Mapping[int, str], at_s: float) -> None:
        if names or self._form.done_data in data:
            self._read_pending()
            for place, each in enumerate(data):
                self._read_event(each, names.get(place), at_s)
            return
        self._pending += data
        self._pending_times_s.extend(repeat(at_s, len(data)))
        if len(self._pending) >= _BATCH:
            self._read_pending()

    def _read_pending(self) -> None:
        pending, times_s = self._pending, self._pending_times_s
        if not pending:
            return
        self._pending, self._pending_times_s = [], []
        joined = b"[" + b",".join(pending) + b"]"
        documents = _parsed_together(joined, len(pending))
        if documents is None:
            for data, at_s in zip(pending, times_s, strict=True):
                self._read_event(data, None, at_s)
        elif b"\\" in joined or any(name in joined for name in self._form.counted_bytes):
            self._read(documents, times_s)
        else:
            self._read_texts(documents, times_s)

    def _read_event(self, data: bytes, name: str | None, at_s: float) -> None:
        answer = self._form.answer
        if isinstance(answer, SseAnswer):
            if data == self._form.done_data:
                self._done = True
                return
            if answer.error_event is not None and name == answer.error_event:
                self._fail(f"the stream failed: {data.decode(errors='replace')}")
                return
            self._done = self._done or (answer.done_event is not None and name == answer.done_event)
        document = self._parsed(data)
        if document is not None:
            self._read([document], [at_s])

    def _read_texts(self, documents: list[dict[str, Any]], times_s: list[float]) -> None:
        """Read documents that hold no counts; most streams are nothing else until their end."""
        form = self._form
        texts = list(map(form.text, documents))
        if set(map(type, texts)) != {str} or not all(texts):
            self._read(documents, times_s)
            return
        if form.ended is not None and any(done is True for done in map(form.ended, documents)):
            self._done = True
        self._texts += texts
        self._reading.token_times_s += times_s

    def _read(self, documents: Sequence[dict[str, Any]], times_s: Sequence[float]) -> None:
        counted, text_of, ended = self._form.counted, self._form.text, self._form.ended
        texts, token_times_s = self._texts, self._reading.token_times_s
        for document, at_s in zip(documents, times_s, strict=True):
            if ended is not None and ended(document) is True:
                self._done = True
            if not counted.isdisjoint(document):
                self._note(document)
            text = text_of(document)
            if text and isinstance(text, str):
                texts.append(text)
                token_times_s.append(at_s)

    def _fail(self, problem: str) -> None:
        """Keep the first problem; half a character that JSON let through could not be written to a file."""
        if self._reading.problem is None:
            self._reading.problem = problem.encode(errors="replace").decode()

    def _parsed(self, content: bytes) -> dict[str, Any] | None:
        try:
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
            self._reading.hops |= tiers_ms(document, answer.durations)


def _parsed_together(joined: bytes, count: int) -> list[dict[str, Any]] | None:
    """The documents of many events; None when any of them is none, as far as orjson can tell.

    Brackets that only match across events could pass as documents, but then there are fewer or more of them;
    who goes to great lengths to have nonsense read as an answer could have sent the answer.
    """
    try:
        documents: list[Any] = orjson.loads(joined)
    except orjson.JSONDecodeError:
        return None
    return documents if len(documents) == count and set(map(type, documents)) == {dict} else None


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
