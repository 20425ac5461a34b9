"""Faults and the availability of a run in sentences."""

import math
from collections.abc import Iterator

from bench.core.faults.fault_effects import FaultEffect
from bench.core.faults.request_availability import AvailabilityClaim, RequestAvailability
from bench.core.run.summary import RunSummary
from bench.core.values import wording

_FROM_NINES = 0.99
_MOST_DIGITS = 9


def describe_faults(summary: RunSummary) -> tuple[str, ...]:
    """Return a sentence for each fault of a run, then those about its availability."""
    sentences = [_describe(effect) for effect in summary.faults]
    if summary.request_availability is not None:
        sentences += _describe_availability(summary.request_availability)
    return tuple(sentences)


def share_in_nines(ratio: float) -> str:
    """Write an availability with the digits that its nines need, never rounded up: `99.08 %`, `99.9 %`."""
    digits = 1
    if _FROM_NINES <= ratio < 1.0:
        digits = min(_MOST_DIGITS, max(1, math.ceil(-math.log10(1.0 - ratio)) - 1))
    scale = 10.0**digits
    percent = math.floor(100.0 * ratio * scale + 1e-6) / scale
    return f"{percent:.{digits}f}".rstrip("0").rstrip(".") + " %"


def _describe(effect: FaultEffect) -> str:
    """Return `kill agent at 8.1 s: 18 requests lost (4 in flight), recovered after 3.7 s`."""
    if effect.began_s is None:
        return f"{effect.name}, planned at {effect.planned_s:g} s, did not happen"
    lost = f"{wording.counted(effect.lost, 'request')} lost" if effect.lost else "no request lost"
    if effect.lost and effect.in_flight:
        lost += f" ({effect.in_flight} in flight)"
    parts = [lost]
    if effect.recovery_s is None:
        parts.append(f"no recovery within {effect.watched_s or 0.0:.1f} s: {effect.problem}")
    elif effect.recovery_s:
        parts.append(f"users were served as before after {_seconds(effect.recovery_s)}")
    else:
        parts.append("users were served as before throughout")
    if effect.lasted_s is not None:
        parts.append(f"the fault lasted {_seconds(effect.lasted_s)}")
    if effect.lost and effect.lost_s is not None:
        parts.append(f"it cost as much as a complete outage of {_seconds(effect.lost_s)}")
    return f"{effect.name} at {effect.began_s:.1f} s: {', '.join(parts)}"


def _seconds(seconds: float) -> str:
    return wording.duration(1000.0 * seconds)


def _describe_availability(availability: RequestAvailability) -> Iterator[str]:
    measured = f"{availability.failed:,} of {wording.counted(availability.requests, 'request')} failed"
    if availability.failed:
        outages = wording.counted(availability.outages, "outage")
        nines = f"{availability.nines or 0.0:.1f} nines"
        interval = f"95 % interval {share_in_nines(availability.low)} to {share_in_nines(availability.high)}"
        ratio = share_in_nines(availability.ratio)
        yield f"availability {ratio} ({nines}): {measured} in {outages}, {interval}"
    else:
        yield f"availability: {measured}, which shows at least {share_in_nines(availability.low)}"
    for claim in availability.claims:
        yield _describe_claim(claim, availability)


def _describe_claim(claim: AvailabilityClaim, availability: RequestAvailability) -> str:
    subject = f"availability of {share_in_nines(claim.claimed_ratio)}"
    if claim.verdict != "cannot tell":
        return f"{subject}: {claim.verdict} by {wording.counted(availability.requests, 'request')}"
    needed = ""
    if claim.requests_needed is not None:
        needed = f"; about {claim.requests_needed:,} requests with the same share of failures would tell"
    shown = f"{availability.failed:,} of {availability.requests:,} lost"
    return f"{subject}: cannot tell, {shown} allows {share_in_nines(availability.low)} and more{needed}"
