"""The progress of a run, as one line for a log or as a screen that is redrawn."""

from collections.abc import Sequence

from bench.core.load.progress import RECENT_S, Progress, ResponseTimes
from bench.core.samples.sample import ResourceSample
from bench.core.values import wording
from bench.core.values.escape import escape_terminal

_BAR_WIDTH = 20
_LABEL_WIDTH = 16
_LONGEST_NAME = 24
_GAP = "  "


def progress_line(name: str, progress: Progress, columns: int | None = None) -> str:
    """Return the present step with its time and its requests, and the next step with its start.

    Args:
        name: Name of the scenario.
        progress: The state of the run.
        columns: Columns of the terminal; None for a log. A narrow one loses the later steps.
    """
    line = _describe_present(name, progress)
    joint = f"{_GAP}next: "
    for part in progress.describe_next():
        longer = f"{line}{joint}{escape_terminal(part)}"
        if columns is not None and len(longer) > columns:
            break
        line = longer
        joint = ", "
    return line if columns is None else line[:columns]


def _describe_present(name: str, progress: Progress) -> str:
    """Return the present step: `quick: measuring   12 of 30 s   20 requests   0 failed`."""
    if progress.trial is not None:
        return escape_terminal(progress.trial)
    subject = escape_terminal(wording.shorten(progress.part or name, _LONGEST_NAME))
    step = f"{subject}: {progress.step}"
    if not progress.is_load:
        return step
    planned = "" if progress.planned_s is None else f" of {progress.planned_s:.0f}"
    counts = (f"{progress.elapsed_s:.0f}{planned} s", wording.counted(progress.finished, "request"))
    return _GAP.join((step, *counts, f"{progress.failed} failed"))


def screen(name: str, progress: Progress) -> tuple[str, ...]:
    """Return the lines of a screen, without control characters.

    Args:
        name: Name of the scenario.
        progress: The state of the run.
    """
    vus = wording.DASH if progress.vus is None else f"{progress.vus:,}"
    in_flight = wording.DASH if progress.in_flight is None else f"{progress.in_flight:,} in flight"
    return (
        f"{escape_terminal(progress.part or name)}   {_time(progress)}".rstrip(),
        *_steps(progress),
        "",
        _line("VUs", vus, in_flight),
        _line("requests", f"{progress.finished:,}", _rate(progress.recent_rps)),
        _line("success", *_success(progress)),
        "",
        _line("response time", "p50", "p95"),
        _line("so far", *_percentiles(progress.all_times)),
        _line(f"last {RECENT_S:.0f} s", *_percentiles(progress.recent_times)),
        *_processes(progress.resources),
    )


def _steps(progress: Progress) -> tuple[str, ...]:
    """Return the present step, and the next steps if there are any."""
    now = f"{'now':<{_LABEL_WIDTH}} {escape_terminal(progress.trial or progress.step)}"
    following = ", ".join(progress.describe_next())
    return (now, f"{'next':<{_LABEL_WIDTH}} {escape_terminal(following)}") if following else (now,)


def _time(progress: Progress) -> str:
    if not progress.is_load:
        return ""
    elapsed = f"{progress.elapsed_s:.0f} s"
    if progress.planned_s is None or progress.left_s is None:
        return f"{elapsed}, until all requests are answered"
    filled = min(_BAR_WIDTH, int(_BAR_WIDTH * progress.elapsed_s / progress.planned_s))
    bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
    remaining = f"{progress.left_s:.0f} s left" if progress.left_s else "waiting for the last answers"
    return f"{bar}   {elapsed} of {progress.planned_s:.0f} s, {remaining}"


def _rate(rps: float | None) -> str:
    return f"{wording.DASH if rps is None else wording.value(rps, '1')}/s in the last {RECENT_S:.0f} s"


def _success(progress: Progress) -> tuple[str, str]:
    ratio = 1.0 - progress.failed / progress.finished if progress.finished else None
    recent_ratio = None if progress.recent_failed_ratio is None else 1.0 - progress.recent_failed_ratio
    recent = wording.short_share(recent_ratio, progress.recent_finished)
    return wording.short_share(ratio, progress.finished), f"{recent} in the last {RECENT_S:.0f} s"


def _percentiles(waits: ResponseTimes) -> tuple[str, str]:
    return wording.duration(waits.p50_ms), wording.duration(waits.p95_ms)


def _processes(resources: Sequence[ResourceSample]) -> tuple[str, ...]:
    if not resources:
        return ()
    lines = ["", _line("process", "CPU", "memory")]
    for sample in resources:
        # The tables of watched stacks import the verdicts, and only a screen has these lines.
        from bench.render.document.watched import source_name  # noqa: PLC0415 - see above

        name = source_name(escape_terminal(sample.source))
        lines.append(_line(name, f"{sample.cpu_pct:.0f} %", wording.memory(sample.memory_bytes)))
    return tuple(lines)


def _line(label: str, first: str, second: str) -> str:
    return f"{label:<{_LABEL_WIDTH}} {first:>10}   {second}"
