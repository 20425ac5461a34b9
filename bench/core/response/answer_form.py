"""A target's declaration of its response, prepared once for reading many responses."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from bench.core.config.target import Answer, JsonAnswer, SseAnswer, list_paths
from bench.core.response.answer_error import AnswerError, find_envelope_error, find_error
from bench.core.response.paths import declared_paths, duration_paths, walk
from bench.core.response.pieces import Piece, split_pieces
from bench.core.response.plain_events import PlainEvents
from bench.core.response.tier_times import TierReader
from bench.core.response.unread import UnreadFields

# Texts that servers write for a reason that they do not have.
_NO_REASONS = {"", "null", "none", "false"}

Keys = tuple[str, ...]
Place = tuple[int, str]
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

    Attributes:
        answer: The declaration.
        plain: Reads events that hold nothing but text.
        text_paths: Declared places of content.
        holder: Keys of the object that contains the first of them.
        done_data: Data of the event that ends a stream of events, if the target declares it.
        done_event: Name of the event that ends a stream of events, if the target declares it.
        ends_with_body: Whether the end of the body ends the answer.
        error_events: Names of the events that report an error.
        answer_events: Names of the events whose data must be a document.
        counted: Top-level names of documents that contain token counts or durations.
        tier_reader: Reads the tier times.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.plain = PlainEvents(answer)
        self.text_paths = answer.text_places.get("content", ())
        self.holder = _split(self.text_paths)[0][:-1] if self.text_paths else ()
        self.ends_with_body = isinstance(answer, JsonAnswer) or answer.done_with_body
        self.done_data: bytes | None = None
        self.done_event: str | None = None
        self.answer_events = frozenset({None, "message"})
        self.error_events = frozenset({"error"})
        if isinstance(answer, SseAnswer):
            self.done_data = answer.done_data.strip().encode() if answer.done_data else None
            self.done_event = answer.done_event
            self.error_events |= {answer.error_event or "error"}
        counts = [*filter(None, (answer.tokens, answer.reasoning_tokens)), *duration_paths(answer)]
        self.counted = frozenset(keys[0] for keys in _split(counts))
        self.tier_reader = TierReader(answer.durations)
        self._parents: list[Keys] = []
        self._texts = [(kind, self._places(paths)) for kind, paths in answer.text_places.items()]
        self._errors = self._places(list_paths(answer.error))
        self._done_paths = () if isinstance(answer, JsonAnswer) else list_paths(answer.done)
        self._done = self._places(self._done_paths)
        reasons = [path for path in self._done_paths if path.lower().endswith("reason")]
        self._reasons = self._places([*filter(None, (answer.finish_reason,)), *reasons])
        depth = len(self.holder)
        self._holder_place = "".join(f"{key}." for key in self.holder)
        self._holder_fields = frozenset(
            keys[depth] for keys in _split(declared_paths(answer)) if keys[:depth] == self.holder != keys
        )

    def unread_fields(self) -> UnreadFields:
        """Return an observer of the text that the target does not declare, for one response."""
        return UnreadFields(self._holder_place, self._holder_fields)

    def read(self, document: Any) -> DocumentContent:
        """Return the content of a document."""
        parents = [walk(document, keys) for keys in self._parents]
        done = [_value_of(parents, place) for place in self._done]
        reasons = [_value_of(parents, place) for place in self._reasons]
        errors = [_value_of(parents, place) for place in self._errors]
        pieces = self._find_pieces(parents)
        error = find_error(document, errors, reasons)
        return DocumentContent(
            pieces=pieces,
            ends=any(map(_is_end, done)),
            finish_reason=next(filter(None, map(_name_reason, reasons)), None),
            error=error if error is not None or pieces else find_envelope_error(document),
        )

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

    def _places(self, paths: Sequence[str]) -> list[Place]:
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
            marks.append(f"`data: {self.done_data.decode()}`")
        if self.done_event is not None:
            marks.append(f"event `{self.done_event}`")
        return [*marks, *(f"value at `{path}`" for path in self._done_paths)]

    def is_mark(self, data: bytes, name: str | None) -> bool:
        """Return whether an event ends the answer."""
        if data.strip() == self.done_data or (name is not None and name == self.done_event):
            return True
        try:
            return self.read(orjson.loads(data)).ends
        except orjson.JSONDecodeError:
            return False


def _split(paths: Sequence[str]) -> list[Keys]:
    return [tuple(path.split(".")) for path in paths]


def _value_of(parents: Sequence[Any], place: Place) -> Any:
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
