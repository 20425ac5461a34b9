"""Find the times in which the target stood still: no response ended and no token came, for all users.

A closed loop hides such a time: each user waits for one response, so a stop of two seconds makes one slow
request per user. A time without a sign of life is a stall if two things hold:

- The requests in flight would all have been so slow only by chance, with a probability of `WAIT_ALPHA`. The
  probability for one request is that of the run's other requests, given how long it had waited already.
- It is longer than the other silences with requests in flight, by more than their spread allows: longer than
  the longest of a lognormal distribution, with a probability of `LENGTH_ALPHA`; or far more surprising than
  they are, by the factor `FAR`. Requests that wait in a queue are slow together, and not by chance.

So a slow model, users who pause, and one or two users are no stall: there, the same silence is usual, or one
slow request explains it. The first request of each user is left out, because many users may start together.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from bench.core.config.executors import OpenLoop, Phase
from bench.core.run.recording import Recording
from bench.core.run.token_gaps import join_gaps
from bench.core.samples.arrays import Column, Floats, Mask
from bench.core.samples.sample import CENSORED_OUTCOMES, Outcome, Stall
from bench.core.samples.samples import Samples
from bench.core.samples.token_times import Span
from bench.core.values.histogram import Histogram
from bench.core.values.record import Count, NotNegative, Record
from bench.core.values.units import ms

SHORTEST_S = 0.3
"""Shorter stops are no finding."""
LENGTH_ALPHA = 0.01
"""Probability that a run without a stall has a silence that is so long."""
WAIT_ALPHA = 0.0001
"""Probability that a run without a stall has a silence in which all requests wait so long."""
FAR = 20.0
"""The logarithm of the probability of a stall, compared with that of the longest other silences."""
FEWEST_USERS = 3
"""A stall makes at least this number of users wait."""
_COMMON_RATIO = 0.25
_RARE_RATIO = 0.05
"""The spread of silences is known from the one that this share of them exceeds, and from the other share."""
_LEAST_SPREAD = 0.3
"""Least standard deviation of the logarithm of a silence."""
_AROUND = 3
_USUAL_RATIO = 0.5
"""A pause that more responses have than this share is usual for the target."""
_TICK_S = 0.01
_FEWEST_TICKS = 20_000
_TICKS_PER_REQUEST = 1
_MOST_STALLS = 20
"""Only the longest silences of a run are looked at."""
_TAIL = 2.0
"""Beyond the longest wait of the other requests, the share of longer ones falls with this power."""
_SIGNS = (
    "first_byte_s",
    "first_token_s",
    "first_answer_s",
    "first_reasoning_s",
    "last_reasoning_s",
    "last_token_s",
)
_NEVER_WAITED = (Outcome.DROPPED, Outcome.NOT_SENT)
_ENDED_BY_BENCH = (*CENSORED_OUTCOMES, Outcome.CANCELLED, *_NEVER_WAITED)


class TargetStall(Record):
    """A time in which the target showed no sign of life, although requests were in flight."""

    start_s: NotNegative
    """The last sign of life before it, or the start of the first request that waited, in seconds."""
    end_s: NotNegative
    """The next sign of life, in seconds since the start of the run."""
    waiting: Count
    """Number of requests in flight at its end."""

    @property
    def length_s(self) -> float:
        """Duration in seconds."""
        return self.end_s - self.start_s


def find_stalls(recording: Recording, phases: Sequence[Phase]) -> tuple[TargetStall, ...]:
    """Return the stalls of the target in a recording, in their order.

    Args:
        recording: Requests to the scenario's own target, without warm-up.
        phases: Phases of the scenario; requests refer to them by index.
    """
    sent = recording.samples
    sent = sent.where(~_has_outcome(sent, _NEVER_WAITED))
    if not len(sent) or recording.elapsed_s <= 0:
        return ()
    timeline = _Timeline(recording.elapsed_s, len(sent))
    timeline.add_requests(sent)
    for spans in recording.token_spans.values():
        timeline.add_signs(spans)
    if not timeline.count_signs():
        return ()
    compared = _Usual(timeline)
    candidates = compared.find_candidates(recording.pauses)
    if not candidates:
        return ()
    requests = _Requests.of(sent, phases, join_gaps(recording.token_gaps.values()))
    stalls = [silence for silence in candidates if compared.is_stall(silence, requests)]
    return tuple(sorted(stalls, key=lambda stall: stall.start_s))


def _has_outcome(samples: Samples, outcomes: Iterable[Outcome]) -> Mask:
    mask = np.zeros(len(samples), dtype=bool)
    for outcome in outcomes:
        mask |= samples.has_outcome(outcome)
    return mask


def _has_pause(stall: TargetStall, pauses: Iterable[Stall]) -> bool:
    """Return whether the load generator itself did not run in a part of the time."""
    return any(pause.at_s < stall.end_s and pause.at_s + pause.length_s > stall.start_s for pause in pauses)


class _Timeline:
    """The requests in flight and the signs of life of a run, by tick."""

    def __init__(self, elapsed_s: float, requests: int) -> None:
        self.tick_s = max(_TICK_S, elapsed_s / max(_FEWEST_TICKS, _TICKS_PER_REQUEST * requests))
        self._count = math.ceil(elapsed_s / self.tick_s) + 2
        self._has_sign: Mask = np.zeros(self._count, dtype=bool)
        self._in_flight = np.zeros(self._count, dtype=np.int32)

    def add_requests(self, sent: Samples) -> None:
        """Add requests with their moments."""
        changes = np.bincount(self._ticks(sent.column("scheduled_s")), minlength=self._count)
        ends = self._ticks(sent.column("finished_s"))
        changes -= np.bincount(ends, minlength=self._count)
        self._in_flight = np.cumsum(changes, dtype=np.int32)
        for name in _SIGNS:
            moments_s = sent.column(name)
            self._has_sign[self._ticks(moments_s[~np.isnan(moments_s)])] = True
        self._has_sign[ends[~_has_outcome(sent, _ENDED_BY_BENCH)]] = True
        # When the tokens of a failed stream came is unknown.
        unknown = sent.where(~sent.has_outcome(Outcome.OK) & ~np.isnan(sent.column("first_token_s")))
        first_s = unknown.column("first_token_s")
        self.add_signs(zip(first_s, np.fmax(first_s, unknown.column("last_token_s")), strict=True))

    def add_signs(self, spans: Iterable[Span]) -> None:
        """Add periods with signs of life."""
        for start_s, end_s in spans:
            first = max(0, int(start_s / self.tick_s))
            self._has_sign[first : math.ceil(end_s / self.tick_s)] = True

    def count_signs(self) -> int:
        """Return the number of ticks with a sign of life."""
        return int(self._has_sign.sum())

    def silences(self) -> Column:
        """Return the first tick, and the tick after the last, of each time without a sign of life.

        Requests are in flight all the time. The longest ones stand first.
        """
        is_silent = ~self._has_sign & (self._in_flight > 0)
        edges = np.flatnonzero(np.diff(np.concatenate([[False], is_silent, [False]]).astype(np.int8)))
        periods = edges.reshape(-1, 2)
        return periods[np.argsort(periods[:, 0] - periods[:, 1], kind="stable")]

    def stall_in(self, period: Column) -> TargetStall:
        """Return a silence as a stall."""
        first, end = period.tolist()
        return TargetStall(
            start_s=first * self.tick_s, end_s=end * self.tick_s, waiting=int(self._in_flight[end - 1])
        )

    def _ticks(self, moments_s: Floats) -> Floats:
        ticks = moments_s / self.tick_s
        return np.clip(ticks, 0, self._count - 1, out=ticks).astype(np.int32)


class _Usual:
    """The usual silences of a run, with which a stall is compared.

    Args:
        timeline: The run by tick, with at least one sign of life.
    """

    def __init__(self, timeline: _Timeline) -> None:
        self._timeline = timeline
        self._longest = timeline.silences()
        self._count = timeline.count_signs()

    def find_candidates(self, pauses: Sequence[Stall]) -> list[TargetStall]:
        """Return the silences that are longer than the rare ones, without those of the load generator."""
        shortest_s = max(SHORTEST_S, 2.0 * self._length_s(_RARE_RATIO))
        longest = map(self._timeline.stall_in, self._longest[:_MOST_STALLS])
        return [
            silence
            for silence in longest
            if silence.length_s >= shortest_s and not _has_pause(silence, pauses)
        ]

    def is_stall(self, silence: TargetStall, requests: "_Requests") -> bool:
        """Return whether neither chance nor the spread of the silences explains a silence."""
        surprise = requests.surprise_at(silence)
        if surprise < math.log(self._count / WAIT_ALPHA):
            return False
        if silence.length_s >= self._longest_by_chance_s():
            return True
        return surprise >= FAR * self._rare_surprise(requests)

    def _longest_by_chance_s(self) -> float:
        """Return the length that a run without a stall exceeds only with the probability `LENGTH_ALPHA`."""
        rare_s = self._length_s(_RARE_RATIO)
        normal = NormalDist()
        rare = normal.inv_cdf(1.0 - _RARE_RATIO)
        common = normal.inv_cdf(1.0 - _COMMON_RATIO)
        spread = math.log(rare_s / self._length_s(_COMMON_RATIO)) / (rare - common)
        longest = normal.inv_cdf(1.0 - LENGTH_ALPHA / self._count)
        return rare_s * math.exp(max(spread, _LEAST_SPREAD) * (longest - rare))

    def _rare_surprise(self, requests: "_Requests") -> float:
        """Return the median surprise at the silences around the rare ones; at least 1."""
        rank = int(_RARE_RATIO * self._count)
        around = self._longest[max(0, rank - _AROUND) : rank + _AROUND + 1]
        surprises = [requests.surprise_at(self._timeline.stall_in(period)) for period in around]
        return max(1.0, float(np.median(surprises)) if surprises else 0.0)

    def _length_s(self, ratio: float) -> float:
        """Return the length that this share of the silences exceeds."""
        rank = int(ratio * self._count)
        ticks = np.diff(self._longest[rank])[0] if rank < len(self._longest) else 1
        return float(ticks * self._timeline.tick_s)


@dataclass(frozen=True, slots=True)
class _Requests:
    """The requests of a run, and how long requests usually wait for a sign of life."""

    starts_s: Floats
    answers_s: Floats
    """First token or first byte of each request, or its end."""
    last_tokens_s: Floats
    """Last token of each request; its first answer if it was not streamed."""
    ends_s: Floats
    users: Floats
    """Number of each request's user."""
    counts: Mask
    """False for the first request of a user, which may start together with many others."""
    waits_s: Floats
    """How long each request waited for its first answer, ascending; infinity if none came."""
    streamed: int
    """Number of streamed responses."""
    gaps: Histogram

    @classmethod
    def of(cls, sent: Samples, phases: Sequence[Phase], gaps: Histogram) -> "_Requests":
        """Return the requests of a run."""
        starts_s = sent.column("scheduled_s")
        ends_s = sent.column("finished_s")
        first_s = np.fmin(sent.column("first_token_s"), ends_s)
        is_streamed = ~np.isnan(sent.column("first_token_s"))
        first_s = np.where(is_streamed, first_s, np.fmin(sent.column("first_byte_s"), ends_s))
        no_answer = _has_outcome(sent, _ENDED_BY_BENCH) & np.isnan(sent.column("first_byte_s"))
        answers_s = np.where(no_answer, np.inf, first_s)
        is_open = np.array([isinstance(phase, OpenLoop) for phase in phases])[sent.column("phase")]
        return cls(
            starts_s=starts_s,
            answers_s=answers_s,
            last_tokens_s=np.fmax(answers_s, sent.column("last_token_s")),
            ends_s=ends_s,
            users=sent.column("vu"),
            counts=is_open | (sent.column("iteration") > 0),
            waits_s=np.sort(answers_s - starts_s),
            streamed=int(is_streamed.sum()),
            gaps=gaps,
        )

    def surprise_at(self, silence: TargetStall) -> float:
        """Return the negative logarithm of the probability that all requests were silent by chance.

        It is 0 if too few users waited.
        """
        in_flight = (self.starts_s < silence.end_s) & (self.ends_s > silence.start_s)
        chosen = np.flatnonzero(in_flight & self.counts)
        until_s = np.minimum(self.ends_s[chosen], silence.end_s)
        since_s = np.maximum(self.starts_s[chosen], silence.start_s)
        is_waiting = self.answers_s[chosen] > silence.start_s
        waited_s = self.starts_s[chosen]
        others = _Waits(self.waits_s, (self.answers_s - self.starts_s)[in_flight])
        surprises = others.surprise(since_s - waited_s, until_s - waited_s)
        is_streaming = ~is_waiting & (self.last_tokens_s[chosen] > silence.start_s)
        silent_s = (until_s - since_s)[is_streaming]
        of_gap = np.array([self._surprise_of_gap(length_s, len(silent_s)) for length_s in silent_s])
        surprises = np.where(is_waiting, surprises, 0.0)
        surprises[is_streaming] = of_gap
        users = len(np.unique(self.users[chosen][surprises > 0]))
        return float(surprises.sum()) if users >= FEWEST_USERS else 0.0

    def _surprise_of_gap(self, length_s: float, streams: int) -> float:
        """Return the surprise at a stream that sends no token for a time, as this number of streams did."""
        if not self.gaps.count:
            return 0.0
        length_ms = ms(float(length_s))
        if self.gaps.count_longer(length_ms) - streams > _USUAL_RATIO * self.streamed:
            return 0.0  # the target pauses in most of its responses
        return -math.log(max(self.gaps.residual_ratio(length_ms), 1.0 / (self.gaps.count + 1)))


class _Waits:
    """How long requests wait for their first answer, without those that a silence made wait.

    Args:
        waits_s: The waits of all requests, ascending.
        left_out_s: Those that are left out.
    """

    def __init__(self, waits_s: Floats, left_out_s: Floats) -> None:
        self._waits_s = waits_s
        self._left_out_s = np.sort(left_out_s)
        self._count = len(waits_s) - len(left_out_s)
        finite = waits_s[np.isfinite(waits_s)]
        kept = np.setdiff1d(finite[-len(left_out_s) - 1 :], self._left_out_s)
        self._longest_s = float(kept[-1]) if len(kept) else math.inf

    def surprise(self, from_s: Floats, until_s: Floats) -> Floats:
        """Return the surprise at requests that wait longer than `until_s`, as they waited for `from_s`."""
        return np.asarray(np.log(self._longer(from_s)) - np.log(self._longer(until_s)))

    def _longer(self, waits_s: Floats) -> Floats:
        """Return the estimated share of requests that wait longer."""
        all_shorter = np.searchsorted(self._waits_s, waits_s, side="right")
        shorter = all_shorter - np.searchsorted(self._left_out_s, waits_s, side="right")
        share = (self._count - shorter + 1.0) / (self._count + 1.0)
        beyond = np.maximum(waits_s / self._longest_s, 1.0) if self._longest_s > 0 else np.ones(len(waits_s))
        return np.asarray(share / beyond**_TAIL)
