"""How far a run is, shown while it goes on: on stderr, as the reader's terminal or log allows it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import say

if TYPE_CHECKING:
    from bench.core.load.progress import Progress

LiveOption = Annotated[
    bool, typer.Option("--live", help="Show users, waiting times and processes while it runs.")
]
Show = Callable[["Progress"], None]
_PLAIN_EVERY_S = 5.0


@contextmanager
def watching(name: str, *, live: bool) -> Iterator[Show]:
    """What is to be called with how far a run is; the terminal is as before after the block, however it ends.

    Args:
        name: Of the scenario.
        live: Everything that is known, on a terminal; in a log of GitHub Actions, lines that can be folded.
    """
    if live and os.environ.get("GITHUB_ACTIONS") == "true":
        say(f"::group::measuring {name}")
        try:
            yield _lines()
        finally:
            say("::endgroup::")
    elif not sys.stderr.isatty():
        yield _lines()
    elif live and os.environ.get("TERM", "dumb") != "dumb":
        with _screen(name) as show:
            yield show
    else:
        with _one_line() as show:
            yield show


def _lines() -> Show:
    """A line every five seconds."""
    from bench.render.live import progress_line

    next_s = 0.0

    def show(progress: "Progress") -> None:
        nonlocal next_s
        if progress.elapsed_s >= next_s:
            next_s += _PLAIN_EVERY_S
            say(progress_line(progress))

    return show


@contextmanager
def _one_line() -> Iterator[Show]:
    """One line that rewrites itself."""
    from bench.render.live import progress_line

    shown = False

    def show(progress: "Progress") -> None:
        nonlocal shown
        shown = True
        print(f"\r{progress_line(progress)}\x1b[K", end="", file=sys.stderr, flush=True)

    try:
        yield show
    finally:
        if shown:
            say("")


@contextmanager
def _screen(name: str) -> Iterator[Show]:
    """Lines that are drawn anew in their place; what is said meanwhile stands above them."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from bench.render.live import screen

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with Live(console=console, auto_refresh=False, redirect_stdout=False) as drawn:

        def show(progress: "Progress") -> None:
            text = Text("\n".join(screen(name, progress)), no_wrap=True, overflow="crop")
            drawn.update(text, refresh=True)

        yield show
