"""Reads a response by the target's declaration: text, tokens, times, errors, and problems. Without I/O."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, assert_never

import orjson

from bench.core.config.target import Answer, JsonAnswer, NdjsonAnswer, SseAnswer, WebSocketAnswer
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_error import find_error, read_error_event
from bench.core.response.answer_form import AnswerForm
from bench.core.response.document_reader import DocumentReader, without_halves
from bench.core.response.either_form import NO_STREAM, EitherForm
from bench.core.response.json_text import parse_json
from bench.core.response.other_form import explain_body, find_body_error
from bench.core.response.repeated_shape import RepeatedShape
from bench.core.response.rules import describe_place
from bench.core.response.server_words import BodyForm, find_words, guess_form
from bench.core.response.stream import (
    NO_NAMES,
    PLAIN_TEXT,
    EventDecoder,
    Events,
    MessageDecoder,
    NdjsonDecoder,
    SseDecoder,
    StreamError,
)
from bench.core.response.unread import quote_texts

# Number of parts that are decoded together; a part of this size is decoded at once. So at most 64 KiB and one
# part wait. With four times as many, streams that end together would be decoded mostly at their end.
_PARTS_PER_BATCH = 16
_LARGE_PART_BYTES = 4096
_LARGEST_HEAD_BYTES = 65_536  # the part of an unreadable body that is explained
_LARGEST_MARK_BYTES = 16_384  # of a mark that ends the answer, if only without the end of its line
# Events that are read one by one after a failure is known; the rest of the stream is not read.
_MOST_AFTER_FAILURE = 400


class AnswerReader:
    """Reads one response, part by part.

    `feed` only stores a part with its time. Parts are decoded in batches, at half the cost.

    Args:
        form: The declaration of the response.
        paths: Further paths whose values are read.
        content_type: Returns the response's header `Content-Type`, which decides between two forms.
    """

    __slots__ = (
        "_content_type", "_decoder", "_either", "_form", "_head", "_is_over", "_is_too_long", "_last_s",
        "_other_lines", "_parts", "_reader", "_room", "_shape", "_times_s",
    )  # fmt: skip

    def __init__(
        self,
        form: AnswerForm | EitherForm,
        paths: Collection[str] = (),
        content_type: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._either = form if isinstance(form, EitherForm) else None  # until the form is known
        form = form.stream if isinstance(form, EitherForm) else form
        self._form = form
        self._content_type = content_type
        self._reader = DocumentReader(form, paths)
        self._is_over = False  # after a final mark, nothing is read
        self._head = b""  # of a body without a readable document
        self._other_lines = b""  # the first lines of a stream of events that are no events
        self._decoder = _decoder(form.answer)
        self._is_too_long = False  # one event is
        self._room = _MOST_AFTER_FAILURE
        self._parts: list[bytes] = []
        self._times_s: list[float] = []
        self._last_s = 0.0
        self._shape = RepeatedShape(form.decisive_names)

    def feed(self, part: bytes, at_s: float) -> None:
        """Take a part that arrived at `at_s`, in seconds of any clock. Problems are stored, not raised."""
        self._parts.append(part)
        self._times_s.append(at_s)
        if len(self._times_s) >= _PARTS_PER_BATCH or len(part) > _LARGE_PART_BYTES:
            self._decode_parts()

    @property
    def form(self) -> AnswerForm:
        """The declaration that reads the response; of two, the one of the stream until parts are decoded."""
        return self._form

    @property
    def pieces(self) -> int:
        """Number of pieces of text in the parts that are decoded."""
        return len(self._reader.content.token_times_s)

    def is_complete(self) -> bool:
        """Return whether the mark that ends the answer has arrived, if only without the end of its line."""
        self._decode_parts()
        if self._reader.content.ended_s is not None or self._decoder is None:
            return self._reader.content.ended_s is not None
        if self._decoder.waiting_bytes > _LARGEST_MARK_BYTES:
            return False
        events = self._decoder.end(self._last_s)
        return any(map(self._form.is_mark, events.data, events.names))

    def is_decided(self) -> bool:
        """Return whether the answer is complete or has failed, so that no further part changes it."""
        parts = self._parts
        if parts and self._shape.fits(parts[-1]):
            return False
        content = self._reader.content
        count = len(content.token_times_s)
        self._decode_parts()
        if content.ended_s is not None or content.error is not None or content.problem is not None:
            return True
        if len(parts) == 1 and len(content.token_times_s) == count + 1:
            is_reasoning = content.last_reasoning_s == content.token_times_s[-1]
            texts = self._reader.texts.get("reasoning" if is_reasoning else "content")
            if texts:
                self._shape.learn(parts[0], texts[-1])
        return False

    def end(self, content_type: str | None = None, status: int = 200) -> AnswerContent:
        """Return the content of the response, which has ended.

        Args:
            content_type: Its header `Content-Type`.
            status: Its HTTP status.
        """
        if self._either is not None:
            self._choose_form(self._either)
        if isinstance(self._form.answer, JsonAnswer):
            self._end_document()
        else:
            self._end_stream()
        reader = self._reader
        content = reader.content
        if not reader.has_document and not self._is_too_long and content.ended_s is None:
            self._reader.set_error(find_body_error(self._head))
            explanation = explain_body(self._form, self._head, content_type, status)
            content.problem = without_halves(explanation) if explanation else content.problem
        self._reader.finish()
        self._add_remarks()
        return content

    def reaches(self, milestone: str) -> bool:
        """Return whether a milestone has been reached by the parts so far."""
        self._decode_parts()
        return milestone in self._reader.content.milestones

    def leave(self, milestone: str) -> None:
        """End the answer at a milestone that it has reached: the caller leaves there."""
        self._reader.content.left = True
        self._reader.content.ended_s = self._reader.content.milestones[milestone]

    def _choose_form(self, either: EitherForm) -> None:
        """Read the response as a stream or as a document, by its content type and its first bytes."""
        self._either = None
        self._form = either.choose(self._content_type(), b"".join(self._parts))
        self._reader.form = self._form
        if isinstance(self._form.answer, JsonAnswer):
            self._decoder = None
            self._reader.pending = {}

    def _add_remarks(self) -> None:
        """Add what is odd about an answer that has text."""
        content = self._reader.content
        tokens = self._form.answer.tokens
        if self._other_lines and content.ended_s is not None:
            content.remarks.append("had lines that are not part of any event")
        is_whole = content.error is None and content.problem is None and self._reader.texts
        if is_whole and tokens is not None and content.tokens is None:
            counted = ", so pieces of text are counted as tokens" if content.token_times_s else ""
            content.remarks.append(f"had no token count at {describe_place(tokens)}{counted}")

    def _end_document(self) -> None:
        self._head = b"".join(self._parts)
        try:
            document = parse_json(self._head)
        except ValueError as error:
            if guess_form(self._head) is not BodyForm.EMPTY:
                self._reader.set_problem(f"not JSON: {error}")
            return
        if not isinstance(document, dict):
            self._reader.set_problem("not a JSON object")
            return
        if self._form.asks_stream:
            self._reader.set_problem(f"{NO_STREAM}: {find_words(self._head)}")
        plain = self._form.plain.read([document])
        if plain is not None and plain.texts[0]:
            self._reader.has_document = True
            self._reader.read_values(document)
            self._reader.texts[plain.kind] = plain.texts
        else:
            self._reader.read_document(document, None)

    def _end_stream(self) -> None:
        self._decode_parts()
        content = self._reader.content
        is_open = self._decoder is not None
        if self._decoder is not None:
            rest = self._decoder.end(self._last_s)
            if rest.data:
                self._read_events(rest, are_cut=True)
            self._decoder = None
        if content.ended_s is not None:
            content.ended_s = max([content.ended_s, *content.token_times_s[-1:]])
        elif not is_open:
            return
        elif self._other_lines:
            self._reader.set_problem(f"the stream has plain text: {find_words(self._other_lines)}")
        elif not self._form.ends_with_body:
            missing = " and ".join(f"no {mark}" for mark in self._form.marks)
            words = quote_texts([self._reader.last_textless] if self._reader.last_textless else [])
            last = f"; its last event has {words}" if words else ""
            self._reader.set_problem(f"the stream ended before it was done: it has {missing}{last}")

    def _decode_parts(self) -> None:
        """Decode the stored parts of a stream, unless the stream has failed or ended."""
        if self._either is not None and self._parts:
            self._choose_form(self._either)
        if self._decoder is None or not self._parts:
            return
        parts = self._parts
        times_s = self._times_s
        self._parts = []
        self._times_s = []
        self._last_s = times_s[-1]
        try:
            self._read_events(self._decoder.feed(parts, times_s))
        except StreamError as error:
            self._read_events(error.events)
            self._reader.set_problem(str(error))
            self._decoder = None
            self._is_too_long = True
        if self._is_over or not self._room:
            self._decoder = None
        if not self._reader.has_document and len(self._head) < _LARGEST_HEAD_BYTES:
            self._head += b"".join(parts)

    def _read_events(self, events: Events, *, are_cut: bool = False) -> None:
        """Read events. If they are cut, the stream ended within the last of them."""
        if self._read_documents_at_once(events):
            return
        first, last = events.split_last()
        if first.data and self._read_documents_at_once(first):
            events = last
        content = self._reader.content
        for data, at_s, name in zip(events.data, events.times_s, events.names, strict=False):
            if self._is_over or not self._room:
                return
            if data or name is not None:
                self._read_event(data, at_s, name, is_cut=are_cut)
            if content.error is not None or content.problem is not None:
                self._room -= 1

    def _read_documents_at_once(self, events: Events) -> bool:
        """Read events that are documents, up to the last one, which may end the stream.

        Each event is parsed alone: in one joined list, brackets could match across events that are not JSON.

        Returns:
            Whether they are. If not, no event has been read.
        """
        form = self._form
        data = events.data
        ends = data[-1:] == [form.done_data]
        are_plain = events.names is NO_NAMES or form.marked_events.isdisjoint(events.names)
        if self._is_over or not are_plain:
            return False
        documents = _parse_documents(data[:-1] if ends else data)
        if documents is None:
            return False
        if form.reads_event_names:
            documents = [*map(form.with_event_name, documents, events.names)]
        if self._reader.pending:
            self._reader.note_milestones(documents, events.times_s)
        content = self._reader.content
        if content.error is not None or content.problem is not None:
            self._room = max(0, self._room - len(documents))
        self._reader.read(documents, events.times_s)
        if ends:
            self._reader.end_at(events.times_s[-1])
            self._is_over = True
        return True

    def _read_event(self, data: bytes, at_s: float, name: str | None, *, is_cut: bool) -> None:
        form = self._form
        if name == PLAIN_TEXT:
            self._other_lines = self._other_lines or data
        elif name in form.error_events:
            self._reader.set_error(read_error_event(data))
        elif data.strip() == form.done_data:
            self._is_over = True
        elif data.strip() or (form.reads_event_names and name not in form.answer_events):
            self._read_data(data, at_s, name, is_cut=is_cut)
        is_done_event = name is not None and name == form.done_event
        if self._is_over or is_done_event:
            self._reader.end_at(at_s)
        if is_done_event and data.strip():  # without data, it may follow in an event without a name
            self._is_over = True

    def _read_data(self, data: bytes, at_s: float, name: str | None, *, is_cut: bool) -> None:
        """Read the data of an event. Only an event of the answer needs a document; a `ping` needs none."""
        try:
            value = parse_json(data)
        except ValueError as error:
            value = None
            if name in self._form.answer_events and self._reader.content.problem is None:
                self._note_unreadable(data, error, is_cut=is_cut)
        else:
            if not isinstance(value, dict):
                self._reader.set_error(find_error(value))
                if name in self._form.answer_events and self._reader.content.problem is None:
                    self._reader.set_problem(f"not a JSON object: {find_words(data)}")
        document = self._form.with_event_name(value, name)
        if isinstance(document, dict):
            if self._reader.pending:
                self._reader.note_milestones([document], [at_s])
            self._reader.read_document(document, at_s)

    def _note_unreadable(self, data: bytes, error: ValueError, *, is_cut: bool) -> None:
        is_json = guess_form(data) is BodyForm.JSON
        if not (is_json and is_cut):
            problem = f"not JSON: {error}" if is_json else f"the stream has plain text: {find_words(data)}"
            self._reader.set_problem(problem)


def _parse_documents(data: Sequence[bytes]) -> list[dict[str, Any]] | None:
    """Return the documents of events; `None` if one of them is none."""
    try:
        documents = [*map(orjson.loads, data)]
    except orjson.JSONDecodeError:
        try:
            documents = [*map(parse_json, data)]  # accepts more, such as half a character
        except ValueError:
            return None
    return None if {*map(type, documents)} - {dict} else documents


def _decoder(answer: Answer) -> EventDecoder | None:
    match answer:
        case JsonAnswer():
            return None
        case SseAnswer():
            return SseDecoder()
        case NdjsonAnswer():
            return NdjsonDecoder()
        case WebSocketAnswer():
            return MessageDecoder()
        case _:
            assert_never(answer)
