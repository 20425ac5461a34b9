"""Where things stand in an answer, by its target's declaration: looked up once for all requests."""

from collections.abc import Callable, Mapping, Sequence
from operator import methodcaller
from typing import Any

from bench.core.config.target import Answer, Durations, NdjsonAnswer, SseAnswer

_TO_MS = {"ns": 1e-6, "ms": 1.0, "s": 1000.0}
_LONGEST_TIER_MS = 86_400_000.0

Getter = Callable[[Mapping[str, Any]], Any]


class AnswerForm:
    """A declaration, ready for reading.

    Args:
        answer: The declaration.

    Attributes:
        text: Finds the text in a document.
        ended: Finds what says that a stream of lines is over; None for other kinds.
        done_data: What ends a stream of events; None when an event's name does.
        counted: Names that a document with counts, durations or an error has at its top.
        counted_bytes: The same as they stand in JSON.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.text = _getter(answer.text)
        self.ended = _getter(answer.done) if isinstance(answer, NdjsonAnswer) else None
        done_data = answer.done_data if isinstance(answer, SseAnswer) else None
        self.done_data = None if done_data is None else done_data.encode()
        self.counted = _counted(answer)
        self.counted_bytes = tuple(f'"{name}"'.encode() for name in self.counted)


def _getter(path: str) -> Getter:
    """Finds what stands at a dotted path, split once."""
    keys = path.split(".")
    return methodcaller("get", path) if len(keys) == 1 else lambda document: _walk(document, keys)


def _counted(answer: Answer) -> frozenset[str]:
    """Where counts, durations and errors begin: a document without any of these names has none."""
    durations = answer.durations
    paths = [answer.tokens, *(durations.tiers.values() if durations else ()), durations and durations.total]
    names = {path.split(".")[0] for path in paths if path}
    return frozenset(names | {"error"} if isinstance(answer, NdjsonAnswer) else names)


def at(document: Any, path: str) -> Any:
    """What stands at a dotted path; a number in it counts from 0 in a list. None when nothing does."""
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
    """Milliseconds by tier; what is not a duration is left out, for a body is the target's word."""
    factor = _TO_MS[durations.unit]
    tiers = {
        tier: value
        for tier, path in durations.tiers.items()
        if (value := _duration_ms(at(document, path), factor)) is not None
    }
    total = _duration_ms(at(document, durations.total), factor) if durations.total else None
    if total is not None:
        tiers[durations.rest] = max(0.0, total - sum(tiers.values()))
    return tiers


def _duration_ms(value: Any, factor: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before it is multiplied: JSON knows whole numbers that no float can hold.
    return value * factor if 0 <= value <= _LONGEST_TIER_MS / factor else None
