"""Conditions that a reader must know before the numbers of a run, such as faults and a busy machine."""

from collections.abc import Iterator
from dataclasses import dataclass

from bench.core.report.report import Report
from bench.core.run.result import RunResult
from bench.core.run.validity import STOLEN_RATIO, THROTTLED_RATIO
from bench.core.values import wording
from bench.core.verdict.compare import MachineComparison

_LONGEST = 90
"""Characters of a reason on the first screen; the details have all of it."""


@dataclass(frozen=True, slots=True)
class Caution:
    """A condition of a run that weakens or explains its numbers, in a few words."""

    label: str
    """Its kind, such as `Made worse on purpose`."""
    text: str
    """What it is, such as `model.slowdown=1.3`."""
    part: str = "facts"
    """Where the page has more about it: `facts` or `notes`."""


def list_cautions(report: Report) -> tuple[Caution, ...]:
    """Return the cautions about a run; empty if there is nothing to know."""
    result = report.result
    return (
        *_changed_on_purpose(result),
        *_interrupted(result),
        *_machine(report),
        *_load_generator(result),
        *_uncommitted(result),
    )


def _changed_on_purpose(result: RunResult) -> Iterator[Caution]:
    knobs = [f"{knob}={value:g}" for knob, value in result.provenance.injections.items()]
    if knobs:
        yield Caution("Made worse on purpose", ", ".join(knobs))
    if result.overrides:
        yield Caution("Other options than the scenario", _shorten(" ".join(result.overrides)))


def _interrupted(result: RunResult) -> Iterator[Caution]:
    if result.stop is not None:
        yield Caution("Interrupted", _shorten(result.stop.reason))


def _machine(report: Report) -> Iterator[Caution]:
    """Yield the disturbances of the machine, and its difference from the baseline's machine."""
    host = report.result.host
    parts = []
    if report.comparison.saturation is not None:
        parts.append(_shorten(report.comparison.saturation))
    if host is not None:
        if host.busy_load is not None:
            cores = wording.counted(host.cores or 0, "core")
            parts.append(f"load {host.busy_load:.1f} on {cores} at the start")
        shares = {
            "stolen by other guests": (host.stolen_ratio, STOLEN_RATIO),
            "throttled": (host.throttled_ratio, THROTTLED_RATIO),
            "slowed by heat": (host.hot_ratio, THROTTLED_RATIO),
        }
        for cause, (ratio, limit) in shares.items():
            if ratio is not None and ratio > limit:
                parts.append(f"{wording.percent(ratio)} of the time {cause}")
    if parts:
        yield Caution("Busy machine", "; ".join(parts))
    machine = report.comparison.machine
    if machine is not None and machine.environment_shift:
        yield Caution("Other machine than the baseline", describe_shift(machine))


def describe_shift(machine: MachineComparison) -> str:
    """Return the difference of a machine's speed from the baseline's: `12 % slower`."""
    direction = "slower" if machine.slower_ratio > 0 else "faster"
    return f"{wording.magnitude(machine.slower_ratio)} {direction}"


def _load_generator(result: RunResult) -> Iterator[Caution]:
    delays = result.summary.loop_delays
    if delays is not None and delays.delayed_requests:
        delayed = wording.counted(delays.delayed_requests, "request")
        yield Caution(
            "Late load generator", f"{delayed} delayed by up to {delays.longest_turn_ms / 1000:.1f} s"
        )
    calibration = result.calibration
    if calibration is not None and calibration.competition is not None:
        yield Caution("Calibration not valid", _shorten(calibration.competition))
    lost = [report.name for report in result.generators if report.lost is not None]
    if lost:
        yield Caution("Lost load generators", _shorten(wording.listing(lost)))


def _uncommitted(result: RunResult) -> Iterator[Caution]:
    if result.provenance.dirty:
        yield Caution("Uncommitted changes", "the commit is not the complete version")


def _shorten(text: str) -> str:
    return wording.shorten(text, _LONGEST)
