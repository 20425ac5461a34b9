"""Examples of answers with their right outcomes: `tests/answers/*.yaml`, one file per kind."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

from bench.core.samples.sample import Outcome

FOLDER = Path(__file__).parents[2] / "tests" / "answers"
# The order of the page: from the bytes on the wire to the numbers in an answer.
KINDS = ("framing", "event-streams", "lines", "documents", "errors", "reasoning", "ends", "counts")
_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "deflate": zlib.compress}

Piece = Annotated[
    str | list[str], Field(description="One or several texts, each sent as a chunk of its own.")
]


class Part(BaseModel):
    """Bytes that a server sends at once. A part in a file that is only a text has the field `text`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    text: str | None = None
    """Sent as it is, in UTF-8."""
    say: Piece | None = None
    """Text of the answer, in the form of the target's API."""
    think: Piece | None = None
    """Reasoning, in the form of the target's API."""
    event: Any = None
    """Data of a server-sent event: a JSON value."""
    line: Any = None
    """A JSON value on a line of its own."""
    hex: str | None = None
    """Bytes as hexadecimal digits."""
    pause_ms: float = 0.0
    """Time before these bytes."""
    repeat: int = 1
    """Number of times that these bytes are sent."""


class Change(BaseModel):
    """What another transport reads differently."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome
    reason: str
    detail: list[str] = []


class Example(BaseModel):
    """One answer of a server, and what is right to make of it."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    name: str
    """The answer in a few words; a row of docs/reference/answers.md."""
    why: str
    """The reason of the outcome."""
    send: list[Part | str]
    """The body; with the framing `raw` also the head."""
    outcome: Outcome
    """The outcome."""
    target: str = "openai-chat"
    """A target of `scenarios/targets`."""
    status: str = "200 OK"
    """Status and reason phrase."""
    headers: dict[str, str] = {}
    """Further headers, or another content type."""
    framing: Literal["chunked", "length", "close", "raw"] = "chunked"
    """How the body is limited; each part is one chunk."""
    length_error: int = 0
    """Number of bytes by which the announced length is too large."""
    end: Literal["keep", "close", "cut", "reset", "hold"] = "keep"
    """What happens after the last part. `cut` closes without the last chunk, `hold` sends nothing more."""
    compress: Literal["gzip", "deflate"] | None = None
    """Encoding of the whole body."""
    expect: dict[str, Any] = {}
    """The expectation of the message; see docs/reference/prompts.md."""
    detail: list[str] = []
    """Words that the detail must contain."""
    tokens: int | None = None
    """Output tokens of the sample."""
    pieces: int | None = None
    """Number of pieces of any kind that arrived."""
    kinds: list[Literal["reasoning", "content"]] | None = None
    """Kinds of pieces that have times, in the order of their first pieces."""
    reasoning_tokens: int | None = None
    """Reasoning tokens of the sample."""
    tiers: dict[str, float] | None = None
    """Times of tiers in milliseconds."""
    remarks: list[str] = []
    """Words that a remark must contain."""
    httpx: Change | None = None
    """The difference with `--transport httpx`."""

    def parts(self) -> Iterator[tuple[float, bytes]]:
        """Yield the bytes of each part of the body, and the pause before it in seconds."""
        parts = [*self._plain_parts()]
        if self.compress is None:
            yield from parts
        else:
            yield 0.0, _COMPRESS[self.compress](b"".join(content for _, content in parts))

    def _plain_parts(self) -> Iterator[tuple[float, bytes]]:
        api = _API.get(self.target, _OLLAMA_CHAT)
        for part in self.send:
            for content in _contents(Part(text=part) if isinstance(part, str) else part, api):
                yield (0.0 if isinstance(part, str) else part.pause_ms / 1000), content


@dataclass(frozen=True)
class _Api:
    """The form of the pieces of an API."""

    pack: Callable[[Any], bytes]
    say: Callable[[str], Any]
    think: Callable[[str], Any]


def _event(value: Any) -> bytes:
    return b"data: " + _json(value) + b"\n\n"


def _line(value: Any) -> bytes:
    return _json(value) + b"\n"


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _delta(**fields: str) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


_OLLAMA_CHAT = _Api(
    _line,
    lambda text: {"message": {"role": "assistant", "content": text}, "done": False},
    lambda text: {"message": {"role": "assistant", "content": "", "thinking": text}, "done": False},
)
_API = {
    "openai-chat": _Api(
        _event, lambda text: _delta(content=text), lambda text: _delta(content="", reasoning_content=text)
    ),
    "chat-stream": _Api(_event, lambda text: {"message": text}, lambda text: {"reasoning": text}),
    "ollama-generate": _Api(
        _line,
        lambda text: {"response": text, "done": False},
        lambda text: {"response": "", "thinking": text, "done": False},
    ),
}


def _contents(part: Part, api: _Api) -> Iterator[bytes]:
    """Yield the bytes of a part of a file, once for each chunk."""
    for _ in range(part.repeat):
        if part.text is not None:
            yield part.text.encode("utf-8", "surrogatepass")
        if part.hex is not None:
            yield bytes.fromhex(part.hex)
        if part.event is not None:
            yield _event(part.event)
        if part.line is not None:
            yield _line(part.line)
        for text in _texts(part.say):
            yield api.pack(api.say(text))
        for text in _texts(part.think):
            yield api.pack(api.think(text))


def _texts(piece: str | Sequence[str] | None) -> Sequence[str]:
    if piece is None:
        return ()
    return (piece,) if isinstance(piece, str) else piece


class Kind(BaseModel):
    """A file of examples."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    title: str
    """Heading on the page."""
    about: str
    """Introduction on the page."""
    answers: list[Example]
    """The examples in the order of the page."""


def read_kind(name: str) -> Kind:
    """Return the examples of one file."""
    text = (FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return Kind.model_validate(yaml.safe_load(text))
