"""Dotted paths into a document, and those that a target declares."""

from collections.abc import Sequence
from typing import Any

from bench.core.config.target import Answer, JsonAnswer, list_paths


def value_at(document: Any, path: str) -> Any:
    """Return the value at a dotted path, if there is one. A number is an index of a list, from 0."""
    return walk(document, path.split("."))


def walk(document: Any, keys: Sequence[str]) -> Any:
    """Return the value at a path that is split into its keys, if there is one."""
    for key in keys:
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def declared_paths(answer: Answer) -> list[str]:
    """Return all paths that a target declares, without those of durations."""
    paths: list[str] = []
    for places in answer.text_places.values():
        paths += places
    paths += [*filter(None, (answer.finish_reason, answer.tokens, answer.reasoning_tokens))]
    if not isinstance(answer, JsonAnswer):
        paths += list_paths(answer.done)
    return [*paths, *list_paths(answer.error)]


def duration_paths(answer: Answer) -> list[str]:
    """Return the paths of all durations in the body that a target declares."""
    durations = answer.durations
    if durations is None:
        return []
    paths = [place.path for place in durations.places.values()]
    return [*filter(None, (*paths, durations.total))]
