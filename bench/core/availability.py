"""How much of a run each part of a stack was up, and when it was not."""

from collections.abc import Iterable, Sequence

import numpy as np

from bench.core.record import Count, NotNegative, Number, Record
from bench.core.sample import Probe


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


def availability(probes: Iterable[Probe], until_s: float) -> dict[str, Availability]:
    """What each check found, by its name.

    What is seen holds until it is seen otherwise: an outage is known to the interval between two probes.

    Args:
        probes: Of any checks.
        until_s: The end of the run.
    """
    by_check: dict[str, list[Probe]] = {}
    for probe in probes:
        by_check.setdefault(probe.check, []).append(probe)
    return {
        check: _of(sorted(each, key=lambda probe: probe.at_s), until_s)
        for check, each in sorted(by_check.items())
    }


def _of(probes: Sequence[Probe], until_s: float) -> Availability:
    outages, begun = [], None
    for probe in probes:
        if not probe.up and begun is None:
            begun = probe
        elif probe.up and begun is not None:
            outages.append(Outage(from_s=begun.at_s, to_s=probe.at_s, detail=begun.detail))
            begun = None
    if begun is not None:
        outages.append(Outage(from_s=begun.at_s, to_s=None, detail=begun.detail))
    took_ms = [probe.took_ms for probe in probes if probe.took_ms is not None]
    return Availability(
        asked=len(probes),
        up_ratio=_up_ratio(probes, outages, until_s),
        took_ms_p50=float(np.median(took_ms)) if took_ms else None,
        took_ms_max=max(took_ms, default=None),
        outages=tuple(outages),
    )


def _up_ratio(probes: Sequence[Probe], outages: Sequence[Outage], until_s: float) -> float:
    watched_s = until_s - probes[0].at_s
    if watched_s <= 0:  # all that is known is a moment
        return sum(probe.up for probe in probes) / len(probes)
    down_s = sum((until_s if each.to_s is None else each.to_s) - each.from_s for each in outages)
    return max(0.0, 1.0 - down_s / watched_s)
