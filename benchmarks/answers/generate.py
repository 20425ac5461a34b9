"""Generated answers: parts of known meaning in a random order, style, framing and encoding."""

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from bench.core.samples.sample import Outcome

from .events import Choices, Event, Meaning, Writer, outcome_of
from .truth import FAILED, Truth, judge_stream

_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}
_REFUSALS = (400, 401, 404, 422, 429, 500, 502, 503)
_REFUSAL_BODIES = ('{"error":"%s"}', '{"errors":[{"message":"%s"}]}', "<h1>%s</h1>", "%s")
_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": lambda content: gzip.compress(content, mtime=0),
    "deflate": zlib.compress,
}
_WINDOW_BITS = {"gzip": 31, "deflate": 15}
_ENCODINGS = (None, None, None, "gzip", "deflate")
_HALVES = ("\ud83c", "\udf75")  # of the character 🍵, as JSON can write it in two texts
_MOST_SINGLE_BYTES = 2000
# Target, content type, body, and words that the detail must contain.
_OTHER_FORMS: Sequence[tuple[str, str, bytes, str | None]] = (
    ("openai-chat", "text/html", b"<html><body>Bad gateway</body></html>", "Bad gateway"),
    ("ollama-chat", "text/html", b"<p>Bad gateway</p>", "Bad gateway"),
    ("ollama", "text/html", b"<p>Bad gateway</p>", "Bad gateway"),
    ("openai-chat", "application/json", b'{"detail":"no such engine"}', "no such engine"),
    ("openai-chat", "application/json", b'{"choices":[{"message":{}}]}', "application/json"),
    ("openai-chat", "text/plain", b"no healthy upstream", "no healthy upstream"),
    ("ollama-chat", "text/plain", b"no healthy upstream", "no healthy upstream"),
    ("ollama", "application/json", b'"the model is asleep"', "the model is asleep"),
    ("ollama-chat", "text/event-stream", b'data: {"message":{"content":"a"},"done":true}\n\n', None),
    ("openai-chat", "application/x-ndjson", b'{"message":{"content":"a"},"done":true}\n', None),
    ("openai-chat", "text/event-stream", b"", None),
    ("ollama", "application/json", b"", None),
)


@dataclass(frozen=True)
class _Body:
    """A body before it is sent, and the headers that describe it."""

    target: str
    content_type: str
    events: Sequence[Event]
    terminator: bytes = b""
    status: int = 200
    truth: Truth | None = None
    """What is right to read in all events; `None` if the marks in the events decide."""

    @property
    def plain(self) -> bytes:
        return b"".join(event.content + self.terminator for event in self.events)


@dataclass(frozen=True)
class GeneratedAnswer:
    """An answer of a server, and what is right to read in it."""

    seed: int
    """Generates the same answer again."""
    target: str
    """A target of `scenarios/targets`."""
    status: int
    """HTTP status."""
    content_type: str
    """Value of the header `Content-Type`."""
    encoding: str | None
    """Value of the header `Content-Encoding`."""
    framing: str
    """How the body is limited: chunked, length or close."""
    parts: tuple[bytes, ...]
    """The body as it is sent, without the part that is cut off."""
    full_length: int
    """Length of the body with that part."""
    truth: Truth
    """What is right to read."""

    @property
    def is_cut(self) -> bool:
        """Whether the connection ends before the body."""
        return sum(map(len, self.parts)) < self.full_length

    def wire(self) -> Iterator[bytes]:
        """Yield the bytes on the wire, one part after the other."""
        yield self._head()
        for part in self.parts:
            yield b"%x\r\n%s\r\n" % (len(part), part) if self.framing == "chunked" else part
        if self.framing == "chunked" and not self.is_cut:
            yield b"0\r\n\r\n"

    def plain_parts(self) -> Sequence[bytes]:
        """Return the parts of the body without their encoding."""
        if self.encoding is None:
            return self.parts
        decoder = zlib.decompressobj(_WINDOW_BITS[self.encoding])
        return [part for part in map(decoder.decompress, self.parts) if part]

    def _head(self) -> bytes:
        framing = {
            "chunked": "transfer-encoding: chunked",
            "length": f"content-length: {self.full_length}",
            "close": "connection: close",
        }
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Status')}"]
        lines.append(f"content-type: {self.content_type}")
        if self.encoding is not None:
            lines.append(f"content-encoding: {self.encoding}")
        return "\r\n".join([*lines, framing[self.framing], "", ""]).encode()


def generate(seed: int) -> GeneratedAnswer:
    """Return the answer of a seed."""
    choose = Choices(seed)
    make = choose.choices(list(_FORMS), weights=list(_FORMS.values()))[0]
    return _send(seed, choose, make(choose))


def _event_stream(choose: Choices) -> _Body:
    writer = Writer(choose, is_sse=True)
    return _Body("openai-chat", "text/event-stream", [*_events(choose, writer)], writer.terminator)


def _lines(choose: Choices) -> _Body:
    writer = Writer(choose, is_sse=False)
    return _Body("ollama-chat", "application/x-ndjson", [*_events(choose, writer)], writer.terminator)


def _events(choose: Choices, writer: Writer) -> Iterator[Event]:
    """Yield the events of a stream."""
    if writer.is_sse and choose.chance(0.1):
        yield Event(b"\xef\xbb\xbf: begin")
    for _ in range(choose.choice([0, 0, 1, 3])):
        yield writer.reasoning(writer.words())
    events = [*_texts(choose, writer)]
    extras = {writer.nothing: 0.6, writer.odd_usage: 0.1, writer.garbage: 0.08, writer.error: 0.2}
    for make, share in extras.items():
        while choose.chance(share):
            events.insert(choose.randint(0, len(events)), make())
    yield from events
    if choose.chance(0.9):
        yield from _end(choose, writer)


def _texts(choose: Choices, writer: Writer) -> Iterator[Event]:
    for _ in range(choose.choice([0, 1, 1, 2, 3, 5, 8, 30])):
        yield writer.text(writer.words())
        if writer.escapes and choose.chance(0.1):
            yield from map(writer.text, _HALVES)


def _end(choose: Choices, writer: Writer) -> Iterator[Event]:
    """Yield a count of tokens, the mark, and events that have no meaning after it."""
    tokens = choose.choice([None, None, choose.randint(1, 999)])
    if tokens is not None and choose.chance(0.5):
        yield writer.usage(tokens)
        tokens = None
    mark = writer.mark(tokens)
    yield mark
    after = [writer.nothing, writer.garbage]
    if mark.meaning is Meaning.FINAL_MARK:
        after += [writer.error, lambda: writer.text("late"), lambda: mark]
    while choose.chance(0.3):
        yield choose.choice(after)()


def _document(choose: Choices) -> _Body:
    """Return a document where a document is declared."""
    writer = Writer(choose, is_sse=False)
    before = choose.choice([b"", b"\n\n  ", b"\xef\xbb\xbf"])
    if choose.chance(0.25):
        error = writer.error()
        event = Event(before + error.content, error.meaning, error.value, error.outcome)
        truth = Truth(frozenset({error.outcome}), error.value)
        return _Body("ollama", "application/json", [event], truth=truth)
    text = "".join(writer.words() for _ in range(choose.choice([0, 1, 1, 3])))
    value: dict[str, Any] = {"response": text, "done": True}
    tokens = choose.choice([None, choose.randint(1, 999)])
    if tokens is not None:
        value["eval_count"] = tokens
    outcome = Outcome.OK if text.strip() else Outcome.WRONG_CONTENT
    truth = Truth(frozenset({outcome}), text=text, pieces=0, tokens=tokens)
    return _Body("ollama", "application/json", [Event(before + writer.json(value))], truth=truth)


def _other_form(choose: Choices) -> _Body:
    """Return an answer whose form is not the declared one."""
    target, content_type, content, words = choose.choice(_OTHER_FORMS)
    return _Body(target, content_type, [Event(content)], truth=Truth(FAILED, words))


def _refusal(choose: Choices) -> _Body:
    """Return an answer with a status of failure."""
    status = choose.choice(_REFUSALS)
    words = f"refusal {choose.randrange(1000)}"
    content = choose.choice(_REFUSAL_BODIES) % words
    truth = Truth(frozenset({outcome_of(status)}), words)
    return _Body("openai-chat", "application/json", [Event(content.encode())], b"", status, truth)


_FORMS: Mapping[Callable[[Choices], _Body], int] = {
    _event_stream: 43,
    _lines: 33,
    _document: 12,
    _other_form: 6,
    _refusal: 6,
}


def _send(seed: int, choose: Choices, body: _Body) -> GeneratedAnswer:
    """Return an answer in a random framing and encoding, with or without a cut."""
    plain = body.plain
    encoding = choose.choice(_ENCODINGS) if plain else None
    content = plain if encoding is None else _COMPRESS[encoding](plain)
    sent = content
    if content and choose.chance(0.2):
        sent = content[: choose.randrange(len(content))]
    visible = (
        len(sent) if encoding is None else len(zlib.decompressobj(_WINDOW_BITS[encoding]).decompress(sent))
    )
    truth = body.truth
    if truth is None:
        truth = judge_stream(body.events, body.terminator, visible)
    elif len(sent) < len(content):
        # A checksum may be cut after the last byte of a complete document.
        likely = truth.outcomes if visible == len(plain) else truth.outcomes - {Outcome.OK}
        truth = Truth(FAILED | likely)
    return GeneratedAnswer(
        seed=seed,
        target=body.target,
        status=body.status,
        content_type=body.content_type,
        encoding=encoding,
        framing=choose.choice(["chunked", "chunked", "length", "close"]),
        parts=_parts(choose, sent, body if encoding is None else None),
        full_length=len(content),
        truth=truth,
    )


def _parts(choose: Choices, sent: bytes, body: _Body | None) -> tuple[bytes, ...]:
    """Cut bytes into parts: one for each event, a few at random places, one for each byte, or one."""
    cuts: Sequence[int] = ()
    if body is not None and choose.chance(0.4):
        lengths = [len(event.content + body.terminator) for event in body.events]
        cuts = [sum(lengths[:count]) for count in range(1, len(lengths))]
    elif choose.chance(0.6):
        cuts = sorted(choose.randrange(len(sent) + 1) for _ in range(choose.randint(1, 12)))
    elif choose.chance(0.3) and len(sent) < _MOST_SINGLE_BYTES:
        cuts = range(1, len(sent))
    edges = [0, *(cut for cut in cuts if cut < len(sent)), len(sent)]
    return tuple(sent[start:end] for start, end in pairwise(edges) if start < end)
