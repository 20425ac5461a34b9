"""How much of a run each part of a stack was up, and when it was not."""

from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from bench.core.samples.sample import Probe
from bench.core.values.record import Count, NotNegative, Number, Record


class Outage(Record):
    """A time in which a check failed.

    Attributes:
        from_s: When it was first seen down.
        to_s: When it was first seen up again; None when it was down to the end.
        detail: For people: what was wrong at first.
    """

    from_s: Number
    to_s: Number | None
    detail: str | None = None


class Availability(Record):
    """What a check found over a run.

    Attributes:
        asked: How often.
        up_ratio: Share of the time that it was up.
        took_ms_p50: Of the answers; None when there was none.
        took_ms_max: Likewise.
        outages: In their order.
    """

    asked: Count
    up_ratio: NotNegative
    took_ms_p50: Number | None = None
    took_ms_max: Number | None = None
    outages: tuple[Outage, ...] = ()


class CheckLog:
    """What a check finds, as it comes."""

    def __init__(self) -> None:
        self._asked = self._up = 0
        self._from_s: float | None = None
        self._took_ms = array("d")
        self._outages: list[Outage] = []
        self._down: Probe | None = None

    def add(self, probe: Probe) -> None:
        """Take a probe, later than those before it."""
        self._asked += 1
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

    def until(self, until_s: float) -> Availability:
        """What it found until a moment."""
        outages = self._outages if self._down is None else [*self._outages, _outage(self._down, None)]
        return Availability(
            asked=self._asked,
            up_ratio=self._up_ratio(outages, until_s),
            took_ms_p50=float(np.median(self._took_ms)) if self._took_ms else None,
            took_ms_max=max(self._took_ms, default=None),
            outages=tuple(outages),
        )

    def _up_ratio(self, outages: Sequence[Outage], until_s: float) -> float:
        watched_s = until_s - (until_s if self._from_s is None else self._from_s)
        if watched_s <= 0:  # all that is known is a moment
            return self._up / max(1, self._asked)
        down_s = sum((until_s if each.to_s is None else each.to_s) - each.from_s for each in outages)
        return max(0.0, 1.0 - down_s / watched_s)


def _outage(first: Probe, to_s: float | None) -> Outage:
    return Outage(from_s=first.at_s, to_s=to_s, detail=first.detail)


def availability(probes: Iterable[Probe], until_s: float) -> dict[str, Availability]:
    """What each check found, by its name.

    What is seen holds until it is seen otherwise: an outage is known to the interval between two probes.

    Args:
        probes: Of any checks.
        until_s: The end of the run.
    """
    logs: dict[str, CheckLog] = {}
    for probe in sorted(probes, key=lambda probe: probe.at_s):
        logs.setdefault(probe.check, CheckLog()).add(probe)
    return {check: log.until(until_s) for check, log in sorted(logs.items())}
