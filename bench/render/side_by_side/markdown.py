"""The format `markdown` of several runs side by side; text from outside is escaped."""

from collections.abc import Iterator

from bench.render.document.format import SideBySideInput
from bench.render.document.side_by_side import make_side_by_side_document
from bench.render.markdown import template, tidy


def render_side_by_side(side: SideBySideInput) -> Iterator[str]:
    """Yield the report on the runs."""
    document = make_side_by_side_document(side.report)
    yield tidy(template("side_by_side.md.j2").render(document=document))
