"""Dotted paths into a document, and those that a target declares."""

from collections.abc import Sequence
from typing import Any

from bench.core.config.target import Answer, JsonAnswer

Keys = tuple[str, ...]
"""A path that is split at its dots."""


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
    """Return all paths of a declaration without rules, except for those of durations."""
    paths: list[str] = []
    for places in answer.text_places.values():
        paths += as_paths(places)
    for place in (answer.finish_reason, answer.tokens, answer.reasoning_tokens):
        paths += as_paths(place)
    if not isinstance(answer, JsonAnswer):
        paths += as_paths(answer.done)
    return [*paths, *as_paths(answer.error)]


def as_paths(places: Any) -> tuple[str, ...]:
    """Return those of one or several declared places that are paths."""
    listed = places if isinstance(places, tuple) else (places,)
    return tuple(place for place in listed if isinstance(place, str))


def duration_paths(answer: Answer) -> list[str]:
    """Return the paths of all durations in the body that a target declares."""
    durations = answer.durations
    if durations is None:
        return []
    paths = [place.path for place in durations.places.values()]
    return [*filter(None, (*paths, durations.total))]
