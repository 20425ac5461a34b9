"""Text in a response that the target does not declare."""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

from bench.core.values.limited_names import MOST_NAMES

# Fields with texts that are no output of the model, by their names.
_NO_OUTPUT = re.compile(
    r"(^|_|(?<=[a-z])(?=[A-Z]))(id|uuid|hash|key|role|type|object|model|name|index|status|event|version|lang|language"
    r"|created|at|time|timestamp|date|fingerprint|obfuscation|reason|signature|provider|tier|format|encrypted.*)$",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"(?=\S*\d)[\w.:/+=-]{16,}$")  # an id or a moment: long, with digits, without spaces
_LETTER = re.compile(r"[^\W\d_]")
_MOST_OBSERVED = 50
_LONGEST_SHOWN = 60
_MOST_SHOWN = 2
_DEEPEST = 6
_MOST_NAMES = 1024  # of fields whose decision is kept
_MOST_ITEMS = 3
_MOST_FIELDS = 100  # of an object, that are looked at for text


class UnreadFields:
    """Finds fields beside the text of a stream that hold other text, which changes from event to event.

    Args:
        place: Path of the object that contains the text.
        declared: Names of the fields in it that the target declares.
    """

    def __init__(self, place: str, declared: frozenset[str]) -> None:
        self._place = place
        self._declared = declared
        self._observed = 0
        self._counts: dict[str, int] = {}
        self._values: dict[str, set[str]] = {}

    def observe(self, holder: Any) -> None:
        """Look at the object of one event."""
        if self._observed >= _MOST_OBSERVED or not isinstance(holder, dict):
            return
        self._observed += 1
        for name, value in islice(holder.items(), MOST_NAMES):
            if value and name not in self._declared and is_output(name, value):
                self._counts[name] = self._counts.get(name, 0) + 1
                self._values.setdefault(name, set()).add(str(value)[:_LONGEST_SHOWN])

    def remarks(self) -> list[str]:
        """Return a remark for each field whose text changed."""
        return [
            f"had a field `{self._place}{_shorten(name)}` that the target does not declare"
            for name, count in self._counts.items()
            if count > 1 and (count < self._observed or len(self._values[name]) > 1)
        ]


def is_output(name: str, value: Any) -> bool:
    """Return whether a field may hold output of the model: words, and no id, role, moment or the like."""
    if isinstance(value, list):
        value = value[0].get("text") if value and isinstance(value[0], dict) else None
    if not isinstance(value, str) or not _may_name_output(name) or _TOKEN.match(value):
        return False
    return _LETTER.search(value) is not None


@lru_cache(_MOST_NAMES)
def _may_name_output(name: str) -> bool:
    """Return whether a field of this name may hold output; all documents of a target have the same names."""
    return _NO_OUTPUT.search(name) is None


def explain_no_text(places: Sequence[str], documents: Sequence[Mapping[str, Any]]) -> str:
    """Return why an answer has no text, and what its documents have instead.

    Args:
        places: The declared places of content, in words.
        documents: Some documents of the answer.
    """
    fields: dict[str, None] = {}
    for document in documents:
        fields |= dict.fromkeys(islice(document, _DEEPEST))
    where = f"no text at {' or '.join(places)}"
    shown = quote_texts(documents)
    if shown:
        return f"{where}; the answer has {shown}"
    if not fields:
        return where
    return f"{where}; the answer has only {', '.join(f'`{name}`' for name in [*fields][:_DEEPEST])}"


def quote_texts(documents: Sequence[Mapping[str, Any]]) -> str:
    """Return the first texts of documents that may be output, with their paths; empty if there are none."""
    texts: dict[str, str] = {}
    for document in documents:
        for path, text in islice(_list_texts(document), _MOST_FIELDS):
            texts.setdefault(path, text)
    return " and ".join(f"`{path}`: {_shorten(text)!r}" for path, text in [*texts.items()][:_MOST_SHOWN])


def _list_texts(value: Any, path: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, str]]:
    """Yield the texts of a document that may be output of a model, with their paths."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = [*islice(value.items(), _MOST_FIELDS)]
    elif isinstance(value, list):
        items = [*enumerate(value[:_MOST_ITEMS])]
    for key, child in items:
        child_path = f"{path}.{key}" if path else str(key)
        if isinstance(child, dict | list):
            yield from _list_texts(child, child_path, depth - 1) if depth else ()
        elif isinstance(child, str) and is_output(str(key), child):
            yield child_path, child


def _shorten(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"
