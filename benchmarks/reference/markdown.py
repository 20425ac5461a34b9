"""Parts of a Markdown page."""

from collections.abc import Iterable, Sequence

DASH = "–"  # noqa: RUF001 - the dash of an empty cell


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; line breaks and bars inside cells are made harmless."""
    lines = [head, [":---"] * len(head), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in cells)} |\n" for cells in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|") or DASH


def code(text: str) -> str:
    """Return the text as code."""
    return f"`{text}`"


def sentences(text: str) -> str:
    """Return a docstring's paragraph with one sentence per line."""
    return " ".join(text.split()).replace(". ", ".\n")


def anchor(heading: str) -> str:
    """Return the anchor that GitHub and the site give a heading."""
    kept = [letter for letter in heading.lower() if letter.isalnum() or letter in " -_"]
    return "".join(kept).replace(" ", "-")
