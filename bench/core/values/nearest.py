"""Find the name that a person meant."""

import re
from collections.abc import Collection
from difflib import get_close_matches

# Share of equal letters above which two names are the same one, mistyped.
_CERTAIN_RATIO = 0.85


def snake_case(name: str) -> str:
    """Return a camel-case name in snake case: `maxVUs` → `max_vus`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def find_nearest(name: str, names: Collection[str]) -> str | None:
    """Return the most similar of some names, whatever its case; None if none is similar."""
    close = get_close_matches(snake_case(name), list(names), n=1)
    return close[0] if close else None


def find_typing_error(name: str, names: Collection[str]) -> str | None:
    """Return the name that was certainly meant; None if the name is one of them, or may be a new one."""
    close = [] if name in names else get_close_matches(name, list(names), n=1, cutoff=_CERTAIN_RATIO)
    return close[0] if close else None


def suggest(name: str, names: Collection[str]) -> str:
    """Return a hint for a name that does not exist: the most similar name, else all names."""
    nearest = find_nearest(name, names)
    if nearest is not None:
        return f"did you mean '{nearest}'?"
    return f"existing names: {', '.join(sorted(names)) or 'none'}"
