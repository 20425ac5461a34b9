"""`bench monitor`: watch a stack or the machine, without any load."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from bench.cli.console import say
from bench.cli.watching import TargetName, TargetUrl, chosen
from bench.errors import Exit

if TYPE_CHECKING:
    from rich.live import Live as Screen

    from bench.core.watch.monitoring import Monitoring, Observation
    from bench.measure.watch.watching import Watched
    from bench.store.lines import Lines


def monitor(
    *,
    target: TargetName = None,
    target_url: TargetUrl = None,
    duration: Annotated[
        float | None, typer.Option("--duration", min=0.1, help="Seconds; without it until Ctrl-C.")
    ] = None,
    health_checks: Annotated[
        bool, typer.Option("--health-checks", help="Ask the stack's health checks as well.")
    ] = False,
    interval: Annotated[
        float, typer.Option("--interval", min=0.2, max=3600.0, help="Seconds between two readings.")
    ] = 2.0,
    json_lines: Annotated[
        str | None, typer.Option("--json-lines", help="File that gets a line for each reading; - is stdout.")
    ] = None,
) -> None:
    """Watch a stack or this machine without load.

    Ctrl-C ends it with a summary: exit 130 when there is a --duration and it was not over, else 0.
    Alerts are warnings and change no exit code.
    """
    from bench.core.config.watching import Limits
    from bench.core.watch.monitoring import Monitoring
    from bench.measure.watch.monitor import monitor as watch
    from bench.render.monitor import summary
    from bench.store.lines import STDOUT, line_file

    with _watched(target, target_url, checks=health_checks) as watched, line_file(json_lines) as lines:
        stack = None if watched is None else watched.live.stack
        name, limits = (None, Limits()) if stack is None else (stack.name, stack.alerts)
        state = Monitoring(name, duration, limits, interval)
        with _screen(wanted=json_lines != STDOUT) as screen:
            show = _Show(state, lines, screen, quiet=json_lines == STDOUT)
            whole = watch(watched, interval, duration, show.found, show.tick)
    apart = "" if screen is None else "\n"
    say(apart + summary(state.snapshot(show.elapsed_s)).rstrip())
    if not whole and duration is not None:
        raise typer.Exit(Exit.INTERRUPTED)


class _Show:
    """Passes on what is seen: to the state, to the lines, and to whoever looks at the terminal."""

    def __init__(self, state: "Monitoring", lines: "Lines", screen: "Screen | None", *, quiet: bool) -> None:
        self._state, self._lines, self._screen, self._quiet = state, lines, screen, quiet
        self._noted: set[str] = set()
        self.elapsed_s = 0.0

    def found(self, seen: "Observation") -> None:
        """Pass on what was read."""
        from bench.render.monitor import json_line

        self._state.add(seen)
        self._lines.write(json_line(seen))

    def tick(self, elapsed_s: float, notes: Mapping[str, str]) -> None:
        """Show how things are, and what could not be read."""
        from bench.render.monitor import json_line, line, view

        self.elapsed_s = elapsed_s
        moment = self._state.snapshot(elapsed_s)
        for alert in moment.new_alerts:
            self._lines.write(json_line(alert))
        if self._screen is not None:
            self._screen.update(view(moment, notes), refresh=True)
            return
        for name in notes.keys() - self._noted:
            self._noted.add(name)
            say(f"not read: {name}: {notes[name]}")
        said = line(moment)
        if said and not self._quiet:
            print(said, flush=True)


@contextmanager
def _screen(*, wanted: bool) -> "Iterator[Screen | None]":
    """A part of the terminal that is drawn again and again; None where stdout is no terminal."""
    if not wanted or not sys.stdout.isatty():
        yield None
        return
    from rich.console import Console
    from rich.live import Live as Screen

    with Screen(console=Console(highlight=False, emoji=False), auto_refresh=False) as screen:
        yield screen


@contextmanager
def _watched(target: str | None, urls: list[str] | None, *, checks: bool) -> "Iterator[Watched | None]":
    """The stack that is meant; None for the machine alone, when nobody named one and none is up."""
    from bench.measure.persistent.attach import stands, visited
    from bench.measure.watch.watching import Watched

    stack, addresses = chosen(target, urls)
    if target is None and not urls and not stands(stack):
        say(f"'{stack.name}' is not up: only the machine is watched")
        yield None
        return
    with visited(stack, addresses, lambda text: say(f"warning: {text}"), user=checks) as found:
        yield Watched(found.live, found.token, found.why_no_token, checks=checks, processes=True)
