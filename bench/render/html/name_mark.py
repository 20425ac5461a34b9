"""The name mark: a speech bubble that contains a change with its interval, next to the line of no change."""

from urllib.parse import quote

SIZE = 16
"""Width and height of the mark in its own units; it is readable at this number of pixels."""
BUBBLE = (
    "M3 1h10a2.5 2.5 0 0 1 2.5 2.5v6A2.5 2.5 0 0 1 13 12H7.5L4 15.3V12H3A2.5 2.5 0 0 1 .5 9.5v-6"
    "A2.5 2.5 0 0 1 3 1z"
)
"""Path of the bubble."""
LINES = "M3.75 3.5v6M6 6.5h7.5"
"""Path of the line of no change, and of the interval."""
LINE_WIDTH = 1.5
"""Width of these lines."""
DOT = (9.75, 6.5, 2.25)
"""Centre and radius of the change."""


def draw_mark(bubble: str, change: str) -> str:
    """Return the shapes of the mark for an SVG of 16 by 16 units.

    Args:
        bubble: Colour of the bubble, such as `#1f5fc4` or `var(--brand)`.
        change: Colour of the change and its lines.
    """
    x, y, radius = DOT
    return (
        f'<path d="{BUBBLE}" fill="{bubble}"/>'
        f'<path d="{LINES}" stroke="{change}" stroke-width="{LINE_WIDTH}" stroke-linecap="round"/>'
        f'<circle cx="{x}" cy="{y}" r="{radius}" fill="{change}"/>'
    )


def draw_mark_file(bubble: str, change: str) -> str:
    """Return the mark as an SVG file; for the arguments, see `draw_mark`."""
    shapes = draw_mark(bubble, change)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE} {SIZE}">{shapes}</svg>'


def mark_uri(bubble: str, change: str) -> str:
    """Return the mark as a `data:` address, for the icon of a page; for the arguments, see `draw_mark`."""
    return f"data:image/svg+xml,{quote(draw_mark_file(bubble, change), safe='')}"
