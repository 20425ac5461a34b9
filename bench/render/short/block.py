"""Blocks of lines that share the lines of a screen."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

from rich.cells import cell_len, set_cell_size
from rich.console import RenderableType
from rich.text import Text

from bench.core.values.escape import escape_output, escape_terminal
from bench.render.terminal import open_console, read_console

_ELLIPSIS = "…"
_NARROWEST = 20
"""Columns that every line may have, also on a narrower terminal."""


class Rank(IntEnum):
    """The order in which blocks get their lines; they are shown in another order."""

    VERDICT = 0
    NEXT_STEP = 1
    DECISIVE = 2
    PLACES = 3
    CROSSED = 4
    RUNS = 5
    METRICS = 6
    MESSAGES = 7
    TIERS = 8
    LOADS = 9
    FAILURES = 10
    NOTES = 11
    REASONS = 12
    FACTS = 13


@dataclass(frozen=True, slots=True)
class LineBlock:
    """Lines about one subject. A block without space for all of them counts the rest in its last line."""

    lines: tuple[Text, ...]
    """The lines, the most important one first. None is wider than the terminal."""
    rank: Rank
    """Blocks of a lower rank get their lines first."""
    least: int = 1
    """Lines below which the block is left out, with its heading."""
    most: int = 99
    """Lines that the block has at most, without its heading."""
    heading: Text | None = None
    """A line above the others."""
    describe_rest: Callable[[int], str] | None = None
    """Return the last line from the number of lines that are left out; None to leave them out silently."""
    always_rest: bool = False
    """The last line is needed even if all lines have space."""
    is_apart: bool = True
    """An empty line precedes the block if there is space."""

    @property
    def height(self) -> int:
        """Lines of the block if it has space."""
        if not self.lines and not self.always_rest:
            return 0
        wanted = min(self.most, len(self.lines) + self.always_rest)
        return wanted + (self.heading is not None)

    @property
    def least_height(self) -> int:
        """Lines of the smallest part that is worth showing."""
        return min(self.height, self.least + (self.heading is not None))

    def draw(self, height: int) -> list[Text]:
        """Return at most this number of lines."""
        head = [] if self.heading is None else [self.heading]
        space = height - len(head)
        if self.describe_rest is None:
            return [*head, *self.lines[:space]]
        if space >= len(self.lines) + self.always_rest and not self.always_rest:
            return [*head, *self.lines]
        shown = self.lines[: max(0, space - 1)]
        rest = self.describe_rest(len(self.lines) - len(shown))
        return [*head, *shown, Text(f"{_ELLIPSIS} {rest}", "dim")]


def fit(blocks: Sequence[LineBlock], lines: int, width: int) -> list[Text]:
    """Return the lines of the blocks in their order, at most this number.

    Each block gets its smallest part, by rank; then the remaining lines, by rank; then empty lines.
    """
    heights = [0] * len(blocks)
    order = sorted(range(len(blocks)), key=lambda place: blocks[place].rank)
    left = lines
    for place in order:
        smallest = blocks[place].least_height
        if smallest <= left:
            heights[place] = smallest
            left -= smallest
    for place in order:
        more = min(left, blocks[place].height - heights[place]) if heights[place] else 0
        heights[place] += more
        left -= more
    shown: list[Text] = []
    for block, height in zip(blocks, heights, strict=True):
        drawn = block.draw(height) if height else []
        if drawn and shown and block.is_apart and left > 0:
            shown.append(Text())
            left -= 1
        shown += cut_lines(drawn, width)
    return shown


def count_words(counts: Counter[str]) -> str:
    """Return how many there are more of each word: `8 more: 2 cannot tell, 6 pass`."""
    if len(counts) == 1:
        return f"{counts.total()} more: {''.join(counts)}"
    parts = []
    for word, count in counts.items():
        parts.append(f"{count} {word}")
    return f"{counts.total()} more: {', '.join(parts)}"


def clean(text: str) -> str:
    """Return a text from outside on one line, as the terminal will show it."""
    return escape_output(escape_terminal(text))


def cut(text: str, width: int) -> str:
    """Return at most this number of columns of a text; an ellipsis ends a longer one."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, max(0, width - 1)).rstrip() + _ELLIPSIS if width > 0 else ""


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Return a text in exactly this number of columns."""
    short = cut(text, width)
    blanks = " " * (width - cell_len(short))
    return blanks + short if right else short + blanks


def cut_text(text: Text, width: int) -> Text:
    """Return a line of at most this number of columns."""
    if text.cell_len <= width:
        return text
    line = text.copy()
    line.truncate(width, overflow="ellipsis")
    return line


def cut_lines(lines: Iterable[Text], width: int) -> tuple[Text, ...]:
    """Return lines of at most this number of columns."""
    return tuple(map(partial(cut_text, width=width), lines))


def list_sentences(sentences: Iterable[str], width: int, start: str = "- ") -> tuple[Text, ...]:
    """Return a line for each sentence from outside."""
    lines = []
    for sentence in sentences:
        lines.append(cut_text(Text(start + clean(sentence)), width))
    return tuple(lines)


def wrap_text(text: Text, width: int, most: int) -> tuple[Text, ...]:
    """Return a text in at most this number of lines; an ellipsis ends a longer one."""
    console = open_console(width=width, colour=False)
    lines = [*text.wrap(console, width)]
    for line in lines:
        line.rstrip()
    if len(lines) > most:
        last = lines[most - 1]
        last.append(_ELLIPSIS)
        if last.cell_len > width:
            last.truncate(width - 1)
            last.append(_ELLIPSIS)
    return tuple(lines[:most])


def render_lines(renderable: RenderableType, width: int) -> tuple[Text, ...]:
    """Return the lines of a table, with their styles."""
    console = open_console(width=width, colour=True)
    console.print(renderable)
    return tuple(map(Text.from_ansi, read_console(console).splitlines()))


def print_lines(lines: Sequence[Text], *, width: int, colour: bool) -> str:
    """Return lines as text that ends in a newline."""
    console = open_console(width=width, colour=colour)
    for line in lines:
        console.print(line, no_wrap=True, overflow="crop")
    return read_console(console)


def usable_width(columns: int) -> int:
    """Return the width of lines on a terminal of this number of columns."""
    return max(_NARROWEST, columns)
