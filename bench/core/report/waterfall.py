"""Single requests of a run with their timings: the slowest, the failed ones, and those to choose from."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from math import isnan

import numpy as np

from bench.core.config.executors import Phase
from bench.core.config.load_words import in_words
from bench.core.report.placed_tiers import PlacedTier, TraceFinder
from bench.core.report.timeline import MOST_DOTS, slice_width_s
from bench.core.report.typical_times import TimedRequests, TypicalTimes, typical_times
from bench.core.run.plausibility import believe
from bench.core.run.recording import Recording
from bench.core.samples.arrays import Column, Floats
from bench.core.samples.metrics import tier_name
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import Samples
from bench.core.samples.timings import SENT, request_timings
from bench.core.tiers.attribution import add_remainder
from bench.core.values.record import Count, NotNegative, Number, Record
from bench.core.values.wording import shorten

_SLOWEST = 10
"""Number of slowest requests."""
_FAILED = 3
"""Failed requests of each outcome, the longest first."""
_MOST_PLACES = 1_000
"""Places of tiers in all requests; more would make a page too large."""
_MOST_FAILED = 12
"""Failed requests of all outcomes."""
_LONGEST_TEXT = 120
"""Characters of the server's words."""
_DIGITS = 1
_MOMENT_DIGITS = 3


class WaterfallRequest(Record):
    """A request with the times of its timings and tiers."""

    message: str
    """Id of the message, or the step of another request of a journey."""
    step: str | None = None
    """Step of a journey."""
    phase: Count
    """Index of the phase."""
    vu: Count
    """Number of the VU, from 0; in an open loop the number of the request."""
    iteration: Count
    """Number of the VU's request in the phase, from 0."""
    at_s: Number
    """Planned start, in seconds since the start of the run."""
    timings_ms: tuple[NotNegative, ...]
    """Length of each timing, in the order of `TIMINGS`. They add up to the time of the request."""
    ended_in: Count
    """Index of the timing in which the request ended."""
    is_open: bool = False
    """Whether it was ended while it waited: its time is longer."""
    is_streamed: bool = False
    """Whether it has a first token."""
    tiers_ms: tuple[NotNegative | None, ...] = ()
    """Time of each tier, in the order of `Waterfall.tiers`; empty if no tier reports a time."""
    outcome: Outcome
    """How it ended."""
    status: int | None = None
    """HTTP status."""
    detail: str | None = None
    """Explanation of a failure."""
    retries: int | None = None
    """Number of earlier attempts."""
    tokens: int | None = None
    """Output tokens."""
    placed: tuple[PlacedTier, ...] = ()
    """The tiers at their places, from the spans of the request; empty if these are not known."""
    place_error_ms: NotNegative = 0.0
    """Largest error of these places in either direction."""
    trace: str | None = None
    """Trace id in hexadecimal digits; null if the request had no header `traceparent`."""
    typical: Count | None = None
    """Index of the typical times that it is compared with, in `Waterfall.typical_times`."""

    @property
    def total_ms(self) -> float:
        """Time from the planned start to the end of the request."""
        return round(sum(self.timings_ms), _DIGITS)


class Waterfall(Record):
    """Single requests of a run. Numbers of requests are indexes in `requests`."""

    tiers: tuple[str, ...]
    """Names of the tiers that report times of single requests, those with the most time first."""
    loads: tuple[str, ...]
    """The load of each phase in words; empty if the run has one phase."""
    end_s: Number
    """End of the last request, in seconds."""
    requests: tuple[WaterfallRequest, ...]
    """Requests in the order of their planned start."""
    is_complete: bool
    """Whether `requests` has all requests of the run; otherwise the slowest of each slice."""
    slowest: tuple[Count, ...]
    """Numbers of the slowest answered requests, the slowest first."""
    failed: tuple[Count, ...]
    """Numbers of failed requests, by outcome."""
    median: Count | None
    """Number of the answered request with the median response time; null without answers."""
    typical_times: tuple[TypicalTimes, ...]
    """Typical times of messages."""


def waterfall(
    recording: Recording, phases: Sequence[Phase], metrics: Collection[str] = ()
) -> Waterfall | None:
    """Return single requests of a recording; `None` if it has no requests.

    Args:
        recording: Recording without warm-up, of the scenario's own target.
        phases: Phases of the scenario; requests refer to them by index.
        metrics: Keys of the run's metrics; tiers without one are left out.
    """
    answered = recording.samples.without_cancelled()
    if not len(answered):
        return None
    samples = add_remainder(believe(answered, ()).samples, recording.remainder)
    tiers = _list_tiers(samples, filter(None, map(tier_name, metrics)))
    run = _time_requests(samples, tiers)
    slowest = _find_slowest(run)
    failed = _find_failed(run)
    median = _find_median(run)
    is_complete = len(samples) <= MOST_DOTS
    rows = np.arange(len(samples))
    if not is_complete:
        sample = _sample(run, recording.elapsed_s)
        rows = np.unique(np.concatenate([slowest, failed, median, sample]))
    rows = rows[np.argsort(samples.column("scheduled_s")[rows], kind="stable")]
    groups, places = typical_times(run, rows)
    numbers = dict(zip(rows.tolist(), range(len(rows)), strict=True))
    finder = TraceFinder(recording.traced_loads, tiers)
    requests = [*_list_requests(run, rows, places, finder)]
    shown = map(numbers.__getitem__, np.concatenate([slowest, failed, median]).tolist())
    return Waterfall(
        tiers=tuple(tiers),
        loads=tuple(map(_load_in_words, phases)) if len(phases) > 1 else (),
        end_s=recording.elapsed_s,
        requests=tuple(_limit_places(requests, shown)),
        is_complete=is_complete,
        slowest=tuple(map(numbers.__getitem__, slowest.tolist())),
        failed=tuple(map(numbers.__getitem__, failed.tolist())),
        median=next(map(numbers.__getitem__, median.tolist()), None),
        typical_times=tuple(groups),
    )


def _list_tiers(samples: Samples, names: Iterable[str]) -> list[str]:
    """Return the tiers with times, those with the most time in all requests first."""
    totals_ms: dict[str, float] = {}
    for tier in filter(samples.tiers.__contains__, names):
        total_ms = float(np.nansum(samples.tier_time(tier)))
        if total_ms > 0.0:
            totals_ms[tier] = total_ms
    return sorted(totals_ms, key=lambda tier: -totals_ms[tier])


def _load_in_words(phase: Phase) -> str:
    return in_words([phase])


def _time_requests(samples: Samples, tiers: Sequence[str]) -> TimedRequests:
    tiers_ms = np.zeros((len(samples), len(tiers)))
    for number, tier in enumerate(tiers):
        tiers_ms[:, number] = np.maximum(0.0, samples.tier_time(tier))
    return TimedRequests(
        samples=samples,
        times=request_timings(samples),
        tiers_ms=tiers_ms,
        is_ok=samples.has_outcome(Outcome.OK),
    )


def _find_slowest(run: TimedRequests) -> Column:
    """Return the slowest answered requests, the slowest first."""
    total_ms = np.where(run.is_ok, run.times.total_ms, -1.0)
    order = np.argsort(-total_ms, kind="stable")
    return order[: min(_SLOWEST, int(run.is_ok.sum()))]


def _find_failed(run: TimedRequests) -> Column:
    """Return failed requests: of each outcome the longest ones, the most frequent outcome first."""
    outcomes = run.samples.column("outcome")
    total_ms = run.times.total_ms
    counted = Counter(outcomes[~run.is_ok].tolist())
    failed: list[int] = []
    for outcome, _ in counted.most_common():
        rows = np.flatnonzero(outcomes == outcome)
        failed += rows[np.argsort(-total_ms[rows], kind="stable")][:_FAILED].tolist()
    return np.array(failed[:_MOST_FAILED], dtype=np.int64)


def _find_median(run: TimedRequests) -> Column:
    """Return the answered request with the median response time; empty without one."""
    rows = np.flatnonzero(run.is_ok)
    order = rows[np.argsort(run.times.total_ms[rows], kind="stable")]
    middle = len(order) // 2
    return order[middle : middle + 1]


def _sample(run: TimedRequests, end_s: float) -> Column:
    """Return requests of each time of the run: the slowest one of each slice."""
    planned_s = run.samples.column("scheduled_s")
    slices = np.floor(planned_s / slice_width_s(end_s, len(planned_s))).astype(np.int64)
    order = np.lexsort((run.times.total_ms, slices))
    ends = np.flatnonzero(np.diff(slices[order], append=slices[order[-1]] + 1))
    return order[ends]


def _list_requests(
    run: TimedRequests, rows: Column, places: Sequence[int | None], finder: TraceFinder
) -> Iterator[WaterfallRequest]:
    chosen = np.zeros(len(run.samples), dtype=bool)
    chosen[rows] = True
    # Samples keep their order, and the rows have another one.
    kept = np.flatnonzero(chosen).tolist()
    samples = dict(zip(kept, run.samples.where(chosen), strict=True))
    waiting = run.samples.were_waiting()
    for row, place in zip(rows.tolist(), places, strict=True):
        sample = samples[row]
        tiers_ms = run.tiers_ms[row]
        timings_ms = tuple(np.round(run.times.lengths_ms[row], _DIGITS).tolist())
        placed = finder.place(sample, sum(timings_ms[:SENT]), sum(timings_ms))
        yield WaterfallRequest(
            message=sample.prompt,
            step=sample.step,
            phase=sample.phase,
            vu=sample.vu,
            iteration=sample.iteration,
            at_s=round(sample.scheduled_s, _MOMENT_DIGITS),
            timings_ms=timings_ms,
            ended_in=int(run.times.ended_in[row]),
            is_open=bool(waiting[row]),
            is_streamed=sample.first_token_s is not None,
            tiers_ms=() if np.isnan(tiers_ms).all() else tuple(_round_tiers(tiers_ms)),
            outcome=sample.outcome,
            status=sample.status,
            detail=None if sample.detail is None else shorten(sample.detail, _LONGEST_TEXT),
            retries=sample.retries,
            tokens=sample.tokens,
            placed=placed.tiers,
            place_error_ms=placed.error_ms,
            trace=finder.trace(sample),
            typical=place,
        )


def _limit_places(requests: list[WaterfallRequest], shown: Iterable[int]) -> list[WaterfallRequest]:
    """Remove the places of tiers beyond the limit, first those of fast requests that are not shown."""
    slowest_first = sorted(range(len(requests)), key=lambda number: -requests[number].total_ms)
    left = _MOST_PLACES
    for number in dict.fromkeys([*shown, *slowest_first]):
        left -= len(requests[number].placed)
        if left < 0:
            requests[number] = requests[number].model_copy(update={"placed": (), "place_error_ms": 0.0})
    return requests


def _round_tiers(tiers_ms: Floats) -> Iterator[float | None]:
    for value in tiers_ms.tolist():
        yield None if isnan(value) else round(value, _DIGITS)
