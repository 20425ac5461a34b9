"""What all pages share: the templates with their filters, the style, the script and the drawings."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.core.report.row_words import describe_tolerances
from bench.core.report.words import SIGNS, VERDICTS, Tone, Word, find_word
from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.core.values.escape import escape_html, visible_text
from bench.core.verdict.verdict import Verdict
from bench.render.document.document import split_headline
from bench.render.document.table import Table
from bench.render.html.assets import embed_json
from bench.render.html.charts import Chart, Line, Mark
from bench.render.html.figures import Interval, make_intervals
from bench.render.html.name_mark import draw_mark, mark_uri
from bench.render.html.tokens import light_tokens

_PACKAGE = "bench.render.html"
_MOST_ROWS = 50
"""Rows of a table of a run."""
_KEPT_FIRST = (Tone.BAD, Tone.CAUTION, Tone.GOOD)
"""Tones of the rows that a longer table keeps first."""
_LONG = 40
"""A cell with more characters is broken into lines."""
_NAME = re.compile(r"`([A-Za-z0-9._-]+)`")
_BEFORE_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|MB)(?!\w))")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SIGNS = frozenset({"+", wording.MINUS, wording.DASH})


@dataclass(frozen=True, slots=True)
class DrawnTable:
    """A table with a drawn interval in each row."""

    table: Table
    """The table."""
    intervals: tuple[Interval | None, ...]
    """The interval of each row; empty if the table compares no metrics."""
    tiers: bool
    """The rows are tiers."""


def limit_rows(table: Table) -> Table:
    """Return a table of a run without the rows that would make a page too large; the raw data has them."""
    count = len(table.rows)
    if count <= _MOST_ROWS:
        return table
    title = f"{table.title}, {_MOST_ROWS} of {count:,} rows (the raw data has all)"
    if not table.compared:
        return replace(table.first(_MOST_ROWS), title=title)
    places = sorted(range(count), key=lambda place: _urgency(table.compared[place].verdict))
    kept = sorted(places[:_MOST_ROWS])
    rows = tuple(table.rows[place] for place in kept)
    return replace(table, title=title, rows=rows, compared=tuple(table.compared[place] for place in kept))


def _urgency(verdict: Verdict) -> int:
    """Return the place of a verdict among the rows that a cut table keeps; equal rows keep their order."""
    tone = VERDICTS[verdict].tone
    return _KEPT_FIRST.index(tone) if tone in _KEPT_FIRST else len(_KEPT_FIRST)


class _SharedLists:
    """Lists that several charts have in common, each once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.lists: list[Sequence[object]] = []

    def number(self, values: Sequence[object]) -> int:
        """Return the number of a list."""
        number = self._numbers.setdefault(json.dumps(values), len(self.lists))
        if number == len(self.lists):
            self.lists.append(values)
        return number


def embed_charts(charts: Mapping[str, Chart]) -> Markup:
    """Return the data that the script draws, by the id of the element of each chart."""
    shared = _SharedLists()
    data = {name: _chart_data(chart, shared) for name, chart in charts.items()}
    return embed_json({"shared": shared.lists, "charts": data})


def draw_intervals(table: Table) -> DrawnTable:
    """Add the drawn intervals to a table."""
    tiers = bool(table.compared) and all(tier_name(row.key) for row in table.compared)
    return DrawnTable(table, make_intervals(table.compared), tiers)


def _chart_data(chart: Chart, shared: _SharedLists) -> dict[str, object]:
    """Return a chart; its places, stages and events are numbers of shared lists."""
    layers = []
    for layer in chart.layers:
        layers.append({"at": shared.number(layer.at), "lines": list(map(_line_data, layer.lines))})
    phases = [(phase.start_s, phase.end_s, visible_text(phase.label)) for phase in chart.phases]
    spans = [(span.start, span.end, span.tone, visible_text(span.label)) for span in chart.spans]
    return {
        "across": chart.across,
        "unit": chart.unit,
        "end": chart.end,
        "from_zero": chart.from_zero,
        "marks": list(map(_mark_data, chart.marks)),
        "layers": layers,
        "phases": shared.number(phases),
        "spans": shared.number(spans),
    }


def _mark_data(mark: Mark) -> tuple[float | str, ...]:
    text = "\n".join(map(visible_text, mark.text.split("\n")))
    labels = (visible_text(mark.label),) if mark.label else ()
    return mark.at, mark.tone, text, *labels


def _line_data(line: Line) -> dict[str, object]:
    data: dict[str, object] = {
        "label": visible_text(line.label),
        "tone": line.tone,
        "values": line.values,
        "look": line.look,
    }
    if line.unit:
        data["unit"] = line.unit
    return data


def code(text: str) -> Markup:
    """Return a sentence as HTML: a `name` is code; a number and its unit, and a date, stay on one line."""
    joined = _BEFORE_UNIT.sub("\u00a0", visible_text(text))
    escaped = ""
    for number, part in enumerate(_NAME.split(joined)):
        is_name = number % 2 == 1
        escaped += f"<code>{escape_html(part)}</code>" if is_name else escape_html(part)
    return Markup(_DATE.sub(r'<span class="nowrap">\g<0></span>', escaped))  # noqa: S704 - each part is escaped


def command(text: str) -> Markup:
    """Return a command as HTML that wraps between its arguments, for example never within `--reason`."""
    arguments = Markup('<span class="argument">{}</span>')
    return Markup(" ").join(arguments.format(part) for part in visible_text(text).split(" "))


def finalize(value: object) -> object:
    """Escape a text that a template prints; markup and numbers stay as they are."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return Markup(escape_html(value))  # noqa: S704 - it is escaped
    return value


def _plain(cell: str) -> str:
    return cell.striptags() if isinstance(cell, Markup) else cell


def ends_in_numbers(table: Table) -> bool:
    """Check whether the last column contains numbers and no words."""
    for row in table.rows:
        first = _plain(row[-1])[:1]
        if not first.isdecimal() and first not in _SIGNS:
            return False
    return True


def cell_class(cell: str) -> str:
    """Return the CSS classes of a cell: its colour, and `long` for a long text."""
    word = find_word(cell)
    classes: list[str] = []
    if word is not None and word.tone is not Tone.QUIET:
        classes.append(word.tone)
    if len(_plain(cell)) > _LONG:
        classes.append("long")
    return " ".join(classes)


def headline(text: str, word: Word) -> Markup:
    """Return a decision and a headline as HTML."""
    label, sentence = split_headline(word, text)
    return Markup('<span class="decision">{}</span>{}').format(label, code(sentence))


def _make_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    colours = light_tokens()
    environment.globals.update(
        signs=SIGNS,
        mark=Markup(draw_mark("var(--brand)", "var(--raised)")),  # noqa: S704 - constants of the package
        icon=Markup(mark_uri(colours["brand"], colours["raised"])),  # noqa: S704 - likewise
    )
    environment.filters.update(
        code=code,
        command=command,
        cell_class=cell_class,
        headline=headline,
        ends_in_numbers=ends_in_numbers,
        tolerances=describe_tolerances,
    )
    return environment


ENVIRONMENT = _make_environment()
