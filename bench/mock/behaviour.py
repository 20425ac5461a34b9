"""The behaviour of a mock model: times, lengths and faults. The model's name can state it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from math import isfinite

from bench.errors import ConfigError

PREFIX = "mock"
"""The first part of a model name that states the behaviour."""
_LONGEST_S = 86_400.0
_MOST = 1_000_000
_PART = re.compile(r"([a-z]+)(?:(\d+(?:\.\d+)?)(us|ms|s|m)?)?", re.IGNORECASE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


@dataclass(frozen=True, slots=True)
class MockBehaviour:
    """The behaviour of a mock model.

    Attributes:
        ttft_s: Seconds from the request, or from the end of its wait, to the first token.
        gap_s: Seconds between tokens.
        tokens: Number of tokens of the answer, or of the arguments of a tool call.
        reasoning_tokens: Number of reasoning tokens before the answer.
        tool_calls: Number of tool calls instead of a text. A request that contains tool results gets a text.
        tokens_per_write: Number of tokens that leave together, when the first of them is due.
        error_ratio: Share of the requests that get an HTTP error.
        error_status: HTTP status of these errors.
        stream_error_ratio: Share of the answers with an error after half of their tokens.
        cut_ratio: Share of the answers whose connection is cut after half of their tokens.
        hang_ratio: Share of the answers that stop after half of their tokens and keep the connection open.
        parallel: Number of requests that the model answers at once, the others wait; 0 is unlimited.
        max_queue: Number of requests that may wait; further ones get status 503.
        seed: Seed of the texts and of the choice of failing requests.
        vary: True if equal requests get different texts.
    """

    ttft_s: float = 0.1
    gap_s: float = 0.01
    tokens: int = 50
    reasoning_tokens: int = 0
    tool_calls: int = 0
    tokens_per_write: int = 1
    error_ratio: float = 0.0
    error_status: int = 500
    stream_error_ratio: float = 0.0
    cut_ratio: float = 0.0
    hang_ratio: float = 0.0
    parallel: int = 0
    max_queue: int = 512
    seed: int = 1
    vary: bool = False

    def __post_init__(self) -> None:
        """Refuse values outside their limits.

        Raises:
            ConfigError: A value is too small or too large.
        """
        for field in fields(self):
            low, high = _LIMITS.get(field.name, (0.0, float(_MOST)))
            value = getattr(self, field.name)
            if not (isfinite(value) and low <= value <= high):
                raise ConfigError(f"{field.name} is {value:g}: it must be {low:g} to {high:g}")
        if self.error_ratio + self.stream_error_ratio + self.cut_ratio + self.hang_ratio > 1.0:
            raise ConfigError("the shares of the faults must not add up to more than 100 %")


_SHARE = (0.0, 1.0)
_LIMITS = {
    "ttft_s": (0.0, _LONGEST_S),
    "gap_s": (0.0, _LONGEST_S),
    "tokens": (1, _MOST),
    "tool_calls": (0, 100),
    "tokens_per_write": (1, _MOST),
    "error_ratio": _SHARE,
    "error_status": (400, 599),
    "stream_error_ratio": _SHARE,
    "cut_ratio": _SHARE,
    "hang_ratio": _SHARE,
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True, slots=True)
class NamePart:
    """A part of a model name.

    Attributes:
        field: Field of the behaviour that it sets.
        unit: Unit of the number: `ms`, `%`, or "" for a count.
        example: An example.
        alone: The value without a number; None if the part needs a number.
    """

    field: str
    unit: str
    example: str
    alone: float | None = None


PARTS: Mapping[str, NamePart] = {
    "ttft": NamePart("ttft_s", "ms", "ttft20"),
    "gap": NamePart("gap_s", "ms", "gap5"),
    "n": NamePart("tokens", "", "n31"),
    "reason": NamePart("reasoning_tokens", "", "reason10"),
    "tools": NamePart("tool_calls", "", "tools2", alone=1),
    "write": NamePart("tokens_per_write", "", "write4"),
    "err": NamePart("error_ratio", "%", "err5"),
    "status": NamePart("error_status", "", "status429"),
    "streamerr": NamePart("stream_error_ratio", "%", "streamerr5"),
    "cut": NamePart("cut_ratio", "%", "cut5"),
    "hang": NamePart("hang_ratio", "%", "hang5"),
    "parallel": NamePart("parallel", "", "parallel4"),
    "queue": NamePart("max_queue", "", "queue16"),
    "seed": NamePart("seed", "", "seed7"),
    "vary": NamePart("vary", "", "vary", alone=1),
}
"""The parts of a model name, by their letters."""


def behaviour_of(model: str, defaults: MockBehaviour) -> MockBehaviour:
    """Return the behaviour that a model name states, such as `mock-ttft20-gap5-n31`.

    A folder before the name and a tag after it, as in `openai/mock-n5:latest`, have no meaning. A name that
    does not begin with `mock` has the default behaviour.

    Raises:
        ConfigError: A part is unknown, stands twice, or has a wrong number.
    """
    name = model.rpartition("/")[2].partition(":")[0]
    first, *parts = name.split("-")
    if first.lower() != PREFIX:
        return defaults
    values: dict[str, float] = {}
    for part in parts:
        field, value = _read_part(part, model)
        if field in values:
            raise ConfigError(f"model '{model}': the part '{part}' sets {field} a second time")
        values[field] = value
    return replace(defaults, **values)  # type: ignore[arg-type]


def _read_part(part: str, model: str) -> tuple[str, float]:
    match = _PART.fullmatch(part)
    entry = PARTS.get(match[1].lower()) if match else None
    if match is None or entry is None:
        names = " ".join(example.example for example in PARTS.values())
        raise ConfigError(f"model '{model}': unknown part '{part}'; the parts are {names}")
    number = match[2]
    if number is None:
        if entry.alone is None:
            raise ConfigError(f"model '{model}': the part '{part}' needs a number, like {entry.example}")
        return entry.field, _typed(entry, entry.alone)
    if match[3] and entry.unit != "ms":
        raise ConfigError(f"model '{model}': the part '{part}' is not a time, write it like {entry.example}")
    if not entry.unit and "." in number:
        raise ConfigError(f"model '{model}': the part '{part}' needs a whole number, like {entry.example}")
    return entry.field, _typed(entry, float(number), match[3])


def _typed(part: NamePart, number: float, unit: str | None = None) -> float:
    """Return the number in the unit of the field: seconds, a share, or a count."""
    match part.unit:
        case "ms":
            return number * _SECONDS[(unit or "ms").lower()]
        case "%":
            return number / 100
        case _:
            return int(number)
