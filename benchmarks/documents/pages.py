"""The commands and the files that pages show, in the order in which a reader meets them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

# What a command needs besides the clone, and how the command shows it. The first that matches counts.
NEEDS = {
    "serves": r"\bbench mock --port|http\.server|bench monitor --json-lines",
    "yours": r"…|:300[01]\b|\bbench init\b|\bOLD\.json\b|@v\d|--service gateway",
    "github": r"\b1234567890\b|\bgh auth\b|git push|GITHUB_",
    "network": r"https://|\bmake (?:lock|docs|setup)\b|npm install|ollama pull|\bpip install\b",
    "docker": r"\bdocker\b|--stack compose|\bcompose\+",
    "long": (
        r"\bmake (?:test|pictures|bench-\w+)\b|\bpytest\b|--runs [2-9]\d|--duration (?:\dm|\d{3})"
        r"|\bbench (?:check|ab)\b[^#]*--suite |\bbench ab\b|--against"
    ),
}
"""`serves` does not end by itself, so it runs in the background until its page ends.
`yours` needs something that only the reader has, such as an application."""
_FENCE = re.compile(r"^```(\w+)?(?: \{([^}]*)\})?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED_BEFORE = re.compile(
    r"(?:[Ss]ave|[Ww]rite|[Cc]reate)[^\n]*`([\w./-]+\.(?:yaml|py|json|csv))`[^\n]*:\n+\Z"
)
_NAMED_INSIDE = re.compile(r"\A# ([\w./-]+\.(?:yaml|py))\n")


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page."""

    page: str
    line: int
    text: str
    need: str | None
    """A key of `NEEDS`; None if it runs in every clone."""

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class File:
    """A file that a page shows."""

    path: str
    content: str


def read_page(path: Path) -> Iterator[Command | File]:
    """Yield the commands and the named files of a page, in their order."""
    text = path.read_text(encoding="utf-8")
    page = path.relative_to(ROOT).as_posix()
    for fence in _FENCE.finditer(text):
        language, classes, content = fence[1] or "", fence[2] or "", fence[3]
        if language == "sh":
            marks = {name.removeprefix(".") for name in classes.split()}
            if not marks <= NEEDS.keys():
                raise ValueError(f"{page}: unknown mark {sorted(marks - NEEDS.keys())}")
            first = text.count("\n", 0, fence.start(3)) + 1
            yield from _commands(page, first, content, min(marks, default=None))
        elif named := _NAMED_INSIDE.match(content) or _NAMED_BEFORE.search(text[: fence.start()]):
            yield File(named[1], content)


def _commands(page: str, first: int, content: str, mark: str | None) -> Iterator[Command]:
    """Yield the commands of a fence; one may have several lines."""
    pending, start = "", first
    for number, line in enumerate(content.splitlines(), first):
        pending += line
        if not pending.strip() or _continues(pending):
            pending += "\n"
            continue
        yield Command(page, start, pending.strip(), mark or find_need(pending))
        pending, start = "", number + 1


def _continues(text: str) -> bool:
    """Return whether a command goes on in the next line: after a backslash, or inside quotation marks."""
    if text.endswith("\\"):
        return True
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return True
    return False


def find_need(text: str) -> str | None:
    """Return what a command needs besides the clone; None for nothing."""
    needs = (need for need, pattern in NEEDS.items() if re.search(pattern, text))
    return next(needs, None)
