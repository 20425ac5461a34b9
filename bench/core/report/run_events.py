"""The times of a run that explain its curves: stalls, pauses of the load generator, outages and faults."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from bench.core.faults.fault_effects import FaultEffect
from bench.core.run.stalls import TargetStall
from bench.core.samples.sample import Probe, Stall
from bench.core.values import wording
from bench.core.values.record import Number, Record
from bench.core.watch.availability import availability


class EventKind(StrEnum):
    """What happened."""

    FAULT = "fault"
    """A fault that the scenario declares."""
    OUTAGE = "outage"
    """A health check failed."""
    STALL = "stall"
    """The target showed no sign of life, although requests waited."""
    PAUSE = "pause"
    """A load generator did not run."""


class RunEvent(Record):
    """A time of a run that explains its curves."""

    kind: EventKind
    """What happened."""
    label: str
    """Short name for people, such as `agent down`."""
    start_s: Number
    """Start, in seconds since the start of the run."""
    end_s: Number
    """End, in seconds since the start of the run."""
    effect: str
    """The effect in a few words, such as `4 requests waited`."""

    @property
    def sentence(self) -> str:
        """The event with its times, such as `stall 12.1 to 13.4 s: 4 requests waited`."""
        return f"{self.label} {self.start_s:.1f} to {self.end_s:.1f} s: {self.effect}"


def run_events(
    faults: Iterable[FaultEffect],
    probes: Iterable[Probe],
    stalls: Iterable[TargetStall],
    pauses: Iterable[Stall],
    end_s: float,
) -> tuple[RunEvent, ...]:
    """Return the events of a run in the order of their start.

    Args:
        faults: The faults of the run.
        probes: Results of the health checks.
        stalls: Stalls of the target.
        pauses: Times in which a load generator did not run.
        end_s: End of the run. An event that did not end before lasts until then.
    """
    events = [
        *_fault_events(faults, end_s),
        *_outages(probes, end_s),
        *_stalls(stalls),
        *_pauses(pauses),
    ]
    return tuple(sorted(events, key=lambda event: event.start_s))


def _fault_events(faults: Iterable[FaultEffect], end_s: float) -> Iterator[RunEvent]:
    for fault in faults:
        if fault.began_s is None:
            continue
        until_s = end_s if fault.lasted_s is None else min(end_s, fault.began_s + fault.lasted_s)
        lost = f"{wording.counted(fault.lost, 'request')} lost" if fault.lost else "no request lost"
        yield RunEvent(
            kind=EventKind.FAULT,
            label=fault.name,
            start_s=fault.began_s,
            end_s=until_s,
            effect=f"declared by the scenario, {lost}",
        )


def _outages(probes: Iterable[Probe], end_s: float) -> Iterator[RunEvent]:
    for check, availability_of_check in availability(probes, end_s).items():
        for outage in availability_of_check.outages:
            yield RunEvent(
                kind=EventKind.OUTAGE,
                label=f"{check} down",
                start_s=outage.from_s,
                end_s=end_s if outage.to_s is None else outage.to_s,
                effect="its health check failed",
            )


def _stalls(stalls: Iterable[TargetStall]) -> Iterator[RunEvent]:
    for stall in stalls:
        yield RunEvent(
            kind=EventKind.STALL,
            label="stall",
            start_s=stall.start_s,
            end_s=stall.end_s,
            effect=f"{wording.counted(stall.waiting, 'request')} waited",
        )


def _pauses(pauses: Iterable[Stall]) -> Iterator[RunEvent]:
    """Yield the pauses that did not end in the warm-up."""
    for pause in pauses:
        end_s = pause.at_s + pause.length_s
        if end_s <= 0.0:
            continue
        yield RunEvent(
            kind=EventKind.PAUSE,
            label="load generator paused",
            start_s=max(0.0, pause.at_s),
            end_s=end_s,
            effect="requests of this time look slow",
        )
