"""Finds the texts of many documents at once, if they hold one piece of text each at most, and nothing else.

Nearly all documents of a stream are like this, and nearly all of the reader's time is spent on them.
"""

from collections.abc import Callable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from bench.core.config.target import Answer, TextKind
from bench.core.response.answer_error import ERROR_MARKS
from bench.core.response.paths import as_paths, declared_paths, duration_paths

_ERROR = "error"
_ERROR_FIELDS = frozenset({"error", "errors"})
_TYPE_FIELDS = frozenset(ERROR_MARKS)  # have the value "error" in documents that report one


class PlainTexts(NamedTuple):
    """The texts of some documents."""

    kind: TextKind
    """Kind of all texts."""
    texts: list[str]
    """Text of each document; empty if it has nothing to read."""


class TextStep(NamedTuple):
    """One step on the way to a text."""

    key: str | int
    """Key of the next object on the way."""
    getter: Callable[[Any], Any]
    """Returns the next object on the way."""
    others: frozenset[str]
    """Fields beside the way that are read. A document in which one of them has a value is not plain."""
    types: frozenset[str]
    """Fields beside the way in which a plain document does not have the value "error"."""
    refused: frozenset[str]
    """Fields beside the way that a plain document does not have, not even with the value 0."""


class _Way(NamedTuple):
    kind: TextKind
    steps: Sequence[TextStep]


class PlainEvents:
    """Reads documents whose only piece of text is at one declared place of content or reasoning.

    Args:
        answer: The declaration of the response, without rules.
    """

    def __init__(self, answer: Answer) -> None:
        declared = [path.split(".") for path in declared_paths(answer)]
        durations = frozenset(path.partition(".")[0] for path in duration_paths(answer))
        kinds: tuple[TextKind, ...] = ("content", "reasoning")
        self._ways: list[_Way] = []
        for kind in kinds:
            for path in as_paths(answer.text_places.get(kind, ())):
                steps = plan_text(path.split("."), declared, durations)
                if steps:
                    self._ways.append(_Way(kind, steps))

    def read(self, documents: Sequence[Any]) -> PlainTexts | None:
        """Return the texts of documents; `None` if one of them holds more than a text, or something else."""
        for kind, steps in self._ways:
            try:
                texts = _follow(steps, documents)
            except (LookupError, TypeError):  # another way
                continue
            if texts is not None:
                return PlainTexts(kind, texts)
        return None


def _follow(steps: Sequence[TextStep], documents: Sequence[Any]) -> list[Any] | None:
    """Return the texts at the end of a way; `None` if a document has anything beside it."""
    objects = documents
    passed = []
    for step in steps:
        passed.append(objects)
        objects = [*map(step.getter, objects)]
    if {*map(type, objects)} != {str}:
        return None
    for step, holders in zip(steps, passed, strict=True):
        if step.others and not _are_silent(holders, step):
            return None
    return [*objects]


def _are_silent(objects: Sequence[dict[str, Any]], step: TextStep) -> bool:
    """Return whether the fields beside the way have no values; many servers write them with null."""
    names: set[str] = set().union(*objects)
    if len(names) == 1:
        return True  # the way itself
    if not names.isdisjoint(step.refused):
        return False
    for name in names & step.others:
        if any(map(dict.get, objects, repeat(name))):
            return False
    return all(_ERROR not in map(dict.get, objects, repeat(name)) for name in names & step.types)


def plan_text(
    keys: list[str], declared: Sequence[list[str]], refused: frozenset[str] = frozenset()
) -> list[TextStep]:
    """Return the steps to a text; without steps, no document is plain.

    Args:
        keys: The path of the text.
        declared: All paths that are read, each split into its keys.
        refused: Names at the top that a plain document does not have.
    """
    is_inside = any(keys[: len(other)] == other for other in declared if len(other) < len(keys))
    # Characters of a text have indexes, too.
    is_number = keys[0].isdecimal() or keys[-1].isdecimal()
    if is_inside or is_number or declared.count(keys) > 1 or keys[0] in _TYPE_FIELDS | _ERROR_FIELDS:
        return []
    steps: list[TextStep] = []
    for depth, key in enumerate(keys):
        names = {other[depth] for other in declared if other[:depth] == keys[:depth] and len(other) > depth}
        names.discard(key)
        if names and key.isdecimal():  # paths that part at a list would need its length
            return []
        index = int(key) if key.isdecimal() else key
        if depth > 0:
            steps.append(TextStep(index, itemgetter(index), frozenset(names), frozenset(), frozenset()))
        else:
            others = frozenset(names | _ERROR_FIELDS)
            steps.append(TextStep(index, itemgetter(index), others, _TYPE_FIELDS - names, refused))
    return steps
