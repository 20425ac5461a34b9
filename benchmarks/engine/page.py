"""A page of several measurements: each command rewrites its own section and leaves the others as they are."""

import re
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
PERFORMANCE = ROOT / "docs" / "explanation" / "performance.md"


def replace_section(page: Path, name: str, text: str) -> None:
    """Replace the text between the section's two comments.

    Raises:
        ValueError: The page has no such section.
    """
    old = page.read_text(encoding="utf-8")
    begin = f"<!-- begin {name} -->"
    end = f"<!-- end {name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    new, count = pattern.subn(lambda _: f"{begin}\n\n{text.strip()}\n\n{end}", old)
    if count != 1:
        raise ValueError(f"{page} has no section {name!r}: it needs the lines {begin!r} and {end!r}")
    page.write_text(new, encoding="utf-8")


def table(head: Sequence[str], rows: Sequence[Sequence[str]], side: str = "---:") -> str:
    """Return a table in Markdown; all columns but the first are aligned by `side`."""
    lines = [list(head), [":---", *[side] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
