"""`bench badge`: draw a badge of a stored run or of a history."""

from pathlib import Path
from typing import Annotated

import typer

from bench.render.badge import BadgeValue
from bench.store.files import write_text
from bench.store.lines import STDOUT
from bench.usecases.badge import badge as draw_badge

RunOrHistory = Annotated[
    Path, typer.Argument(metavar="RUN", help="Folder of a run, its result.json, or a history.")
]
Show = Annotated[str, typer.Option("--show", metavar="VALUE", help="Show verdict, safe-load or p95.")]
Label = Annotated[
    str | None,
    typer.Option("--label", metavar="TEXT", help="Write this at the left (default: the scenario)."),
]
Out = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Write the SVG to this file (default: print it).")
]


def badge(
    run: RunOrHistory, *, show: Show = BadgeValue.VERDICT, label: Label = None, out: Out = None
) -> None:
    """Draw a badge of a stored run or of a history.

    Exits with 0 for every verdict.
    """
    svg = draw_badge(run, show, label=label)
    if out is None or str(out) == STDOUT:
        print(svg, end="")
    else:
        write_text(out, svg)
