"""Progress of a run on stderr: lines in a log, one line or a screen on a terminal."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.cli.console import is_actions_job, print_command, say, warn
from bench.core.load.progress import Progress
from bench.core.values.escape import escape_actions
from bench.measure.run.conditions import Listener
from bench.render.live import progress_line

_LOG_INTERVAL_S = 5.0
_CLEAR_TO_END = "\x1b[K"


@contextmanager
def listen(scenario: str, *, live: bool) -> Iterator[Listener]:
    """Yield the listener of a use case; after the block the terminal is as before, also after an error.

    Args:
        scenario: Name of the scenario, or the path of its file.
        live: Show everything on a terminal, and lines in a folded group in a log of GitHub Actions.

    Raises:
        KeyboardInterrupt: From the block. Its message is printed when the terminal is restored.
    """
    try:
        with _view(Path(scenario).stem, live=live) as listener:
            yield listener
    except KeyboardInterrupt as interrupt:
        for text in interrupt.args:
            say(str(text))
        raise


@contextmanager
def _view(name: str, *, live: bool) -> Iterator[Listener]:
    if live and is_actions_job():
        print_command(f"::group::measuring {escape_actions(name)}\n", sys.stderr)
        try:
            yield _log(name)
        finally:
            print_command("::endgroup::\n", sys.stderr)
    elif not sys.stderr.isatty():
        yield _log(name)
    elif live and not _is_dumb():
        with _screen(name) as listener:
            yield listener
    else:
        with _one_line(name) as listener:
            yield listener


def _is_dumb() -> bool:
    """Return whether the terminal understands no control sequences."""
    return os.environ.get("TERM", "dumb") == "dumb"


def _log(name: str) -> Listener:
    """Print a line every five seconds of a load."""
    next_s = 0.0

    def show(progress: Progress) -> None:
        nonlocal next_s
        if not progress.is_load:
            return
        if progress.elapsed_s + _LOG_INTERVAL_S < next_s:  # the next run began
            next_s = 0.0
        if progress.elapsed_s >= next_s:
            next_s += _LOG_INTERVAL_S
            say(progress_line(name, progress))

    return Listener(progress=show, note=say, warning=warn)


@contextmanager
def _one_line(name: str) -> Iterator[Listener]:
    """Rewrite one line in place; notes replace it, and the end of the run clears it."""
    is_open = False
    is_dumb = _is_dumb()

    def write(line: str) -> None:
        columns = shutil.get_terminal_size().columns - 1
        ending = " " * (columns - len(line)) if is_dumb else _CLEAR_TO_END
        print(f"\r{line}{ending}", end="", file=sys.stderr, flush=True)

    def show(progress: Progress) -> None:
        nonlocal is_open
        is_open = True
        write(progress_line(name, progress, shutil.get_terminal_size().columns - 1))

    def close_line() -> None:
        nonlocal is_open
        if is_open:
            is_open = False
            write("")
            print("\r", end="", file=sys.stderr, flush=True)

    def note(text: str) -> None:
        close_line()
        say(text)

    def warning(text: str) -> None:
        close_line()
        warn(text)

    try:
        yield Listener(progress=show, note=note, warning=warning)
    finally:
        close_line()


@contextmanager
def _screen(name: str) -> Iterator[Listener]:
    """Draw several lines in place; notes appear above them."""
    # Only --live needs rich, which takes a tenth of a second to import.
    from rich.console import Console  # noqa: PLC0415 - see above
    from rich.live import Live  # noqa: PLC0415 - see above
    from rich.text import Text  # noqa: PLC0415 - see above

    from bench.render.live import screen  # noqa: PLC0415 - likewise

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with Live(console=console, auto_refresh=False, redirect_stdout=False) as drawing:

        def show(progress: Progress) -> None:
            text = Text("\n".join(screen(name, progress)), no_wrap=True, overflow="crop")
            drawing.update(text, refresh=True)

        yield Listener(progress=show, note=say, warning=warn)
