"""Parts of generated answers: the bytes of an event, and its meaning."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from random import Random
from typing import Any

from bench.core.samples.sample import Outcome

_WORDS = (
    *(
        "tea",
        " pot",
        " boils",
        "\n",
        " ",
        " 🍵",
        " über",
        "\u2028",
        "\x85",
        "\0",
        "\\",
        "\t",
        "中文",
        "\U0001d518",
    ),
    *('"quoted"', " data: [DONE]", ' {"error": 1}', " error: none", "<think>"),
)
_STATUSES = (None, 200, 400, 401, 404, 408, 422, 429, 500, 502, 503, 529)
_NO_STATUSES: tuple[Any, ...] = (0, -1, 99_999, "overloaded", True, 4.5)
_GARBAGE = (b"<html>", b"oops", b"{", b'{"a":', b"[1]", b'"x"', b"7")
_EMPTY_ERRORS: tuple[Any, ...] = (None, "", False, 0, {}, [])
_ODD_COUNTS: tuple[Any, ...] = (0, None, -1, "many", True, 2.5, {}, 10**20)


class Choices(Random):
    """A source of all choices of one answer."""

    def chance(self, share: float) -> bool:
        """Return True in this share of all calls."""
        return self.random() < share


class Meaning(Enum):
    """What an event is to a reader of the answer."""

    TEXT = "text"
    REASONING = "reasoning"
    USAGE = "usage"
    ERROR = "error"
    GARBAGE = "garbage"
    NOTHING = "nothing"
    PATH_MARK = "path mark"
    FINAL_MARK = "final mark"


@dataclass(frozen=True)
class Event:
    """An event of a stream, or a document."""

    content: bytes
    """Its bytes without the line ends after it."""
    meaning: Meaning = Meaning.NOTHING
    """Its meaning."""
    value: Any = None
    """Its text, number of tokens, or the words of its error."""
    outcome: Outcome = Outcome.OK
    """The outcome that it gives to the request."""


def outcome_of(status: Any) -> Outcome:
    """Return the outcome of an error with this status."""
    if status in {401, "401"}:
        return Outcome.UNAUTHORIZED
    if status in {429, "429"}:
        return Outcome.RATE_LIMITED
    digits = isinstance(status, str) and status.isdecimal()
    number = int(status) if digits else status
    if isinstance(number, int) and 400 <= number < 600:  # noqa: PLR2004 - failures, by RFC 9110
        return Outcome.HTTP_ERROR
    return Outcome.REPORTED_ERROR


class Writer:
    """Writes events in one style.

    Args:
        choose: The source of all choices.
        is_sse: Whether events are server-sent events; otherwise each is one line of JSON.

    Attributes:
        is_sse: See above.
        escapes: Whether JSON is written in ASCII.
        terminator: The line ends after each event.
    """

    def __init__(self, choose: Choices, *, is_sse: bool) -> None:
        self._choose = choose
        self.is_sse = is_sse
        self.escapes = choose.chance(0.4)
        self._separators = choose.choice([(",", ":"), (", ", ": ")])
        self._blank = choose.choice([b"", b" "])
        newline = choose.choice([b"\n", b"\n", b"\r\n", b"\r"]) if is_sse else choose.choice([b"\n", b"\r\n"])
        self._newline = newline
        self.terminator = newline * 2 if is_sse else newline

    def json(self, value: Any) -> bytes:
        """Return a value as JSON."""
        text = json.dumps(value, ensure_ascii=self.escapes, separators=self._separators)
        return text.encode("utf-8", "surrogatepass")

    def event(self, value: Any, name: str | None = None) -> bytes:
        """Return a value as an event without its line ends."""
        return self.field(self.json(value), name)

    def field(self, data: bytes, name: str | None = None) -> bytes:
        """Return data as an event without its line ends."""
        if not self.is_sse:
            return data
        head = b"" if name is None else b"event:" + self._blank + name.encode() + self._newline
        return head + b"data:" + self._blank + data

    def words(self) -> str:
        """Return a piece of text."""
        return "".join(self._choose.choices(_WORDS, k=self._choose.randint(1, 4)))

    def text(self, text: str) -> Event:
        """Return an event with a piece of the answer."""
        choose = self._choose
        value: dict[str, Any] = {"message": {"role": "assistant", "content": text}, "done": False}
        if self.is_sse:
            parts = [{"type": "text", "text": text}]
            content: Any = text if choose.chance(0.9) else parts
            value = {"choices": [{"index": 0, "delta": {"content": content}, "finish_reason": None}]}
        if choose.chance(0.1):
            value["error"] = choose.choice(_EMPTY_ERRORS)
        return Event(self.event(value), Meaning.TEXT, text)

    def reasoning(self, text: str) -> Event:
        """Return an event with a piece of reasoning."""
        value: dict[str, Any] = {"message": {"content": "", "thinking": text}, "done": False}
        if self.is_sse:
            delta: dict[str, Any] = {self._choose.choice(["reasoning", "reasoning_content"]): text}
            contents: Sequence[dict[str, Any]] = ({}, {"content": ""}, {"content": None})
            delta |= self._choose.choice(contents)
            value = {"choices": [{"delta": delta}]}
        return Event(self.event(value), Meaning.REASONING, text)

    def usage(self, tokens: Any) -> Event:
        """Return an event with a count of tokens, which may be impossible."""
        value: dict[str, Any] = {"choices": [], "usage": {"completion_tokens": tokens}}
        if not self.is_sse:
            value = {"message": {"content": ""}, "done": False, "eval_count": tokens}
        possible = isinstance(tokens, int) and not isinstance(tokens, bool) and 0 < tokens < 10**9
        return Event(self.event(value), Meaning.USAGE, tokens if possible else None)

    def odd_usage(self) -> Event:
        """Return an event whose count is impossible."""
        return self.usage(self._choose.choice(_ODD_COUNTS))

    def nothing(self) -> Event:
        """Return bytes without a meaning."""
        lines: Sequence[bytes] = (b"", b"  ", self.json({"done": False}), self.json({"message": None}))
        if self.is_sse:
            role = {"choices": [{"delta": {"role": "assistant", "content": self._choose.choice(["", None])}}]}
            lines = (
                b": keep alive",
                b":",
                b"retry: 10",
                b"id: 7",
                b"data:",
                b"data: ",
                b"unknown: field",
                b"event: ping" + self._newline + b"data: now",
                self.event({"type": "ping"}, "ping"),
                self.event(role),
                self.event({"choices": None}),
                self.event({"choices": [], "prompt_filter_results": []}),
            )
        return Event(self._choose.choice(lines))

    def garbage(self) -> Event:
        """Return an event that is no JSON object."""
        return Event(self.field(self._choose.choice(_GARBAGE)), Meaning.GARBAGE)

    def error(self) -> Event:
        """Return an event that reports an error."""
        choose = self._choose
        words = f"fault {choose.randrange(1000)} in the {choose.choice(['kitchen', 'Küche', '厨房'])}"
        status: Any = choose.choice(_STATUSES)
        if status is not None and choose.chance(0.3):
            status = str(status)
        elif choose.chance(0.2):
            status = choose.choice(_NO_STATUSES)
        shape = choose.choice([*_ERRORS, *_SSE_ERRORS] if self.is_sse else _ERRORS)
        content, is_known = shape(self, words, status)
        return Event(
            content, Meaning.ERROR, words, outcome_of(status) if is_known else Outcome.REPORTED_ERROR
        )

    def details(self, words: str, status: Any) -> dict[str, Any]:
        """Return an object that describes an error."""
        choose = self._choose
        value: dict[str, Any] = {"message": words}
        if choose.chance(0.5):
            value["type"] = choose.choice(["server_error", "overloaded_error"])
        if status is not None:
            value[choose.choice(["code", "status", "statusCode"])] = status
        return value

    def mark(self, tokens: int | None) -> Event:
        """Return an event that ends the answer."""
        choose = self._choose
        if not self.is_sse:
            value: dict[str, Any] = {"message": {"content": ""}, "done": True, "done_reason": "stop"}
            if tokens is not None:
                value["eval_count"] = tokens
            return Event(self.event(value), Meaning.PATH_MARK, tokens)
        if choose.chance(0.75):
            return Event(self.field(b"[DONE]" + choose.choice([b"", b" ", b"  "])), Meaning.FINAL_MARK)
        value = {"choices": [{"delta": {}, "finish_reason": choose.choice(["stop", "length"])}]}
        if tokens is not None:
            value["usage"] = {"completion_tokens": tokens}
        return Event(self.event(value), Meaning.PATH_MARK, tokens)


Shape = Callable[[Writer, str, Any], tuple[bytes, bool]]
"""Returns the bytes of an error, and whether they contain its status."""


def _object(writer: Writer, words: str, status: Any) -> tuple[bytes, bool]:
    return writer.event({"error": writer.details(words, status)}), True


def _text(writer: Writer, words: str, _: Any) -> tuple[bytes, bool]:
    return writer.event({"error": words}), False


def _list(writer: Writer, words: str, _: Any) -> tuple[bytes, bool]:
    return writer.event({"error": [{"message": words}]}), False


def _nested(writer: Writer, words: str, status: Any) -> tuple[bytes, bool]:
    return writer.event({"error": {"error": writer.details(words, status)}}), True


def _flat(writer: Writer, words: str, status: Any) -> tuple[bytes, bool]:
    return writer.event({**writer.details(words, status), "object": "error"}), True


def _typed(writer: Writer, words: str, status: Any) -> tuple[bytes, bool]:
    return writer.event({"type": "error", "error": writer.details(words, status)}), True


def _with_choices(writer: Writer, words: str, status: Any) -> tuple[bytes, bool]:
    choices = [{"delta": {"content": ""}, "finish_reason": "error"}]
    return writer.event({"error": writer.details(words, status), "choices": choices}), True


def _named(writer: Writer, words: str, status: Any) -> tuple[bytes, bool]:
    return writer.event({"error": writer.details(words, status)}, "error"), True


def _named_text(writer: Writer, words: str, _: Any) -> tuple[bytes, bool]:
    return writer.field(words.encode(), "error"), False


def _line(writer: Writer, words: str, status: Any) -> tuple[bytes, bool]:
    return b"error: " + writer.json(writer.details(words, status)), True


_ERRORS: tuple[Shape, ...] = (_object, _object, _text, _list, _nested, _flat, _typed)
_SSE_ERRORS: tuple[Shape, ...] = (_with_choices, _named, _named_text, _line)
