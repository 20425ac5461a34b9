"""A report in GitHub's Markdown, for a file, a job summary or a comment."""

import re
import unicodedata

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from bench.core.report.report import Report
from bench.core.verdict.compare import Decision
from bench.render.document import Document, make_document
from bench.render.lines import one_line
from bench.render.mermaid import tiers_chart
from bench.render.table import Table

ICONS = {Decision.PASS: "🟢", Decision.FAIL: "🔴", Decision.INCONCLUSIVE: "🟡", Decision.INVALID: "⚪"}
_LONGEST_CELL, _LONGEST_LINE = 200, 1_000
_CODE = re.compile(r"((?<!`)`[A-Za-z0-9._-]+`(?!`))")
_MARKUP = re.compile(r"([\\`*_{}\[\]<>|~!&])")
_BLOCK = re.compile(r"^([#+=>-]|\d+[.)](?=\s))")
_LINK = re.compile(r"(:)(?=//)|(?<=www)(\.)", re.IGNORECASE)
# GitHub looks for these in what it has rendered, so a backslash is gone by then; an empty space is not.
_REFERENCE = re.compile(r"(?<=[@#])(?=\w)|(?<=GH)(?=-\d)", re.IGNORECASE)
_NOTHING = "\u200b"
# Nor is one from a formula: this is how GitHub's documentation writes a dollar that begins none.
_DOLLAR = "<span>$</span>"
_INVISIBLE = "Cf"  # of Unicode: what turns a line's direction round, and what has no width


def template(name: str) -> Template:
    """A template whose filters make text stay text."""
    return _ENVIRONMENT.get_template(name)


def render_markdown(report: Report) -> str:
    """The report as Markdown; text that the target or a scenario's author wrote stays text."""
    return show(make_document(report), tiers_chart(report))


def show(document: Document, chart: str = "") -> str:
    """A document as Markdown that ends in a newline; text stays text in it as well.

    Args:
        document: What to say.
        chart: A block of Markdown below what was judged; it is not escaped.
    """
    page = template("report.md.j2")
    return page.render(document=document, chart=chart, icon=ICONS[document.decision]).strip() + "\n"


def escape(text: str) -> str:
    """A text that means only itself, on one line, and cut where nobody would read on.

    No markup, HTML, mention, formula, link or change of direction, but a `name` in code.
    """
    return _BLOCK.sub(r"\\\1", _inline(_cut(text, _LONGEST_LINE)))


def cell(text: str) -> str:
    """A text in a cell: escaped, and cut where it would stretch the table."""
    return _inline(_cut(text, _LONGEST_CELL))


def alignment(table: Table) -> str:
    """The line below a table's head: names to the left, numbers to the right, the last column to the left."""
    inner = ["---:"] * (len(table.columns) - 2)
    return f"| :--- | {' | '.join([*inner, ':---'])} |"


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def _inline(text: str) -> str:
    visible = "".join(each for each in text if unicodedata.category(each) != _INVISIBLE)
    parts = _CODE.split(one_line(visible).strip())
    return "".join(part if _CODE.fullmatch(part) else _plain(part) for part in parts)


def _plain(text: str) -> str:
    text = _MARKUP.sub(r"\\\1", text)
    text = _LINK.sub(lambda match: f"\\{match[0]}", text)
    return _REFERENCE.sub(_NOTHING, text).replace("$", _DOLLAR)


def _environment() -> Environment:
    # Escaping is Markdown's, by the filters; HTML's would show its entities in code.
    made = Environment(  # noqa: S701 - see above
        loader=PackageLoader("bench.render"), undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    made.filters.update(escape=escape, cell=cell, alignment=alignment)
    return made


_ENVIRONMENT = _environment()
