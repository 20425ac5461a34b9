"""Patterns of paths, as GitHub's `paths` has them: `*` within a folder, `**` across folders, `!` excludes."""

import re
from collections.abc import Sequence
from functools import cache

_EXCLUDES = "!"
_PARTS = re.compile(r"\*\*/|\*\*|\*|\?")
_TRANSLATED = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def matches(path: str, patterns: Sequence[str]) -> bool:
    """Return whether the last pattern that matches a path includes it.

    If the first pattern excludes, the patterns only list exceptions: a path without a match is included.

    Args:
        path: Path from the top of the repository.
        patterns: The patterns, at least one.
    """
    included = patterns[0].startswith(_EXCLUDES)
    for pattern in patterns:
        if _compile(pattern.removeprefix(_EXCLUDES)).fullmatch(path):
            included = not pattern.startswith(_EXCLUDES)
    return included


@cache
def _compile(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of a pattern without its mark."""
    expression = ""
    end = 0
    for part in _PARTS.finditer(pattern):
        expression += re.escape(pattern[end : part.start()]) + _TRANSLATED[part[0]]
        end = part.end()
    return re.compile(expression + re.escape(pattern[end:]), re.DOTALL)
