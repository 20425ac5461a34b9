"""Reads the times that tiers report in the header `Server-Timing`.

Format: W3C Server Timing, https://www.w3.org/TR/server-timing/ (names are tokens, `dur` is milliseconds).
"""

import re

# An entry ends at a comma, and a parameter at a semicolon, that is outside quotes. A quote without its end
# contains the rest of the header.
_ENTRY = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"]|".*)+')
_PART = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^;"]|".*)+')
_DURATION = re.compile(r'^dur\s*=\s*("?)([0-9.eE+-]+)\1$', re.IGNORECASE)
_DAY_MS = 86_400_000.0
_NAME = re.compile(r"^[A-Za-z0-9._-]{1,40}$")


def parse_server_timing(text: str) -> dict[str, float]:
    """Return the time of each tier in milliseconds. Invalid entries are skipped, since a target sends them.

    The times of a name that occurs more than once are added, since the request passed the tier again.
    """
    tier_times: dict[str, float] = {}
    if not text:
        return tier_times
    for entry in _ENTRY.findall(text):
        if entry.lstrip().startswith(";"):
            continue  # an entry without a name
        name, *parameters = [part.strip() for part in _PART.findall(entry)]
        duration_ms = _duration_ms(parameters)
        if duration_ms is not None and _NAME.match(name):
            tier_times[name] = min(_DAY_MS, tier_times.get(name, 0.0) + duration_ms)
    return tier_times


def _duration_ms(parameters: list[str]) -> float | None:
    for parameter in parameters:
        match = _DURATION.match(parameter)
        if match:
            try:
                value = float(match.group(2))
            except ValueError:
                return None
            return value if 0 <= value <= _DAY_MS else None
    return None
