"""Find the situations of a run in which a change of the stack may help.

A tier's share of the time counts if it exceeds its limit by two standard errors. The share of one request
lies between 0 and 1, so its standard deviation is at most 0.5 (Popoviciu, 1935), and that of the mean of n
requests at most 0.5 / √n.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from bench.core.experiment.situation import Situation
from bench.core.run.bottleneck import Bottleneck, LoadBand
from bench.core.run.result import RunResult
from bench.core.run.safe_load import compared_load
from bench.core.run.summary import RunSummary
from bench.core.samples.metrics import metric
from bench.core.samples.sample import Outcome
from bench.core.values import stats, wording

MOST_OF_THE_TIME = 0.5
"""A tier's share of the response time from which on it is worth a change."""
LOADING_SHARE = 0.1
"""Share of the time to load a model from which on it should stay loaded."""
REPEATED_SHARE = 0.1
"""Share of repeated messages without a cached answer from which on a cache is worth a try."""
REFUSED_SHARE = 0.01
"""Share of refused requests from which on users notice."""
BUSY_CPU_PCT = 80.0
"""Mean use of one core from which on a process has no time left for bursts."""
_LARGEST_SD = 0.5
_ERRORS = 2.0
_BY_CHANCE = 0.01
_TIERS: Mapping[str, tuple[Situation, str, float]] = {
    "queue": (Situation.WAITING, "waiting for the model", MOST_OF_THE_TIME),
    "prefill": (Situation.PREFILL, "reading the prompt", MOST_OF_THE_TIME),
    "decode": (Situation.DECODE, "writing the answer", MOST_OF_THE_TIME),
    "load": (Situation.LOADING, "loading the model", LOADING_SHARE),
}
"""Situation of the tiers of a model, their time in words, and the share that counts."""


class ObservedSituation(NamedTuple):
    """A situation that a run shows."""

    situation: Situation
    """The situation."""
    text: str
    """The measured facts, in one sentence without its end."""
    vus: int | None
    """Smallest load of the situation; None if it is not a question of the load."""


def find_situations(result: RunResult) -> tuple[ObservedSituation, ...]:
    """Return the situations that a valid run shows, with their numbers."""
    if not result.validity.valid:
        return ()
    summary = result.summary
    by_load = summary.bottleneck
    findings = [] if by_load is None else [*_slow_tiers(by_load), *_busy_services(by_load, summary)]
    if result.capacity is not None:
        findings = [*_breaking_tier(result, findings), *findings]
    return (*findings, *_refusals(summary), *_repeats(summary))


def _breaking_tier(result: RunResult, others: Sequence[ObservedSituation]) -> Iterator[ObservedSituation]:
    """Yield the situation of the tier at which the safe load ends, unless the run shows it already."""
    safe = compared_load(result)
    tier = "" if result.capacity is None else result.capacity.breaks_at or ""
    if safe is None or tier not in _TIERS:
        return
    situation, words, _ = _TIERS[tier]
    if all(other.situation is not situation for other in others):
        load = wording.with_unit(safe.load, metric(safe.key).unit)
        text = f"{words} grows most beyond the safe load of {load}, so that an objective breaks"
        yield ObservedSituation(situation, text, round(safe.load))


def _slow_tiers(by_load: Bottleneck) -> Iterator[ObservedSituation]:
    for tier, (situation, words, limit) in _TIERS.items():
        first = _first_band(by_load, tier, limit)
        if first is not None:
            yield ObservedSituation(
                situation, _describe(by_load, first, tier, words), by_load.bands[first].vus[0]
            )


def _busy_services(by_load: Bottleneck, summary: RunSummary) -> Iterator[ObservedSituation]:
    for service, used in summary.resources.items():
        first = _first_band(by_load, service, MOST_OF_THE_TIME)
        if first is not None and used.cpu_pct_mean >= BUSY_CPU_PCT:
            text = _describe(by_load, first, service, f"the service {service}")
            text = f"{text}; it uses {used.cpu_pct_mean:.0f} % of a core"
            yield ObservedSituation(Situation.BUSY_SERVICE, text, by_load.bands[first].vus[0])


def _refusals(summary: RunSummary) -> Iterator[ObservedSituation]:
    refused = summary.outcomes.get(Outcome.RATE_LIMITED, 0)
    if stats.binomial_upper_tail(refused, summary.requests, REFUSED_SHARE) <= _BY_CHANCE:
        share = wording.percent(refused / summary.requests)
        yield ObservedSituation(
            Situation.REFUSED, f"{share} of the requests are refused with status 429", None
        )


def _repeats(summary: RunSummary) -> Iterator[ObservedSituation]:
    repeats = summary.repeats
    if repeats is None or not repeats.requests:
        return
    unused = max(0.0, repeats.repeated_ratio - (repeats.hit_ratio or 0.0))
    count = round(unused * repeats.requests)
    if stats.binomial_upper_tail(count, repeats.requests, REPEATED_SHARE) <= _BY_CHANCE:
        text = f"{wording.percent(unused)} of the messages repeat an earlier one, and no cache answers them"
        yield ObservedSituation(Situation.REPEATED, text, None)


def _first_band(by_load: Bottleneck, tier: str, limit: float) -> int | None:
    """Return the first load from which on a tier's share certainly exceeds a limit; None if it does not."""
    first: int | None = None
    for number, band in enumerate(by_load.bands):
        exceeds = _certain_share(band, tier) > limit
        first = (number if first is None else first) if exceeds else None
    return first


def _certain_share(band: LoadBand, tier: str) -> float:
    """Return a tier's share less two of the largest standard errors that it can have."""
    if not band.requests:
        return 0.0
    return band.shares.get(tier, 0.0) - _ERRORS * _LARGEST_SD / math.sqrt(band.requests)


def _describe(by_load: Bottleneck, first: int, tier: str, words: str) -> str:
    band = by_load.bands[-1]
    text = f"{words} takes {wording.percent(band.shares[tier])} of the response time"
    vus = by_load.bands[first].vus[0]
    if len(by_load.bands) > 1:
        text = f"{text} at {band.vus[1]} {_unit(by_load)}, and most of it from {vus} upwards"
    if by_load.saturated_band is not None:
        saturated = by_load.bands[by_load.saturated_band].vus[1]
        text = f"{text}; the throughput no longer grows from {saturated} {_unit(by_load)} upwards"
    return text


def _unit(by_load: Bottleneck) -> str:
    return "VUs" if by_load.load_unit == "vus" else by_load.load_unit
