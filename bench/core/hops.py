"""Where the time went, as the tiers say themselves in `Server-Timing`.

Format: W3C Server Timing, https://www.w3.org/TR/server-timing/ (names are tokens, `dur` is milliseconds).
"""

import math
import re

# An entry is up to the next comma that stands outside quotes.
_ENTRY = re.compile(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+')
_DURATION = re.compile(r'^dur\s*=\s*"?([0-9.eE+-]+)"?$', re.IGNORECASE)
_NAME = re.compile(r"^[A-Za-z0-9._-]{1,40}$")


def parse_server_timing(text: str) -> dict[str, float]:
    """Milliseconds by tier; what is not well formed is left out, for a header is the target's word.

    A name that stands there twice adds up, since the tier was passed twice.
    """
    hops: dict[str, float] = {}
    for entry in _ENTRY.findall(text):
        name, *parameters = (part.strip() for part in entry.split(";"))
        duration_ms = _duration_ms(parameters)
        if duration_ms is not None and _NAME.match(name):
            hops[name] = hops.get(name, 0.0) + duration_ms
    return hops


def _duration_ms(parameters: list[str]) -> float | None:
    for parameter in parameters:
        match = _DURATION.match(parameter)
        if match:
            try:
                value = float(match.group(1))
            except ValueError:
                return None
            return value if math.isfinite(value) and value >= 0 else None
    return None
