"""A target's declaration of its response, prepared once for reading many responses."""

from collections.abc import Sequence
from typing import Any, NamedTuple, assert_never

import orjson

from bench.core.config.stream_rules import EVENT
from bench.core.config.target import Answer, JsonAnswer, NdjsonAnswer, SseAnswer, WebSocketAnswer
from bench.core.response.answer_error import (
    ERROR_FIELDS,
    ERROR_MARKS,
    AnswerError,
    find_envelope_error,
    find_error,
    find_status,
)
from bench.core.response.milestones import prepare_milestones
from bench.core.response.paths import Keys, as_paths, declared_paths, duration_paths, walk
from bench.core.response.pieces import Piece, split_pieces
from bench.core.response.plain_events import PlainEvents, PlainTexts
from bench.core.response.rules import (
    Applied,
    Rules,
    SelectedAnswer,
    describe_mark,
    describe_place,
    ignore_rules,
    list_marks,
    reads_event_names,
)
from bench.core.response.server_words import explain
from bench.core.response.stream import PLAIN_TEXT
from bench.core.response.tier_times import TierReader
from bench.core.response.unread import UnreadFields

_ERROR = "error"
# Texts that servers write for a reason that they do not have.
_NO_REASONS = {"", "null", "none", "false"}

FieldPlace = tuple[int, str]
"""A field of an object: the index of the object's path, and the name of the field."""


class DocumentContent(NamedTuple):
    """The content of one document."""

    pieces: Sequence[Piece]
    """Pieces of text."""
    ends: bool
    """Whether the document ends the answer."""
    finish_reason: str | None
    """Why the model stopped, if the document reports it."""
    error: AnswerError | None
    """The error that the document reports."""


class AnswerForm:
    """A declaration, prepared for reading.

    Args:
        answer: The declaration.
        asks_stream: Whether the request asks for a stream.

    Attributes:
        answer: The declaration.
        asks_stream: Whether the request asks for a stream.
        decisive_names: Names of the fields whose values may end the answer.
        has_rules: Whether the values of a document decide which places of the declaration apply to it.
        plain: Reads events that hold nothing but text.
        milestones: Moments within the answer, by name.
        reads_event_names: Whether the declaration has conditions on the names of events.
        text_places: Declared places of content, in words.
        holder: Keys of the object that contains the first of them.
        done_data: Data of the event or message that ends a stream, if the target declares it.
        done_event: Name of the event that ends a stream of events, if the target declares it.
        ends_with_body: Whether the end of the body, or a normal close of a WebSocket, ends the answer.
        error_events: Names of the events that report an error.
        marked_events: Names of the events that are more than a document: errors, the end, and lines of text.
        answer_events: Names of the events whose data must be a document.
        tokens: Path of the number of tokens.
        reasoning_tokens: Path of the number of tokens of the reasoning.
        counted: Top-level names of documents that contain token counts or durations.
        tier_reader: Reads the tier times.
    """

    def __init__(self, answer: Answer, *, asks_stream: bool = False) -> None:
        self.answer = answer
        self.asks_stream = asks_stream
        self.milestones = prepare_milestones(answer)
        self.reads_event_names = reads_event_names(answer)
        self.text_places = [*map(describe_place, answer.text_places.get("content", ()))]
        self.ends_with_body = _ends_with_body(answer)
        self._set_events(answer)
        rules = Rules(answer)
        self.has_rules = not rules.are_empty
        self.decisive_names = rules.names.union(*(path.split(".")[-1:] for path in _deciding_paths(answer)))
        self.plain: PlainEvents | _RuledEvents
        if rules.are_empty:
            self._rules = None
            self.plain = PlainEvents(answer)
            self._set_places(answer)
        else:
            self._rules = rules
            self.plain = _RuledEvents(self)
            self._set_places(ignore_rules(answer))
        self._selected: dict[Applied, AnswerForm] = {}
        self.ends_always = False
        self.is_error = False
        self._read_fields |= rules.fields
        without_fields = self.select({})
        self._always_reads = without_fields.ends_always or without_fields.is_error

    def _set_events(self, answer: Answer) -> None:
        self.done_data: bytes | None = None
        self.done_event: str | None = None
        self.answer_events = frozenset({None, "message"})
        self.error_events = frozenset({"error"})
        if isinstance(answer, SseAnswer):
            self.done_data = answer.done_data.strip().encode() if answer.done_data else None
            self.done_event = answer.done_event
            self.error_events |= {answer.error_event or "error"}
        elif isinstance(answer, WebSocketAnswer):
            self.done_data = answer.done_data.strip().encode() if answer.done_data else None
        self.marked_events = self.error_events | {PLAIN_TEXT} | ({self.done_event} - {None})

    def _set_places(self, answer: Answer) -> None:
        """Prepare the places of a declaration without rules."""
        texts = {kind: as_paths(places) for kind, places in answer.text_places.items()}
        content = texts.get("content", ())
        self.holder = _split(content)[0][:-1] if content else ()
        self.tokens = next(iter(as_paths(answer.tokens)), None)
        self.reasoning_tokens = next(iter(as_paths(answer.reasoning_tokens)), None)
        counts = [*filter(None, (self.tokens, self.reasoning_tokens)), *duration_paths(answer)]
        self.counted = frozenset(keys[0] for keys in _split(counts))
        self.tier_reader = TierReader(answer.durations)
        self._parents: list[Keys] = []
        self._texts = [(kind, self._places(paths)) for kind, paths in texts.items()]
        self._errors = self._places(as_paths(answer.error))
        done_paths = () if isinstance(answer, JsonAnswer) else as_paths(answer.done)
        self._done = self._places(done_paths)
        reasons = [path for path in done_paths if path.lower().endswith("reason")]
        self._reasons = self._places([*as_paths(answer.finish_reason), *reasons])
        paths = [*declared_paths(answer), *duration_paths(answer)]
        self._read_fields = ERROR_FIELDS.union(keys[0] for keys in _split(paths))
        depth = len(self.holder)
        self._holder_place = "".join(f"{key}." for key in self.holder)
        self._holder_fields = frozenset(
            keys[depth] for keys in _split(declared_paths(answer)) if keys[:depth] == self.holder != keys
        )

    def select(self, document: Any) -> "AnswerForm":
        """Return the part of the declaration that applies to a document: all of it, without rules."""
        return self if self._rules is None else self.select_applied(self._rules.apply(document))

    def select_applied(self, applied: Applied) -> "AnswerForm":
        """Return the part of the declaration for documents that fulfil these conditions."""
        form = self._selected.get(applied)
        if form is None:
            assert self._rules is not None  # noqa: S101 - the callers have rules
            form = self._selected[applied] = _prepare_selected(self._rules.select(applied))
        return form

    def unread_fields(self) -> UnreadFields:
        """Return an observer of the text that the target does not declare, for one response."""
        return UnreadFields(self._holder_place, self._holder_fields)

    def is_silent(self, document: dict[str, Any]) -> bool:
        """Return whether a document certainly has nothing to read: no declared field, and no error."""
        if self._always_reads or not self._read_fields.isdisjoint(document):
            return False
        return all(document.get(name) != _ERROR for name in ERROR_MARKS)

    def read(self, document: Any, *, reads_error: bool = True) -> DocumentContent:
        """Return the content of a document; the form must be the one that `select` returned for it.

        Args:
            document: The document.
            reads_error: Whether its error is of interest.
        """
        parents = [walk(document, keys) for keys in self._parents]
        reasons = [_value_of(parents, place) for place in self._reasons]
        pieces = self._find_pieces(parents)
        error = self._find_error(document, parents, reasons) if reads_error else None
        if reads_error and error is None and not pieces:
            error = find_envelope_error(document)
        return DocumentContent(
            pieces=pieces,
            ends=self.ends_always or any(_is_end(_value_of(parents, place)) for place in self._done),
            finish_reason=next(filter(None, map(_name_reason, reasons)), None),
            error=error,
        )

    def _find_error(
        self, document: Any, parents: Sequence[Any], reasons: Sequence[Any]
    ) -> AnswerError | None:
        errors = [_value_of(parents, place) for place in self._errors]
        error = find_error(document, errors, reasons)
        if error is None and self.is_error:
            return AnswerError(explain(document), find_status(document))
        return error

    def _find_pieces(self, parents: Sequence[Any]) -> list[Piece]:
        """Return the pieces of text of a document. Of each kind, the first place with text is read."""
        document_pieces: list[Piece] = []
        for kind, places in self._texts:
            for place in places:
                value = _value_of(parents, place)
                pieces = split_pieces(value, kind) if value else ()
                if pieces:
                    document_pieces += pieces
                    break
        return document_pieces

    def _places(self, paths: Sequence[str]) -> list[FieldPlace]:
        """Return the places of paths. Paths into the same object share its index."""
        places = []
        for *parent, name in _split(paths):
            keys = tuple(parent)
            if keys not in self._parents:
                self._parents.append(keys)
            places.append((self._parents.index(keys), name))
        return places

    @property
    def marks(self) -> Sequence[str]:
        """The declared marks that end a stream, as people read them."""
        marks = []
        if self.done_data is not None:
            text = self.done_data.decode()
            is_message = isinstance(self.answer, WebSocketAnswer)
            marks.append(f"message `{text}`" if is_message else f"`data: {text}`")
        if self.done_event is not None:
            marks.append(f"event `{self.done_event}`")
        done = None if isinstance(self.answer, JsonAnswer) else self.answer.done
        return [*marks, *map(describe_mark, list_marks(done))]

    def is_mark(self, data: bytes, name: str | None) -> bool:
        """Return whether an event ends the answer."""
        if data.strip() == self.done_data or (name is not None and name == self.done_event):
            return True
        try:
            document = self.with_event_name(orjson.loads(data), name)
        except orjson.JSONDecodeError:
            return False
        return self.select(document).read(document).ends

    def with_event_name(self, document: Any, name: str | None) -> Any:
        """Return a document with the name of its event, if conditions of the declaration read it."""
        if name is None or not self.reads_event_names:
            return document
        return {**(document if isinstance(document, dict) else {}), EVENT: name}


class _RuledEvents:
    """Reads documents to which the same rules apply, if they hold nothing but text."""

    def __init__(self, form: AnswerForm) -> None:
        self._form = form

    def read(self, documents: Sequence[Any]) -> PlainTexts | None:
        """Return the texts of documents; `None` if other rules apply to one of them, or it holds more."""
        forms = {self._form.select(document) for document in documents}
        form = forms.pop()
        if forms or form.ends_always or form.is_error:
            return None
        return form.plain.read(documents)


def _deciding_paths(answer: Answer) -> list[str]:
    """Return the paths whose values may end an answer or report an error."""
    done = () if isinstance(answer, JsonAnswer) else as_paths(answer.done)
    return [*done, *as_paths(answer.error), *as_paths(answer.finish_reason), *ERROR_MARKS, _ERROR, "errors"]


def _ends_with_body(answer: Answer) -> bool:
    match answer:
        case JsonAnswer():
            return True
        case SseAnswer() | NdjsonAnswer():
            return answer.done_with_body
        case WebSocketAnswer():
            return answer.done_with_close
        case _:
            assert_never(answer)


def _prepare_selected(selected: SelectedAnswer) -> AnswerForm:
    form = AnswerForm(selected.answer)
    form.ends_always = selected.ends
    form.is_error = selected.is_error
    return form


def _split(paths: Sequence[str]) -> list[Keys]:
    return [tuple(path.split(".")) for path in paths]


def _value_of(parents: Sequence[Any], place: FieldPlace) -> Any:
    index, name = place
    parent = parents[index]
    return parent.get(name) if isinstance(parent, dict) else walk(parent, (name,))


def _is_end(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().lower() not in _NO_REASONS
    return value is True or (isinstance(value, dict) and bool(value))


def _name_reason(value: Any) -> str | None:
    """Return why the model stopped; SGLang writes `{"type": "stop", …}`."""
    reason = value.get("type") if isinstance(value, dict) else value
    return reason if isinstance(reason, str) and _is_end(reason) else None
