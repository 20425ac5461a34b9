"""Aligned rows of changes: name, drawing, change, both values and verdict."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from rich.cells import cell_len
from rich.text import Text

from bench.render.short.block import cut_lines, pad

GAP = "  "
"""Blanks between two columns."""
_SIDES = "base → head"
"""Heading of both values."""
_LONGEST_NAME = 24
_SHORTEST_NAME = 12
_LONGEST_VALUES = 24
_SHORTEST_DRAWING = 7
_LONGEST_DRAWING = 30


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """A compared metric, message or tier. Its texts are clean."""

    name: str
    """Its name."""
    draw: Callable[[int], Text] | None
    """Return the drawing in at most this number of columns; None without one."""
    change: str
    """The change with its sign."""
    values: str
    """Both values."""
    verdict: str
    """The verdict."""
    style: str
    """Style of the verdict."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Widths of the columns; 0 for a column that the screen has no space for."""

    name: int
    drawing: int
    change: int
    values: int
    verdict: int

    def line(self, row: ChangeRow) -> Text:
        """Return a row as a line."""
        cells = [Text(pad(row.name, self.name))]
        if self.drawing:
            drawing = Text() if row.draw is None else row.draw(self.drawing)
            drawing.pad_right(max(0, self.drawing - drawing.cell_len))
            cells.append(drawing)
        cells.append(Text(pad(row.change, self.change, right=True)))
        if self.values:
            cells.append(Text(pad(row.values, self.values)))
        cells.append(Text(row.verdict, row.style))
        line = Text(GAP).join(cells)
        line.rstrip()
        return line

    def heading(self, name: str, legends: Sequence[str] = ("",), *, has_sides: bool = False) -> Text:
        """Return a line above rows, with the first legend of the drawings that has space."""
        legend = next((text for text in legends if cell_len(text) <= self.drawing), "")
        cells = [name if not legend and not has_sides else pad(name, self.name)]
        if self.drawing:
            cells.append(pad(legend, self.drawing))
        cells.append(" " * self.change)
        if self.values:
            cells.append(pad(_SIDES if has_sides else "", self.values))
        return Text(GAP.join(cells).rstrip(), "dim")


def fit_columns(rows: Sequence[ChangeRow], width: int) -> Columns:
    """Return the widths for rows on a screen. Narrow screens lose the drawings, then the values."""
    name = min(_LONGEST_NAME, _widest(map(attrgetter("name"), rows)))
    change = _widest(map(attrgetter("change"), rows))
    values = min(_LONGEST_VALUES, max(cell_len(_SIDES), _widest(map(attrgetter("values"), rows))))
    verdict = _widest(map(attrgetter("verdict"), rows))
    short = min(name, _SHORTEST_NAME)
    left = width - change - verdict - 2 * len(GAP)
    with_values = left - values - len(GAP)
    with_all = with_values - _SHORTEST_DRAWING - len(GAP)
    if with_all >= short:
        name = min(name, with_all)
        drawing = min(_LONGEST_DRAWING, with_all - name + _SHORTEST_DRAWING)
        return Columns(name, drawing, change, values, verdict)
    if with_values >= short:
        return Columns(min(name, with_values), 0, change, values, verdict)
    return Columns(max(1, min(name, left)), 0, change, 0, verdict)


def _widest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def list_lines(columns: Columns, rows: Sequence[ChangeRow], width: int) -> tuple[Text, ...]:
    """Return a line for each row."""
    return cut_lines(map(columns.line, rows), width)
