"""How far a run is, as text: a line for a log, or a screen that is drawn anew."""

from collections.abc import Sequence

from bench.core.load.progress import RECENT_S, Progress, Waits
from bench.core.samples.sample import ResourceSample
from bench.core.values import wording
from bench.core.values.escape import escape_terminal
from bench.render.document.watched import source_name

_BAR = 20  # characters
_LABEL = 16  # characters, of what a line begins with


def progress_line(progress: Progress) -> str:
    """One line: how long, how many, how many of them failed."""
    planned = "" if progress.planned_s is None else f" of {progress.planned_s:.0f} s"
    return f"{progress.elapsed_s:5.0f} s{planned}   {progress.finished} requests   {progress.failed} failed"


def screen(name: str, progress: Progress) -> tuple[str, ...]:
    """Everything that is known of a run under way, a line each, with nothing in it that a terminal obeys.

    Args:
        name: Of the scenario.
        progress: How far it is.
    """
    vus = wording.DASH if progress.vus is None else f"{progress.vus:,}"
    queue = wording.DASH if progress.in_flight is None else f"{progress.in_flight:,} in flight"
    return (
        f"{escape_terminal(name)}   {_time(progress)}",
        "",
        _line("vus", vus, queue),
        _line("requests", f"{progress.finished:,}", _rate(progress.recent_rps)),
        _line("success", *_success(progress)),
        "",
        _line("response time", "p50", "p95"),
        _line("so far", *_waits(progress.waits)),
        _line(f"last {RECENT_S:.0f} s", *_waits(progress.recent)),
        *_processes(progress.resources),
    )


def _time(progress: Progress) -> str:
    passed = f"{progress.elapsed_s:.0f} s"
    if progress.planned_s is None or progress.left_s is None:
        return f"{passed}, until all requests are answered"
    done = min(_BAR, int(_BAR * progress.elapsed_s / progress.planned_s))
    bar = "█" * done + "░" * (_BAR - done)
    left = f"{progress.left_s:.0f} s left" if progress.left_s else "waiting for the last answers"
    return f"{bar}   {passed} of {progress.planned_s:.0f} s, {left}"


def _rate(rps: float | None) -> str:
    return f"{wording.DASH if rps is None else wording.value(rps, '1')}/s in the last {RECENT_S:.0f} s"


def _success(progress: Progress) -> tuple[str, str]:
    ratio = 1.0 - progress.failed / progress.finished if progress.finished else None
    recent = None if progress.recent_failed_ratio is None else 1.0 - progress.recent_failed_ratio
    return wording.percent(ratio), f"{wording.percent(recent)} in the last {RECENT_S:.0f} s"


def _waits(waits: Waits) -> tuple[str, str]:
    return wording.duration(waits.p50_ms), wording.duration(waits.p95_ms)


def _processes(resources: Sequence[ResourceSample]) -> tuple[str, ...]:
    if not resources:
        return ()
    lines = [
        _line(
            source_name(escape_terminal(each.source)),
            f"{each.cpu_pct:.0f} %",
            wording.memory(each.memory_bytes),
        )
        for each in resources
    ]
    return ("", _line("process", "CPU", "memory"), *lines)


def _line(label: str, first: str, second: str) -> str:
    return f"{label:<{_LABEL}} {first:>10}   {second}"
