"""Reads an answer by its target's declaration: text, tokens, tiers, and what is wrong. Times come in."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, assert_never

from bench.core.stream import Decoder, Event, NdjsonDecoder, SseDecoder, StreamError
from bench.core.target import Answer, Durations, JsonAnswer, NdjsonAnswer, SseAnswer

_TO_MS = {"ns": 1e-6, "ms": 1.0, "s": 1000.0}
_LONGEST_TIER_MS = 86_400_000.0
_MOST_TOKENS = 1_000_000_000


@dataclass(slots=True)
class Reading:
    """What an answer holds. What it does not hold is None.

    Attributes:
        text: The whole text.
        problem: Why it is not an answer of its kind.
        tokens: Output tokens that it reports.
        hops: Milliseconds by tier that it reports.
        first_token_s: When the first piece of text came, on the caller's clock; None unless streamed.
        last_token_s: When the last piece came.
        pieces: In how many pieces the text came.
    """

    text: str | None = None
    problem: str | None = None
    tokens: int | None = None
    hops: dict[str, float] = field(default_factory=dict)
    first_token_s: float | None = None
    last_token_s: float | None = None
    pieces: int = 0


class AnswerReader:
    """Takes an answer part by part as it comes.

    Args:
        answer: How it is declared.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._reading = Reading()
        self._texts: list[str] = []
        self._done = False
        self._whole: list[bytes] = []
        self._decoder = _decoder(answer)

    def feed(self, part: bytes, at_s: float) -> None:
        """Take a part that came at `at_s`, in seconds of any clock. Never raises; see `Reading.problem`."""
        if self._decoder is None:
            self._whole.append(part)
            return
        try:
            for event in self._decoder.feed(part):
                self._take(event, at_s)
        except StreamError as error:
            self._fail(str(error))
            self._decoder = None

    def end(self, at_s: float) -> Reading:
        """What the answer came to, now that it is over."""
        if isinstance(self._answer, JsonAnswer):
            document = self._parsed(b"".join(self._whole))
            if document is not None:
                self._note(document)
                self._add_text(document, None)
        elif self._decoder is not None:
            for event in self._decoder.end():
                self._take(event, at_s)
            if not self._done:
                self._fail("the stream ended before it was done")
        self._reading.text = "".join(self._texts) if self._texts else None
        return self._reading

    def _take(self, event: Event, at_s: float) -> None:
        answer = self._answer
        if isinstance(answer, SseAnswer):
            if answer.done_data is not None and event.data == answer.done_data.encode():
                self._done = True
                return
            if answer.error_event is not None and event.name == answer.error_event:
                self._fail(f"the stream failed: {event.data.decode(errors='replace')}")
                return
            self._done = self._done or (answer.done_event is not None and event.name == answer.done_event)
        document = self._parsed(event.data)
        if document is None:
            return
        if isinstance(answer, NdjsonAnswer):
            self._done = self._done or at(document, answer.done) is True
            if isinstance(document.get("error"), str):
                self._fail(f"the stream failed: {document['error']}")
        self._note(document)
        self._add_text(document, at_s)

    def _fail(self, problem: str) -> None:
        """Keep the first problem; half a character that JSON let through could not be written to a file."""
        if self._reading.problem is None:
            self._reading.problem = problem.encode(errors="replace").decode()

    def _parsed(self, content: bytes) -> dict[str, Any] | None:
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            self._fail(f"not JSON: {error}")
            return None
        if not isinstance(document, dict):
            self._fail("not a JSON object")
            return None
        return document

    def _note(self, document: Mapping[str, Any]) -> None:
        """Counts and durations, wherever in a stream they stand."""
        if self._answer.tokens is not None:
            tokens = at(document, self._answer.tokens)
            if isinstance(tokens, int) and not isinstance(tokens, bool) and 0 <= tokens <= _MOST_TOKENS:
                self._reading.tokens = tokens
        if self._answer.durations is not None:
            self._reading.hops |= tiers_ms(document, self._answer.durations)

    def _add_text(self, document: Mapping[str, Any], at_s: float | None) -> None:
        text = at(document, self._answer.text)
        if not isinstance(text, str) or not text:
            return
        self._texts.append(text)
        self._reading.pieces += 1
        if self._reading.first_token_s is None:
            self._reading.first_token_s = at_s
        self._reading.last_token_s = at_s


def at(document: Any, path: str) -> Any:
    """What stands at a dotted path; a number in it counts from 0 in a list. None when nothing does."""
    for part in path.split("."):
        if isinstance(document, list) and part.isdecimal() and int(part) < len(document):
            document = document[int(part)]
        elif isinstance(document, Mapping):
            document = document.get(part)
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


def _decoder(answer: Answer) -> Decoder | None:
    match answer:
        case JsonAnswer():
            return None
        case SseAnswer():
            return SseDecoder()
        case NdjsonAnswer():
            return NdjsonDecoder()
        case _:
            assert_never(answer)
