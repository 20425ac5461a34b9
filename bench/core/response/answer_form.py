"""A target's declaration of its response, prepared once for reading many responses."""

from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from typing import Any

from bench.core.config.target import Answer, Durations, JsonAnswer, NdjsonAnswer, SseAnswer, list_paths

_MS_PER_UNIT = {"ns": 1e-6, "ms": 1.0, "s": 1000.0}
_LONGEST_TIER_MS = 86_400_000.0

Getter = Callable[[Mapping[str, Any]], Any]


class AnswerForm:
    """A declaration, prepared for reading.

    Args:
        answer: The declaration.

    Attributes:
        text: Returns the text of a document.
        ended: Returns the value that ends a stream of lines; not set for other forms.
        done_data: Data of the event that ends a stream of events; not set if an event's name does.
        counted: Top-level names of documents that contain token counts, durations or an error.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.text = _getter(answer.text_places["content"][0])
        done = () if isinstance(answer, JsonAnswer) else list_paths(answer.done)
        self.ended = _getter(done[0]) if done else None
        done_data = answer.done_data if isinstance(answer, SseAnswer) else None
        self.done_data = None if done_data is None else done_data.encode()
        self.counted = _counted_names(answer)


def _getter(path: str) -> Getter:
    """Return a function that reads a dotted path, which is split only once."""
    keys = path.split(".")
    return methodcaller("get", path) if len(keys) == 1 else lambda document: _walk(document, keys)


def _counted_names(answer: Answer) -> frozenset[str]:
    """Return the top-level names of counts, durations and errors. Few documents of a stream have them."""
    paths = [answer.tokens]
    if answer.durations is not None:
        paths += [*answer.durations.tiers.values(), answer.durations.total]
    names = {path.split(".")[0] for path in paths if path}
    if isinstance(answer, NdjsonAnswer):
        names.add("error")
    return frozenset(names)


def value_at(document: Any, path: str) -> Any:
    """Return the value at a dotted path, if there is one. A number is an index of a list, from 0."""
    return _walk(document, path.split("."))


def _walk(document: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdecimal() and int(key) < len(document):
            document = document[int(key)]
        else:
            return None
    return document


def tiers_ms(document: Mapping[str, Any], durations: Durations) -> dict[str, float]:
    """Return the time of each tier in milliseconds. Invalid values are skipped, since a target sends them."""
    ms_per_unit = _MS_PER_UNIT[durations.unit]
    tiers = {}
    for tier, path in durations.tiers.items():
        duration_ms = _duration_ms(value_at(document, path), ms_per_unit)
        if duration_ms is not None:
            tiers[tier] = duration_ms
    if durations.total:
        total_ms = _duration_ms(value_at(document, durations.total), ms_per_unit)
        if total_ms is not None:
            tiers[durations.rest] = max(0.0, total_ms - sum(tiers.values()))
    return tiers


def _duration_ms(value: Any, ms_per_unit: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before the multiplication: an integer of JSON may be too large for a float.
    return value * ms_per_unit if 0 <= value <= _LONGEST_TIER_MS / ms_per_unit else None
