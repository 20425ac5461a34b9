"""Search the safe load of a stand in virtual time: warm-up, blocks of a second, early end, and drain."""

from dataclasses import dataclass

import numpy as np

from bench.core.capacity.load_trial import (
    SLOW_SHARE,
    LoadTrial,
    ObjectiveCounts,
    SafeLoad,
    SearchEnd,
    TrialBlock,
    TrialVerdict,
)
from bench.core.capacity.search import CapacitySearcher
from bench.core.capacity.trial_length import PlannedTrial
from bench.core.config.capacity_search import CapacitySearch

from .stand import Floats, Random, Requests, Stand, simulate

_LOOK_EVERY_S = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """A search that has ended."""

    safe_load: SafeLoad | None
    """Its answer."""
    ended: SearchEnd
    """Why it ended."""
    took_s: float
    """Its duration, with the drains."""
    trials: tuple[LoadTrial, ...]
    """Its trials."""


def search(
    stand: Stand, settings: CapacitySearch, random: Random, previous: SafeLoad | None = None
) -> Outcome:
    """Search the safe load of a stand."""
    searcher = CapacitySearcher(settings, "requests/s" if stand.is_open else "users", previous)
    trials: list[LoadTrial] = []
    now_s = 0.0
    while True:
        planned = searcher.next_trial(trials, settings.budget_s - now_s)
        if isinstance(planned, SearchEnd):
            return Outcome(searcher.estimate(trials), planned, now_s, tuple(trials))
        trial = run_trial(stand, searcher, planned, random)
        trials.append(trial.model_copy(update={"start_s": now_s}))
        now_s += trial.warm_up_s + trial.duration_s + trial.drain_s


def run_trial(stand: Stand, searcher: CapacitySearcher, planned: PlannedTrial, random: Random) -> LoadTrial:
    """Hold a load until it is decided, and until the queue is empty."""
    requests = simulate(stand, planned.load, planned.warm_up_s + planned.longest_s, random)
    blocks, slow, complete_s = _count_blocks(stand, requests, planned)
    duration_s = planned.longest_s
    elapsed_s = planned.shortest_s
    while elapsed_s < planned.longest_s:
        number = int(np.searchsorted(complete_s, planned.warm_up_s + elapsed_s))
        if searcher.is_enough(_counts(stand, blocks[:number], slow[:number])):
            duration_s = elapsed_s
            break
        elapsed_s += _LOOK_EVERY_S
    number = int(duration_s)
    counts = _counts(stand, blocks[:number], slow[:number])
    trial = _make_trial(requests, planned, duration_s, counts)
    return trial.model_copy(update={"verdict": searcher.judge(counts)})


def _counts(stand: Stand, blocks: list[TrialBlock], slow: Floats) -> tuple[ObjectiveCounts, ...]:
    return (
        ObjectiveCounts(
            objective=f"p95 response time ≤ {stand.limit_s:g} s",
            allowed_ratio=stand.allowed_ratio,
            blocks=tuple(blocks),
            slow=int(slow.sum()),
        ),
    )


def _count_blocks(
    stand: Stand, requests: Requests, planned: PlannedTrial
) -> tuple[list[TrialBlock], Floats, Floats]:
    """Return the requests by second after the warm-up, the slow ones, and when all of them were decided."""
    number = max(1, int(planned.longest_s))
    times_s = requests.ends - requests.starts
    missed = (times_s > stand.limit_s) | requests.failed
    is_slow = (times_s > SLOW_SHARE * stand.limit_s) | requests.failed
    decided = np.minimum(requests.ends, requests.starts + stand.limit_s)
    places = np.floor(requests.starts - planned.warm_up_s).astype(int)
    inside = (places >= 0) & (places < number)
    totals = np.bincount(places[inside], minlength=number)
    misses = np.bincount(places[inside], weights=missed[inside], minlength=number).astype(int)
    slow = np.bincount(places[inside], weights=is_slow[inside], minlength=number)
    complete = planned.warm_up_s + 1.0 + np.arange(number)
    np.maximum.at(complete, places[inside], decided[inside])
    blocks = [TrialBlock(int(total), int(miss)) for total, miss in zip(totals, misses, strict=True)]
    decided_s = np.asarray(np.maximum.accumulate(complete), dtype=np.float64)
    return blocks, np.asarray(slow, dtype=np.float64), decided_s


def _make_trial(
    requests: Requests, planned: PlannedTrial, duration_s: float, counts: tuple[ObjectiveCounts, ...]
) -> LoadTrial:
    end_s = planned.warm_up_s + duration_s
    begun = requests.starts < end_s
    steady = begun & (requests.starts >= planned.warm_up_s)
    times_ms = 1000.0 * (requests.ends - requests.starts)[steady]
    drained_s = float(requests.ends[begun].max(initial=end_s)) - end_s
    ended = (requests.ends >= planned.warm_up_s) & (requests.ends < end_s) & ~requests.failed
    ok = counts[0].requests - counts[0].missed
    return LoadTrial(
        load=planned.load,
        start_s=0.0,
        warm_up_s=planned.warm_up_s,
        duration_s=duration_s,
        counts=counts,
        verdict=TrialVerdict.OPEN,
        throughput_rps=float(ended.sum()) / duration_s,
        goodput_rps=ok / duration_s,
        mean_ms=float(times_ms.mean()) if len(times_ms) else None,
        p95_ms=float(np.quantile(times_ms, 0.95)) if len(times_ms) else None,
        success_ratio=1.0 - float(requests.failed[steady].mean()) if len(times_ms) else 1.0,
        drain_s=drained_s,
    )
