"""Describe single requests of a waterfall in words. `js/waterfall.js` writes the same words."""

from collections.abc import Iterator, Sequence

from bench.core.report.typical_times import Difference, TypicalTimes, list_differences
from bench.core.report.waterfall import Waterfall, WaterfallRequest
from bench.core.samples.metrics import UNATTRIBUTED
from bench.core.samples.sample import Outcome
from bench.core.samples.timings import TIMINGS
from bench.core.values import wording

_MOST_PARTS = 3
_MOST_SPANS = 12
_LEAST_SHARE = 0.1
"""A part with a smaller share of the difference is left out."""
_NOTABLE = 0.05
"""A smaller difference from the typical time has no parts."""
_DIGITS = 1
_SHORT_MS = 9.95
_LONG_MS = 9_999.5


def describe_slowest(waterfall: Waterfall | None) -> str | None:
    """Return the slowest request in words; `None` without an answered request."""
    if waterfall is None or not waterfall.slowest:
        return None
    request = waterfall.requests[waterfall.slowest[0]]
    name = wording.shorten(name_request(request))
    return f"{time_text(request.total_ms)} {name} {place_request(request, waterfall)}"


def time_text(time_ms: float) -> str:
    """Return a duration with one decimal below 10 ms: `0.4 ms`, `2,245 ms`, `12.4 s`."""
    if abs(time_ms) >= _LONG_MS:
        return f"{time_ms / 1000:.1f} s"
    return f"{time_ms:,.1f} ms" if abs(time_ms) < _SHORT_MS else f"{time_ms:,.0f} ms"


def change_text(change_ms: float) -> str:
    """Return a difference of durations with its sign: `+1,204 ms`."""
    sign = wording.MINUS if change_ms < 0 else "+"
    return f"{sign}{time_text(abs(change_ms))}"


def name_request(request: WaterfallRequest) -> str:
    """Return the message of a request, with its step of a journey if that is another name."""
    if request.step is None or request.step == request.message:
        return request.message
    return f"{request.step}: {request.message}"


def place_request(request: WaterfallRequest, waterfall: Waterfall) -> str:
    """Return when and for which VU a request was planned: `at 12.4 s, VU 3 (20 VUs, 15 s)`."""
    place = f"at {request.at_s:.1f} s, VU {request.vu}"
    load = waterfall.loads[request.phase] if request.phase < len(waterfall.loads) else ""
    return f"{place} ({load})" if load else place


def total_text(request: WaterfallRequest) -> str:
    """Return the time of a request: `2,245 ms`, or `> 30.0 s` if it was ended while it waited."""
    total = time_text(request.total_ms)
    return f"> {total}" if request.is_open else total


def describe_difference(request: WaterfallRequest, waterfall: Waterfall) -> str:
    """Return where a request lost its time: `+1,204 ms: queue +900 ms, decode +300 ms`.

    It is empty for a failed request that did not wait until its end, and without typical times.
    """
    typical = typical_of(request, waterfall)
    if typical is None or not (request.outcome is Outcome.OK or request.is_open):
        return ""
    usual_ms = typical.total_ms
    change_ms = round(request.total_ms - usual_ms, _DIGITS)
    text = change_text(change_ms)
    if abs(change_ms) < _NOTABLE * usual_ms:
        return text
    differences = list_differences(request.timings_ms, request.tiers_ms, typical, waterfall.tiers)
    parts = [*_describe_parts(differences, change_ms)]
    return f"{text}: {', '.join(parts)}" if parts else text


def describe_failure(request: WaterfallRequest) -> str:
    """Return the outcome of a failed request, with its status and the server's words."""
    facts = [request.outcome.value]
    if request.status is not None:
        facts.append(f"status {request.status}")
    if request.detail is not None:
        facts.append(request.detail)
    return ", ".join(facts)


def _describe_parts(differences: Sequence[Difference], change_ms: float) -> Iterator[str]:
    """Yield the parts of a difference in its own direction, the largest first."""
    direction = -1.0 if change_ms < 0 else 1.0
    ordered = sorted(differences, key=lambda difference: -direction * difference.by_ms)
    for difference in ordered[:_MOST_PARTS]:
        if direction * difference.by_ms >= _LEAST_SHARE * abs(change_ms):
            yield f"{difference.part or UNATTRIBUTED} {change_text(difference.by_ms)}"


def typical_of(request: WaterfallRequest, waterfall: Waterfall) -> TypicalTimes | None:
    """Return the typical times that a request is compared with."""
    return None if request.typical is None else waterfall.typical_times[request.typical]


def describe_typical(typical: TypicalTimes) -> str:
    """Return the typical times in words: `typical greeting: 1,041 ms, of 25 requests`."""
    message = typical.message or "request"
    if typical.step is not None and typical.step != typical.message:
        message = f"{typical.step}: {message}"
    requests = wording.counted(typical.requests, "request")
    return f"typical {message}: {time_text(typical.total_ms)}, of {requests}"


def describe_request(request: WaterfallRequest, waterfall: Waterfall) -> str:
    """Return all numbers of a request in sentences, for people who do not see its bar."""
    facts = ", ".join(_list_facts(request))
    place = f"{place_request(request, waterfall)}, iteration {request.iteration}"
    sentences = [f"{name_request(request)} {place}: {facts}"]
    timings = [*_list_times(TIMINGS, request.timings_ms)]
    if timings:
        sentences.append(f"In order: {', '.join(timings)}")
    tiers = [*_list_times(waterfall.tiers, request.tiers_ms)]
    if tiers:
        sentences.append(f"Tiers: {', '.join(tiers)}")
    if request.placed:
        spans = ", ".join(_list_spans(request, waterfall))
        sentences.append(f"Spans, ± {time_text(request.place_error_ms)}: {spans}")
    difference = describe_difference(request, waterfall)
    typical = typical_of(request, waterfall)
    if difference and typical is not None:
        sentences.append(f"Compared with {describe_typical(typical)}: {difference}")
    return ". ".join(sentences)


def _list_facts(request: WaterfallRequest) -> Iterator[str]:
    yield total_text(request)
    yield request.outcome.value
    if request.status is not None:
        yield f"status {request.status}"
    if request.detail is not None:
        yield request.detail
    if request.retries:
        yield "1 retry" if request.retries == 1 else f"{request.retries} retries"
    if request.tokens is not None:
        yield wording.counted(request.tokens, "token")


def _list_spans(request: WaterfallRequest, waterfall: Waterfall) -> Iterator[str]:
    """Yield the first places of the tiers, and the number of the others."""
    for placed in request.placed[:_MOST_SPANS]:
        tier = waterfall.tiers[placed.tier]
        yield f"{tier} at {time_text(placed.start_ms)} for {time_text(placed.length_ms)}"
    if len(request.placed) > _MOST_SPANS:
        yield f"and {len(request.placed) - _MOST_SPANS} more"


def _list_times(names: Sequence[str], times_ms: Sequence[float | None]) -> Iterator[str]:
    for name, time_ms in zip(names, times_ms, strict=False):
        if time_ms:
            yield f"{name} {time_text(time_ms)}"
