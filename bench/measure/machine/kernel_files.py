"""Reads the kernel's files. A file that does not exist, cannot be read or has another form gives no value."""

from pathlib import Path


def read_text(path: Path) -> str | None:
    """Return the text of a file."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def read_number(*paths: Path) -> int | None:
    """Return the whole number in the first of these files that has one; negative numbers count as none."""
    for path in paths:
        text = (read_text(path) or "").strip()
        if text.isdigit():
            return int(text)
    return None


def read_counters(path: Path) -> dict[str, int]:
    """Return the counters of lines that are a name and a whole number."""
    counters = {}
    for line in (read_text(path) or "").splitlines():
        name, _, number = line.partition(" ")
        if number.strip().isdigit():
            counters[name] = int(number)
    return counters
