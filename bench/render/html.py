"""What pages for a browser share: their parts, what becomes text in them, and what is drawn."""

import json
import re
import unicodedata
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import zip_longest

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.render.charts import Chart
from bench.render.figures import Interval, intervals
from bench.render.table import Table

# A shape for each decision, because a colour alone does not tell everybody.
MARKS = {Decision.PASS: "✓", Decision.FAIL: "✕", Decision.INCONCLUSIVE: "?", Decision.INVALID: "–"}  # noqa: RUF001
_CELLS = {"~": "no change seen"}
_TONES = {
    "regressed": "bad",
    "crossed": "bad",
    "missing": "bad",
    "improved": "good",
    "worse": "bad",
    "was down": "bad",
    "never answered": "bad",
    "better": "good",
}
_NAME = re.compile(r"`([A-Za-z0-9._-]+)`")
_UNIT = re.compile(r"(?<=\d) (?=(?:%|ms|s|MB)(?!\w))")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_SIGNS = frozenset({"+", wording.MINUS, wording.DASH})
_LONG, _LONGEST = 40, 1_000  # characters of a cell that is broken into lines, and of any text
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})  # of Unicode
_LIBRARY = "vendor/uplot"


@dataclass(frozen=True, slots=True)
class Parts:
    """What is put into every page, word for word.

    Attributes:
        style: Its style sheets.
        script: What draws its charts.
    """

    style: str
    script: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that sums the run up, for the top of the page."""

    label: str
    text: str
    note: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A table with an interval for each of its rows; without any where it compares nothing."""

    table: Table
    intervals: tuple[Interval | None, ...]
    tiers: bool


def shipped() -> Parts:
    """The style and the script that come with the package."""
    here = files("bench.render")
    library, own = here / _LIBRARY, here / "templates"
    styles = (library / "uPlot.min.css", own / "page.css")
    scripts = (library / "uPlot.iife.min.js", own / "page.js")
    return Parts(
        style="\n".join(each.read_text(encoding="utf-8").strip() for each in styles),
        script="\n".join(each.read_text(encoding="utf-8").strip() for each in scripts),
    )


def embedded(value: object) -> Markup:
    """JSON that can stand inside an element `script`: nothing in it ends the element or begins another."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)  # all that is not ASCII is escaped
    for each in "<>&":
        text = text.replace(each, f"\\u{ord(each):04x}")
    return Markup(text)  # noqa: S704 - see above


def judged(table: Table) -> Judged:
    """A table with the intervals that it compares by."""
    tiers = bool(table.compared) and all(tier_name(each.key) for each in table.compared)
    return Judged(table, intervals(table.compared), tiers)


def drawn(chart: Chart) -> dict[str, object]:
    """What the script needs of a chart."""
    layers = [
        {"at": layer.at, "lines": [asdict(line) | {"label": visible(line.label)} for line in layer.lines]}
        for layer in chart.layers
    ]
    return {
        "across": chart.across,
        "unit": chart.unit,
        "end": chart.end,
        "from_zero": chart.from_zero,
        "marks": [(each.at, each.tone) for each in chart.marks],
        "layers": layers,
        "phases": [(each.start_s, each.end_s) for each in chart.phases],
        "outages": [(each.start_s, each.end_s) for each in chart.outages],
    }


def code(text: str) -> Markup:
    """A text in which a `name` is shown as code, a number stays beside its unit, and a date whole."""
    parts = _NAME.split(_UNIT.sub("\u00a0", str(visible(text))))
    names = [Markup("<code>{}</code>").format(each) for each in parts[1::2]]
    whole = Markup("").join(part for pair in zip_longest(parts[::2], names, fillvalue="") for part in pair)
    return Markup(_DATE.sub(r'<span class="whole">\g<0></span>', str(whole)))  # noqa: S704 - digits, and what was escaped


def visible(value: object) -> object:
    """Text without what moves a cursor or turns the direction of what follows; all else as it is."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    shown = "".join(" " if unicodedata.category(each) in _INVISIBLE else each for each in value[:_LONGEST])
    return shown if len(value) <= _LONGEST else f"{shown}…"


def _plain(cell: str) -> str:
    return cell.striptags() if isinstance(cell, Markup) else cell


def ends_in_numbers(table: Table) -> bool:
    """Whether the last column has no words, which it usually has."""
    return all(_plain(row[-1])[:1].isdecimal() or _plain(row[-1])[:1] in _SIGNS for row in table.rows)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("bench.render"),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals.update(marks=MARKS)
    made.filters.update(
        code=code,
        shade=lambda cell: f"{_TONES.get(cell, '')} {'long' if len(_plain(cell)) > _LONG else ''}".strip(),
        ends_in_numbers=ends_in_numbers,
        word=lambda text: _CELLS.get(text, text),
    )
    return made


ENVIRONMENT = _environment()
