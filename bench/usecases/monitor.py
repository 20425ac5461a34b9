"""Watch a stack or this machine, without load."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.core.config.watching import AlertLimits
from bench.core.watch.monitoring import Monitoring, Observation, Snapshot
from bench.core.watch.scaling import ScalingDecision
from bench.measure.http.route import Route, direct_route
from bench.measure.persistent.attach import attach_stack, is_started
from bench.measure.run.conditions import Listener
from bench.measure.watch.monitor import monitor as watch
from bench.measure.watch.watching import WatchedStack, WatchSample
from bench.usecases.health import choose_stack
from bench.usecases.options import QUIET


def _ignore_observation(observation: Observation) -> None:
    """Do nothing."""


def _ignore_snapshot(snapshot: Snapshot, notes: Mapping[str, str]) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Monitored:
    """The end of a monitor."""

    snapshot: Snapshot
    """The last state."""
    complete: bool
    """The duration is over; False if Ctrl-C ended the monitor."""


def monitor(
    stack: str | None = None,
    *,
    urls: Sequence[str] = (),
    duration_s: float | None = None,
    interval_s: float = 2.0,
    health_checks: bool = False,
    ca: Path | None = None,
    on_observation: Callable[[Observation], None] = _ignore_observation,
    on_snapshot: Callable[[Snapshot, Mapping[str, str]], None] = _ignore_snapshot,
    listener: Listener = QUIET,
) -> Monitored:
    """Watch a stack that is up, or only this machine if no stack is named and none is up.

    Args:
        stack: Name of the stack; default: `external` if `urls` are given, else `embedded`.
        urls: Addresses of a running stack: `URL` of the backend, or `SERVICE=URL`.
        duration_s: Seconds; default: until Ctrl-C.
        interval_s: Seconds between two readings.
        health_checks: Run the stack's health checks too.
        ca: PEM file with certificates that are trusted as well as those of the system.
        on_observation: Receives each reading.
        on_snapshot: Receives the state after each interval, and why a source was not read, by its name.
        listener: Receives notes and warnings.

    Raises:
        ConfigError: The stack is unknown, or runs elsewhere and `urls` is empty.
        TargetError: The named stack is not up.
    """
    route = direct_route(ca)
    with _attach(stack, urls, listener, route, health_checks=health_checks) as watched:
        state = Monitoring(
            None if watched is None else watched.running.stack.name,
            duration_s,
            AlertLimits() if watched is None else watched.running.stack.alerts,
            interval_s,
        )
        elapsed_s = 0.0

        def observe(sample: WatchSample) -> None:
            if not isinstance(sample, ScalingDecision):  # only a run changes the number of instances
                state.add(sample)
                on_observation(sample)

        def tick(now_s: float, notes: Mapping[str, str]) -> None:
            nonlocal elapsed_s
            elapsed_s = now_s
            on_snapshot(state.snapshot(now_s), notes)

        complete = watch(watched, interval_s, duration_s, observe, tick)
    return Monitored(state.snapshot(elapsed_s), complete)


@contextmanager
def _attach(
    stack: str | None, urls: Sequence[str], listener: Listener, route: Route, *, health_checks: bool
) -> Iterator[WatchedStack | None]:
    """Yield the stack; None if no stack was named and the default one is not up."""
    declared, addresses = choose_stack(stack, urls)
    if stack is None and not urls and not is_started(declared):
        listener.note(f"'{declared.name}' is not up: bench watches only this machine")
        yield None
        return
    attaching = attach_stack(declared, addresses, listener.warning, user=health_checks, route=route)
    with attaching as attached:
        yield WatchedStack(
            attached.running, attached.token, attached.why_no_token, checks=health_checks, processes=True
        )
