"""Paths of the machine that measured, which no reader on another machine can open."""

import re

_ROOTS = "home|Users|root|tmp|private|opt|var|mnt|github|runner|__w|workspace"
"""First folders of paths of runners and of laptops; `/api/chat` is no path of a machine."""
_PATH = re.compile(
    rf"(?<![\w./:\\-])(?:file://)?(?:/(?:{_ROOTS})|[A-Za-z]:)[\\/](?P<rest>[^\s'\"`<>|:;,()\[\]{{}}]+)"
)
_SEPARATOR = re.compile(r"[\\/]+")
_KEPT = 2
"""Last parts of a path that stay: they show which file it is."""


def shorten_paths(text: str) -> str:
    """Return a text with the last two parts of each path of the machine: `…/agent/main.py`."""
    return _PATH.sub(_shorten, text)


def _shorten(match: re.Match[str]) -> str:
    parts = _SEPARATOR.split(match["rest"].rstrip("/\\"))
    return f"…/{'/'.join(parts[-_KEPT:])}"
