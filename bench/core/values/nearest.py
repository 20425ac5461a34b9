"""Find the name that a person meant."""

import re
from collections.abc import Collection
from difflib import get_close_matches


def snake_case(name: str) -> str:
    """Return a camel-case name in snake case: `maxVUs` → `max_vus`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def find_nearest(name: str, names: Collection[str]) -> str | None:
    """Return the most similar of some names, whatever its case; None if none is similar."""
    close = get_close_matches(snake_case(name), list(names), n=1)
    return close[0] if close else None


def suggest(name: str, names: Collection[str]) -> str:
    """Return a hint for a name that does not exist: the most similar name, else all names."""
    nearest = find_nearest(name, names)
    if nearest is not None:
        return f"did you mean '{nearest}'?"
    return f"existing names: {', '.join(sorted(names)) or 'none'}"
