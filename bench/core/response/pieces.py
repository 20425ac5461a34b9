"""Pieces of text in a document: at which places they are, and of which kind."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.core.config.target import TextKind

_DEEPEST = 6  # parts within the text of a part, as Mistral's reasoning has them
# Kinds by the beginning of a part's type: `thinking`, `thinking_delta`, … A part of another type, such as
# `text`, has the kind of its place.
_KINDS: Mapping[str, TextKind] = {
    "thinking": "reasoning",
    "reasoning": "reasoning",
    "refusal": "refusal",
    "tool": "tool_call",
    "function": "tool_call",
    "input_json": "tool_call",
    "audio": "audio",
    "output_audio": "audio",
}
# Fields of a part that hold its text.
_TEXT_FIELDS = ("text", "content", "thinking", "reasoning", "summary", "refusal", "transcript")


class Piece(NamedTuple):
    """A piece of text."""

    kind: TextKind
    """Kind of text."""
    text: str
    """The text; empty for a call of a tool."""
    call: Mapping[str, Any] | None = None
    """The call of a tool, or a part of it."""


def split_pieces(value: Any, kind: TextKind, depth: int = _DEEPEST) -> list[Piece]:
    """Return the pieces of text in the value at a declared place: a text, or a list of parts with types.

    Args:
        value: The value.
        kind: Kind of the place. A part's own type has priority.
        depth: Number of lists that may contain each other.
    """
    if not value or depth == 0:
        return []
    if isinstance(value, list):
        return [piece for item in value for piece in split_pieces(item, kind, depth - 1)]
    if isinstance(value, str):
        return [Piece(kind, "", {"name": value}) if kind == "tool_call" else Piece(kind, value)]
    return _split_part(value, kind, depth - 1) if isinstance(value, dict) else []


def _split_part(part: Mapping[str, Any], kind: TextKind, depth: int) -> list[Piece]:
    own_kind = "reasoning" if part.get("thought") is True else _find_kind(part.get("type")) or kind
    if own_kind == "tool_call":
        return [Piece(own_kind, "", part)]
    for name in _TEXT_FIELDS:
        pieces = split_pieces(part.get(name), own_kind, depth)
        if pieces:
            return pieces
    return []


def _find_kind(part_type: Any) -> TextKind | None:
    if not isinstance(part_type, str):
        return None
    for beginning, kind in _KINDS.items():
        if part_type.startswith(beginning):
            return kind
    return None


class ToolCalls:
    """Collects the names of the tools that an answer calls. A stream may send a call in many parts."""

    def __init__(self) -> None:
        self._names: dict[object, str] = {}

    def add(self, call: Mapping[str, Any]) -> None:
        """Add a call or a part of it. Parts of one call have the same index or id."""
        function = call.get("function")
        inner = function if isinstance(function, dict) else call
        name = inner.get("name")
        if not isinstance(name, str) or not name:
            return
        key = next(filter(_is_key, (call.get("index"), inner.get("index"), call.get("id"))), None)
        self._names.setdefault(len(self._names) + 0.5 if key is None else key, name)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of their calls."""
        return tuple(self._names.values())


def _is_key(value: Any) -> bool:
    return isinstance(value, int | str) and value != ""


def join_pieces(pieces: Sequence[str]) -> str | None:
    """Return a text from its pieces, or `None` without any. Halves of a character that meet are joined."""
    if not pieces:
        return None
    text = "".join(pieces)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text
