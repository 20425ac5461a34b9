"""What pages for a browser share: their parts, what becomes text in them, and what is drawn."""

import json
import re
from dataclasses import asdict, dataclass
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.core.values.escape import escape_html, visible_text
from bench.core.verdict.compare import Decision
from bench.render.document.table import Table
from bench.render.html.charts import Chart
from bench.render.html.figures import Interval, intervals

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
_LONG = 40
"""Characters of a cell above which it is broken into lines."""
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
    here = files("bench.render.html")
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
        {
            "at": layer.at,
            "lines": [asdict(line) | {"label": visible_text(line.label)} for line in layer.lines],
        }
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
    """Return a text as HTML: a `name` is code, and neither a number with its unit nor a date is broken."""
    joined = _UNIT.sub("\u00a0", visible_text(text))
    escaped = ""
    for number, part in enumerate(_NAME.split(joined)):
        is_name = number % 2 == 1
        escaped += f"<code>{escape_html(part)}</code>" if is_name else escape_html(part)
    return Markup(_DATE.sub(r'<span class="whole">\g<0></span>', escaped))  # noqa: S704 - each part is escaped


def finalize(value: object) -> object:
    """Escape a text that a template prints; Jinja keeps markup and prints numbers as they are."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return Markup(escape_html(value))  # noqa: S704 - it is escaped
    return value


def _plain(cell: str) -> str:
    return cell.striptags() if isinstance(cell, Markup) else cell


def ends_in_numbers(table: Table) -> bool:
    """Whether the last column has no words, which it usually has."""
    return all(_plain(row[-1])[:1].isdecimal() or _plain(row[-1])[:1] in _SIGNS for row in table.rows)


def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("bench.render.html"),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=finalize,
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
