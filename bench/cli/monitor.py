"""`bench monitor`: watch a stack or this machine, without load."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.live import Live

from bench.cli import options
from bench.cli.console import say, warn
from bench.core.watch.monitoring import Observation, Snapshot
from bench.errors import Exit
from bench.measure.run.conditions import Listener
from bench.render.monitor import json_line, line, summary, view
from bench.store.lines import STDOUT, Lines, line_file
from bench.usecases.monitor import monitor as watch

_MIN_DURATION_S, _MIN_INTERVAL_S, _MAX_INTERVAL_S = 0.1, 0.2, 3600.0
Time = Annotated[
    str | None,
    typer.Option("--duration", metavar="TIME", help="Stop after this time, like 5m (default: Ctrl-C)."),
]
HealthChecks = Annotated[bool, typer.Option("--health-checks", help="Run the stack's health checks too.")]
Interval = Annotated[str, typer.Option("--interval", metavar="TIME", help="Wait this time between readings.")]
JsonLines = Annotated[
    str | None,
    typer.Option("--json-lines", metavar="FILE", help="Write each reading to this file; - is stdout."),
]


def monitor(
    *,
    stack: options.StackName = None,
    url: options.Urls = None,
    ca: options.Ca = None,
    duration: Time = None,
    health_checks: HealthChecks = False,
    interval: Interval = "2s",
    json_lines: JsonLines = None,
) -> None:
    """Watch a stack or this machine without load.

    Shows resources, health, gauges and alerts. Alerts are warnings and change no exit code.
    Ctrl-C prints a summary and exits with 0, or with 130 if you set --duration.
    """
    duration_s = None
    if duration is not None:
        duration_s = options.parse_time("--duration", duration, at_least_s=_MIN_DURATION_S)
    interval_s = options.parse_time(
        "--interval", interval, at_least_s=_MIN_INTERVAL_S, at_most_s=_MAX_INTERVAL_S
    )
    json_on_stdout = json_lines == STDOUT
    with line_file(json_lines) as lines, _screen(wanted=not json_on_stdout) as screen:
        show = _Show(lines, screen, quiet=json_on_stdout)
        end = watch(
            stack,
            urls=url or (),
            ca=ca,
            duration_s=duration_s,
            interval_s=interval_s,
            health_checks=health_checks,
            on_observation=show.observation,
            on_snapshot=show.snapshot,
            listener=Listener(note=say, warning=warn),
        )
    gap = "" if screen is None else "\n"
    say(gap + summary(end.snapshot).rstrip())
    if not end.complete and duration_s is not None:
        raise typer.Exit(Exit.INTERRUPTED)


class _Show:
    """Writes readings to the JSON lines, and states to the terminal."""

    def __init__(self, lines: Lines, screen: Live | None, *, quiet: bool) -> None:
        self._lines = lines
        self._screen = screen
        self._quiet = quiet
        self._noted: set[str] = set()

    def observation(self, observation: Observation) -> None:
        """Write a reading."""
        self._lines.write(json_line(observation))

    def snapshot(self, snapshot: Snapshot, notes: Mapping[str, str]) -> None:
        """Show a state, and each source that could not be read once."""
        for alert in snapshot.new_alerts:
            self._lines.write(json_line(alert))
        if self._screen is not None:
            self._screen.update(view(snapshot, notes), refresh=True)
            return
        for name in notes.keys() - self._noted:
            self._noted.add(name)
            say(f"not read: {name}: {notes[name]}")
        text = line(snapshot)
        if text and not self._quiet:
            print(text, flush=True)


@contextmanager
def _screen(*, wanted: bool) -> Iterator[Live | None]:
    """Yield a part of the terminal that is drawn in place; None if stdout is not a terminal."""
    if not wanted or not sys.stdout.isatty():
        yield None
        return
    with Live(console=Console(highlight=False, emoji=False), auto_refresh=False) as screen:
        yield screen
