"""Parts of the charts: SVG elements whose colours fit light and dark pages."""

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

WIDTH = 760
"""Width of a chart in pixels."""
_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #57606a; }
.title { font-weight: 600; font-size: 13px; fill: #24292f; }
.axis { stroke: #8c959f; stroke-width: 1; }
.grid { stroke: #8c959f; stroke-opacity: .25; }
.better { stroke: #1a7f37; fill: #1a7f37; }
.worse { stroke: #cf222e; fill: #cf222e; }
.unchanged { stroke: #6e7781; fill: #6e7781; }
.inconclusive { stroke: #8250df; fill: #8250df; }
.front { stroke: #0969da; fill: #0969da; }
.other { stroke: #8c959f; fill: none; }
@media (prefers-color-scheme: dark) {
  text { fill: #b1bac4; } .title { fill: #e6edf3; }
  .better { stroke: #3fb950; fill: #3fb950; } .worse { stroke: #f85149; fill: #f85149; }
  .inconclusive { stroke: #bc8cff; fill: #bc8cff; } .front { stroke: #58a6ff; fill: #58a6ff; }
}
"""


class Point(NamedTuple):
    """A place in pixels, from the upper left corner."""

    x: float
    y: float


def make_svg(height: float, title: str, parts: Iterable[str]) -> str:
    """Return an SVG document.

    Args:
        height: Height in pixels.
        title: Description for people who cannot see it.
        parts: The elements.
    """
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" role="img" '
        f'aria-label="{escape(title)}">\n<style>{_STYLE}</style>\n{body}\n</svg>\n'
    )


def draw_text(x: float, y: float, text: str, *, anchor: str = "start", kind: str = "") -> str:
    """Return a text; `anchor` is `start`, `middle` or `end`."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'


def draw_line(start: Point, end: Point, kind: str, width: float = 1.0) -> str:
    """Return a line."""
    return (
        f'<line x1="{start.x:.1f}" y1="{start.y:.1f}" x2="{end.x:.1f}" y2="{end.y:.1f}" class="{kind}" '
        f'stroke-width="{width:g}"/>'
    )


def draw_dot(x: float, y: float, kind: str, radius: float = 4.0) -> str:
    """Return a dot."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}" class="{kind}"/>'
