"""Durations as people write them: `500ms`, `30s`, `1h30m`, or a number of seconds.

Source: https://grafana.com/docs/k6/latest/using-k6/k6-options/reference/#duration
"""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"\d+(?:\.\d+)?"
_PART = re.compile(rf"({_NUMBER})(ms|s|m|h|d)")
_PATTERN = r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"
_RANGE_PATTERN = r"^(\d+(\.\d+)?(ms|s|m|h|d)?)+(\.\.(\d+(\.\d+)?(ms|s|m|h|d)?)+)?$"
_EXAMPLE = "write for example 500ms, 30s, 2m or 1h30m"


def parse_duration(text: str) -> float:
    """Return the seconds of a duration: `1h30m` → 5400.0; a number without a unit is seconds.

    Raises:
        ValueError: The text is not a duration; the message shows an example.
    """
    stripped = text.strip()
    if re.fullmatch(_NUMBER, stripped):
        return float(stripped)
    if not re.fullmatch(_PATTERN, stripped):
        raise ValueError(f"'{text}' is not a duration; {_EXAMPLE}")
    seconds = 0.0
    for number, unit in _PART.findall(stripped):
        seconds += float(number) * _SECONDS[unit]
    return seconds


def parse_range(text: str) -> tuple[float, float]:
    """Return the shortest and longest seconds of a range: `5s..7s` → (5.0, 7.0), `5s` → (5.0, 5.0).

    Raises:
        ValueError: The text is not a range of durations; the message shows an example.
    """
    shortest, dots, longest = text.partition("..")
    if not dots and "-" in text.strip().removeprefix("-"):
        raise ValueError(f"'{text}' is not a range of durations; write two dots: 5s..7s")
    low_s = parse_duration(shortest)
    high_s = parse_duration(longest) if dots else low_s
    return low_s, high_s


def format_duration(seconds: float) -> str:
    """Write seconds for people: `90` → `1m30s`, `0.1` → `100ms`. The text keeps six digits."""
    if 0 < seconds < 1:
        return f"{1000 * seconds:g}ms"
    if not float(seconds).is_integer() or seconds < _SECONDS["m"]:
        return f"{seconds:g}s"
    text = ""
    rest = int(seconds)
    for unit in ("h", "m", "s"):
        count, rest = divmod(rest, int(_SECONDS[unit]))
        text += f"{count}{unit}" if count else ""
    return text


def format_range(range_s: tuple[float, float]) -> str:
    """Write a range of seconds for people: `(5, 7)` → `5s..7s`."""
    low_s, high_s = range_s
    if low_s == high_s:
        return format_duration(low_s)
    return f"{format_duration(low_s)}..{format_duration(high_s)}"


def _read_duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def _read_range(value: Any) -> Any:
    match value:
        case str():
            range_s = parse_range(value)
        case bool():
            raise ValueError(f"{value} is not a duration; {_EXAMPLE}")
        case int() | float():
            range_s = (float(value), float(value))
        case tuple():
            range_s = value
        case _:
            raise ValueError("write one duration, or a range with two dots: 5s..7s")
    low_s, high_s = range_s
    if low_s > high_s:
        raise ValueError(f"the shorter duration comes first, but {low_s:g} s is longer than {high_s:g} s")
    return range_s


_DURATION_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _PATTERN}],
    "examples": ["500ms", "30s", "2m", "1h30m"],
}
_RANGE_SCHEMA = {
    "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": _RANGE_PATTERN}],
    "examples": ["5s..7s", "1s"],
}
_Bound = Annotated[float, Field(ge=0)]
Duration = Annotated[float, Field(ge=0), BeforeValidator(_read_duration), WithJsonSchema(_DURATION_SCHEMA)]
"""Seconds, 0 or more; text such as `30s` is parsed."""
PositiveDuration = Annotated[
    float, Field(gt=0), BeforeValidator(_read_duration), WithJsonSchema(_DURATION_SCHEMA)
]
"""Seconds, above 0; text such as `30s` is parsed."""
DurationRange = Annotated[
    tuple[_Bound, _Bound],
    BeforeValidator(_read_range),
    PlainSerializer(format_range, return_type=str),
    WithJsonSchema(_RANGE_SCHEMA),
]
"""Shortest and longest seconds; text such as `5s..7s` is parsed."""
