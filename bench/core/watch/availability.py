"""Availability: the share of a run in which each health check succeeded, and its outages."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from bench.core.samples.sample import Probe
from bench.core.values.record import Count, NotNegative, Number, Record


class Outage(Record):
    """A period in which a health check failed."""

    from_s: Number
    """First failed probe, in seconds since the start."""
    to_s: Number | None
    """First successful probe after it; `None` if the check failed until the end."""
    detail: str | None = None
    """Reason of the first failed probe, for people."""


class Availability(Record):
    """The results of one health check over a run."""

    probes: Count
    """Number of probes."""
    up_ratio: NotNegative
    """Share of the time in which the check succeeded, 0 to 1."""
    took_ms_p50: Number | None = None
    """Median duration of the answers; `None` without an answer."""
    took_ms_max: Number | None = None
    """Longest duration of an answer; `None` without an answer."""
    outages: tuple[Outage, ...] = ()
    """Outages in the order of their start."""


class CheckLog:
    """Collects the probes of one health check."""

    def __init__(self) -> None:
        self._probes = 0
        self._up = 0
        self._from_s: float | None = None
        self._took_ms = array("d")
        self._outages: list[Outage] = []
        self._down: Probe | None = None

    def add(self, probe: Probe) -> None:
        """Add a probe that is later than the previous ones."""
        self._probes += 1
        self._up += probe.up
        if self._from_s is None:
            self._from_s = probe.at_s
        if probe.took_ms is not None:
            self._took_ms.append(probe.took_ms)
        if not probe.up and self._down is None:
            self._down = probe
        elif probe.up and self._down is not None:
            self._outages.append(_outage(self._down, probe.at_s))
            self._down = None

    def until(self, end_s: float) -> Availability:
        """Return the availability from the first probe to `end_s`."""
        outages = self._outages if self._down is None else [*self._outages, _outage(self._down, None)]
        return Availability(
            probes=self._probes,
            up_ratio=self._up_ratio(outages, end_s),
            took_ms_p50=float(np.median(self._took_ms)) if self._took_ms else None,
            took_ms_max=max(self._took_ms, default=None),
            outages=tuple(outages),
        )

    def _up_ratio(self, outages: Sequence[Outage], end_s: float) -> float:
        watched_s = end_s - (end_s if self._from_s is None else self._from_s)
        if watched_s <= 0:  # a single moment has no duration: use the share of the probes
            return self._up / max(1, self._probes)
        down_s = 0.0
        for outage in outages:
            down_s += (end_s if outage.to_s is None else outage.to_s) - outage.from_s
        return max(0.0, 1.0 - down_s / watched_s)


def _outage(first: Probe, to_s: float | None) -> Outage:
    return Outage(from_s=first.at_s, to_s=to_s, detail=first.detail)


def availability(probes: Iterable[Probe], end_s: float) -> dict[str, Availability]:
    """Return the availability of each check, by its name.

    The result of a probe holds until the next probe, so an outage is exact to the interval of the probes.

    Args:
        probes: Probes of any checks, in any order.
        end_s: End of the run, in seconds.
    """
    logs: dict[str, CheckLog] = {}
    for probe in sorted(probes, key=lambda probe: probe.at_s):
        logs.setdefault(probe.check, CheckLog()).add(probe)
    return {check: log.until(end_s) for check, log in sorted(logs.items())}
