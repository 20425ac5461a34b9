"""Reads the times that tiers report in an answer: in the header `Server-Timing`, other headers and the body.

Invalid values are skipped, since a target sends them.

Format: W3C Server Timing, https://www.w3.org/TR/server-timing/ (names are tokens, `dur` is milliseconds).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bench.core.config.tier_sources import Durations
from bench.core.response.paths import walk
from bench.core.values.limited_names import MOST_TIERS, LimitedNames
from bench.core.values.units import MS_PER_UNIT

# An entry ends at a comma, and a parameter at a semicolon, that is outside quotes. A quote without its end
# contains the rest of the header.
_ENTRY = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"]|".*)+')
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;"]|".*)+')
_PLAIN_ENTRY = re.compile(r"[ \t]*([A-Za-z0-9._-]+)[ \t]*;[ \t]*dur=([0-9.]+)[ \t]*")  # needs one match
_DURATION = re.compile(r'^dur\s*=\s*("?)([0-9.eE+-]+)\1$', re.IGNORECASE)
_NUMBER = re.compile(r"^\s*([0-9.eE+-]+?)\s*(ns|us|ms|s)?\s*$")
_DAY_MS = 86_400_000.0
_NAME = re.compile(r"^[A-Za-z0-9._-]{1,40}$")

Headers = Sequence[tuple[bytes, bytes]]
"""Names in lower case and values."""


class _FieldPlace(NamedTuple):
    """A field of the body that holds a tier's time."""

    tier: str
    path: str
    keys: tuple[str, ...]
    ms_per_unit: float


class _HeaderPlace(NamedTuple):
    """A header that holds a tier's time."""

    tier: str
    name: bytes
    ms_per_unit: float


class TierReader:
    """Reads the tier times of a target's answers.

    Args:
        durations: The declaration; `None` for a target that declares no durations.

    Attributes:
        is_declared: Whether the target declares durations.
    """

    def __init__(self, durations: Durations | None) -> None:
        self.is_declared = durations is not None
        self._fields: list[_FieldPlace] = []
        self._headers: list[_HeaderPlace] = []
        self._includes: dict[str, tuple[str, ...]] = {}
        self._total: _FieldPlace | None = None
        self._rest = ""
        if durations is None:
            return
        for tier, place in durations.places.items():
            ms_per_unit = MS_PER_UNIT[place.unit or durations.unit]
            if place.path is not None:
                self._fields.append(_field(tier, place.path, ms_per_unit))
            elif place.header is not None:
                self._headers.append(_HeaderPlace(tier, place.header.lower().encode(), ms_per_unit))
            if place.includes:
                self._includes[tier] = place.includes
        if durations.total is not None:
            self._rest = durations.rest
            self._total = _field(self._rest, durations.total, MS_PER_UNIT[durations.unit])

    def read_document(self, document: Mapping[str, Any]) -> dict[str, float]:
        """Return the times in milliseconds by tier that a document reports."""
        tier_times = {}
        for place in self._fields:
            duration_ms = _field_ms(document, place)
            if duration_ms is not None:
                tier_times[place.tier] = duration_ms
        if self._total is not None:
            total_ms = _field_ms(document, self._total)
            if total_ms is not None:
                tier_times[self._rest] = max(0.0, total_ms - sum(tier_times.values()))
        return tier_times

    def read(self, headers: Headers, body_times: Mapping[str, float]) -> dict[str, float]:
        """Return the own times in milliseconds by tier that an answer reports.

        Args:
            headers: Headers of the answer.
            body_times: The times that its body reports.
        """
        server_timing = [value.decode("latin-1") for name, value in headers if name == b"server-timing"]
        # Several headers are joined as RFC 9110 (section 5.3) defines.
        tier_times = parse_server_timing(", ".join(server_timing)) if server_timing else {}
        for place in self._headers:
            duration_ms = _header_ms(headers, place)
            if duration_ms is not None:
                tier_times[place.tier] = duration_ms
        tier_times |= body_times
        return self._without_included(tier_times) if self._includes else tier_times

    def find_missing(self, tier_times: Mapping[str, float]) -> list[str]:
        """Return a remark for each declared place that had no time in an answer."""
        places = self._fields if self._total is None else [*self._fields, self._total]
        remarks = []
        for place in places:
            if place.tier not in tier_times:
                remarks.append(f"had no duration at `{place.path}` for the tier `{place.tier}`")
        for header in self._headers:
            if header.tier not in tier_times:
                name = header.name.decode()
                remarks.append(f"had no duration in the header `{name}` for the tier `{header.tier}`")
        return remarks

    def _without_included(self, tier_times: Mapping[str, float]) -> dict[str, float]:
        own_ms = dict(tier_times)
        for tier, others in self._includes.items():
            if tier in tier_times:
                included_ms = sum(tier_times.get(other, 0.0) for other in others)
                own_ms[tier] = max(0.0, tier_times[tier] - included_ms)
        return own_ms


def parse_server_timing(text: str) -> dict[str, float]:
    """Return the time of each tier in milliseconds. Invalid entries are skipped, since a target sends them.

    The times of a name that occurs more than once are added, since the request passed the tier again. Names
    beyond the limit share one sum.
    """
    tier_times: dict[str, float] = {}
    names = LimitedNames(MOST_TIERS)
    for entry in _ENTRY.findall(text) if '"' in text else text.split(","):
        match = _PLAIN_ENTRY.fullmatch(entry)
        name, duration_ms = (match[1], _parse_ms(match[2])) if match else _read_entry(entry)
        if duration_ms is not None and _NAME.match(name):
            kept = names.keep(name)
            tier_times[kept] = min(_DAY_MS, tier_times.get(kept, 0.0) + duration_ms)
    return tier_times


def _read_entry(entry: str) -> tuple[str, float | None]:
    """Return name and duration of an entry; an entry without a name has no duration."""
    if entry.lstrip().startswith(";") or not entry.strip():
        return "", None
    name, *parameters = [part.strip() for part in _PART.findall(entry)]
    return name, _duration_ms(parameters)


def _duration_ms(parameters: list[str]) -> float | None:
    for parameter in parameters:
        match = _DURATION.match(parameter)
        if match:
            return _parse_ms(match[2])
    return None


def _parse_ms(text: str) -> float | None:
    """Return a duration in milliseconds; `None` if it is no number, or an impossible one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= _DAY_MS else None


def _field(tier: str, path: str, ms_per_unit: float) -> _FieldPlace:
    return _FieldPlace(tier, path, tuple(path.split(".")), ms_per_unit)


def _field_ms(document: Mapping[str, Any], place: _FieldPlace) -> float | None:
    value = walk(document, place.keys)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # Compared before the multiplication: an integer of JSON may be too large for a float.
    return value * place.ms_per_unit if 0 <= value <= _DAY_MS / place.ms_per_unit else None


def _header_ms(headers: Headers, place: _HeaderPlace) -> float | None:
    """Return the sum of all headers of a name; `None` if none of them is a duration."""
    sum_ms = None
    for name, value in headers:
        if name == place.name:
            duration_ms = _text_ms(value.decode("latin-1"), place.ms_per_unit)
            if duration_ms is not None:
                sum_ms = min(_DAY_MS, (sum_ms or 0.0) + duration_ms)
    return sum_ms


def _text_ms(text: str, ms_per_unit: float) -> float | None:
    """Return the milliseconds of a text such as `12.5` or `12.5ms`."""
    match = _NUMBER.match(text)
    if match is None:
        return None
    try:
        number = float(match[1])
    except ValueError:
        return None
    duration_ms = number * (MS_PER_UNIT[match[2]] if match[2] else ms_per_unit)
    return duration_ms if 0 <= duration_ms <= _DAY_MS else None
