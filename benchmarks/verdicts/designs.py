"""Measure and judge one pull request of a cell, by the real rule and by those of other tools."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.report.report import make_report
from bench.core.report.suite import judge_suite
from bench.core.run.result import RunResult
from bench.core.verdict.ab import run_order
from bench.core.verdict.acceptance import AcceptRequest, accept_all
from bench.core.verdict.baseline import Baseline, baseline_path
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.stopping import MAX_PAIRS
from bench.core.verdict.verdict import MetricComparison, Verdict

from . import others
from .cells import SEVERAL, Cell, Design
from .drift import judge_history
from .records import START, as_baseline, results
from .sequence import judge_pairs
from .traces import moments
from .world import Change, Floats, Runs, World

OURS = "bench"
BASELINE_RUNS = 10
HISTORY_RUNS = 60
_AT_ONCE = 4
_MOST_TRACE_RUNS = 20
_AGAIN_SD = 0.02  # of a confirmation run in a real trace, which has only one run per machine


@dataclass(frozen=True, slots=True)
class Means:
    """Mean response times that the rules of other tools store, in milliseconds."""

    base: Floats
    """As many runs of the base as the real rule used."""
    head: Floats
    """As many runs of the head as the real rule used."""
    history: Floats
    """A longer history of the base: it ends with the runs of the base."""
    base_requests: Floats
    """Requests of the newest run of the base."""
    head_requests: Floats
    """Requests of the first run of the head."""


def judge(cell: Cell, seed: int) -> Counter[str]:
    """Return the counts of one pull request: keys are `rule/rate`."""
    return _DESIGNS[cell.design](cell, seed)


def _check(cell: Cell, seed: int) -> Counter[str]:
    world = World(cell.noise, seed)
    machines = world.machines(HISTORY_RUNS + 1)
    effects = world.disturb(HISTORY_RUNS + 1)
    base = world.runs(machines[-BASELINE_RUNS - 1 : -1], effects[-BASELINE_RUNS - 1 : -1])
    older = world.means(machines[: -BASELINE_RUNS - 1], effects[: -BASELINE_RUNS - 1])
    machine = np.repeat(world.machines(1, new=True), 2)
    head = world.runs(machine, world.disturb(2, HISTORY_RUNS), cell.change)
    comparison, used = check(as_baseline(results(base, "base")), results(head, "head"))
    history = np.concatenate([older, base.means_ms])
    means = Means(base.means_ms, head.means_ms[:used], history, base.times_ms[-1], head.times_ms[0])
    return count(comparison) + count_others(means)


def check(baseline: Baseline, heads: Sequence[RunResult]) -> tuple[Comparison, int]:
    """Judge as `bench check` does; return the number of runs too."""
    alone = compare(heads[0], baseline)
    if not alone.suspect:
        return alone, 1
    return compare(heads[0], baseline, heads[1]), 2


def _trace(cell: Cell, seed: int) -> Counter[str]:
    world = World(cell.noise, seed)
    runs = moments()
    trace, first, run = runs[int(world.dice.integers(len(runs)))]
    start = max(0, run - _MOST_TRACE_RUNS)
    past = world.runs(trace.work[start:run], world.disturb(run - start), None, trace.workload[start:run])
    again = np.array([0.0, _AGAIN_SD * world.dice.normal()])
    now = np.repeat(trace.work[run], 2) + again
    head = world.runs(now, world.disturb(2), cell.change, np.repeat(trace.workload[run], 2))
    accepted = results(past, "base")
    older = max(0, first - start)  # runs of earlier levels
    baseline = as_baseline(accepted[:older], accepted[older:])
    comparison, used = check(baseline, results(head, "head"))
    oldest = slice(max(first, run - HISTORY_RUNS), max(first, start))
    before = world.means(trace.work[oldest], world.disturb(oldest.stop - oldest.start))
    base = past.means_ms[older:]
    history = np.concatenate([before, base])
    means = Means(base, head.means_ms[:used], history, past.times_ms[-1], head.times_ms[0])
    return count(comparison) + count_others(means)


def _pairs(cell: Cell, seed: int) -> Counter[str]:
    world = World(cell.noise, seed)
    comparison, used, means = alternate(world, float(world.machines(1)[0]), cell.change)
    counts = count(comparison)
    counts[f"{OURS}/pairs"] = used
    return counts + count_others(means)


def alternate(
    world: World, machine: float, change: Change, scenarios: int = 1, name: str = "simulated"
) -> tuple[Comparison, int, Means]:
    """Measure base and head in turn until the rule stops; return the number of pairs too."""
    order = np.array(list(run_order(MAX_PAIRS)))
    is_base = order == "A"
    effects = world.disturb(HISTORY_RUNS + len(order))
    now = effects[HISTORY_RUNS:]
    for side in (is_base, ~is_base):
        now[np.flatnonzero(side)[0]] += np.log(world.noise.cold_factor)
    speed = np.full(MAX_PAIRS, machine)
    base = world.runs(speed, now[is_base])
    head = world.runs(speed, now[~is_base], change)
    judged = judge_pairs(_as_pairs(base, head, name), scenarios)
    if judged is None:
        raise AssertionError("the rule did not stop after the largest number of pairs")
    comparison, used = judged
    older = world.means(np.full(HISTORY_RUNS, machine), effects[:HISTORY_RUNS])
    history = np.concatenate([older, base.means_ms[:used]])
    means = Means(
        base.means_ms[:used], head.means_ms[:used], history, base.times_ms[used - 1], head.times_ms[used - 1]
    )
    return comparison, used, means


def _as_pairs(base: Runs, head: Runs, name: str) -> Iterator[tuple[RunResult, RunResult]]:
    """Yield pairs of results; few are made at a time, because the rule often stops early."""
    for start in range(0, MAX_PAIRS, _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        base_results = results(base.take(part), "base", name, first=2 * start)
        head_results = results(head.take(part), "head", name, first=2 * start)
        yield from zip(base_results, head_results, strict=True)


def _suite(cell: Cell, seed: int) -> Counter[str]:
    reports = []
    machine = float(World(cell.noise, seed).machines(1)[0])
    pairs = 0
    for number in range(SEVERAL):
        world = World(cell.noise, seed * SEVERAL + number)
        change = cell.change if number == 0 else Change()
        comparison, used, _ = alternate(world, machine, change, SEVERAL, f"scenario-{number}")
        result = results(world.runs(np.zeros(1), np.zeros(1)), "head", f"scenario-{number}")[0]
        reports.append(make_report(result, comparison))
        pairs += used
    suite = judge_suite(reports)
    counts = _decided(suite.decision)
    changed = reports[0]
    is_detected = changed.decision is Decision.FAIL and changed.result.scenario.name not in suite.excused
    if cell.change != Change() and not is_detected:
        counts[f"{OURS}/worse"] = 0
    counts[f"{OURS}/pairs"] = pairs
    return counts


def _accepted(cell: Cell, seed: int) -> Counter[str]:
    return _after_accept(cell, seed, cell.change)


def _undone(cell: Cell, seed: int) -> Counter[str]:
    return _after_accept(cell, seed, Change())


def _after_accept(cell: Cell, seed: int, now: Change) -> Counter[str]:
    """Accept a changed run once, and check another run of a version."""
    world = World(cell.noise, seed)
    base = world.runs(world.machines(BASELINE_RUNS), world.disturb(BASELINE_RUNS))
    changed = world.runs(world.machines(1), world.disturb(1), cell.change)
    baseline = as_baseline(results(base, "base"))
    path = baseline_path(results(base, "base")[0])
    intended = results(changed, "changed", first=BASELINE_RUNS)
    accepted = accept_all({path: baseline}, intended, AcceptRequest("intended", "maintainer", START))[path]
    if accepted.after is None:
        raise AssertionError(f"the run was not accepted: {accepted.left_out}")
    baseline = accepted.after
    head = world.runs(np.repeat(world.machines(1), 2), world.disturb(2), now)
    return count(check(baseline, results(head, "head"))[0])


def _detectable_check(cell: Cell, seed: int) -> Counter[str]:
    world = World(cell.noise, seed)
    base = world.runs(world.machines(BASELINE_RUNS), world.disturb(BASELINE_RUNS))
    baseline = as_baseline(results(base, "base"))
    speed = np.repeat(world.machines(1), 2)
    same = world.runs(speed, world.disturb(2))
    size = _detectable(compare(results(same, "same")[0], baseline))
    if size is None:
        return Counter()
    head = world.runs(speed, world.disturb(2), Change(factor=1.0 + size))
    return _count_response_time(check(baseline, results(head, "head"))[0])


def _detectable_pairs(cell: Cell, seed: int) -> Counter[str]:
    world = World(cell.noise, seed)
    machine = float(world.machines(1)[0])
    size = _detectable(alternate(world, machine, Change())[0])
    if size is None:
        return Counter()
    return _count_response_time(alternate(world, machine, Change(factor=1.0 + size))[0])


def _response_time(comparison: Comparison) -> MetricComparison | None:
    for row in comparison.metrics:
        if row.key == "e2e_ms":
            return row
    return None


def _detectable(comparison: Comparison) -> float | None:
    row = _response_time(comparison)
    return None if row is None else row.detectable_ratio


def _count_response_time(comparison: Comparison) -> Counter[str]:
    """Count whether the response time itself is worse: each metric reports its own detectable change."""
    row = _response_time(comparison)
    counts = count(comparison)
    counts[f"{OURS}/worse"] = int(row is not None and row.regressed)
    return counts


def count(comparison: Comparison) -> Counter[str]:
    """Return the counts of one decision, and of what the verdict is about."""
    counts = _decided(comparison.decision)
    if comparison.decision is Decision.FAIL:
        for row in comparison.metrics:
            if row.regressed:
                counts[f"alarm/{row.key}"] = 1
        for message in comparison.messages:
            if message.verdict is Verdict.WORSE:
                counts[f"alarm/{message.kind} of {message.key}"] = 1
        if comparison.vanished_messages:
            counts["alarm/vanished"] = 1
    return counts


def _decided(decision: Decision) -> Counter[str]:
    return Counter(
        {
            f"{OURS}/repetitions": 1,
            f"{OURS}/worse": int(decision is Decision.FAIL),
            f"{OURS}/pass": int(decision is Decision.PASS),
            f"{OURS}/inconclusive": int(decision is Decision.INCONCLUSIVE),
            f"{OURS}/verdict": int(decision in {Decision.PASS, Decision.FAIL}),
        }
    )


# Rules of other tools by name.
OTHERS: dict[str, Callable[[Means], bool]] = {
    "ratio 200 %": lambda means: others.ratio(means.base, means.head, others.RATIO_200),
    "ratio 110 %": lambda means: others.ratio(means.base, means.head, others.RATIO_110),
    "Bencher, same runs": lambda means: others.bencher(means.base, means.head),
    "Bencher, 60 runs": lambda means: others.bencher(means.history, means.head),
    "benchstat, runs": lambda means: others.benchstat(means.base, means.head),
    "benchstat, requests": lambda means: others.requests_rank(means.base_requests, means.head_requests),
    "rustc-perf": lambda means: others.rustc_perf(means.history, means.head),
    "Otava": lambda means: others.otava(means.history, means.head),
}


def count_others(means: Means) -> Counter[str]:
    """Return which rules of other tools report a regression."""
    return Counter({f"{name}/worse": int(rule(means)) for name, rule in OTHERS.items()})


_DESIGNS: dict[Design, Callable[[Cell, int], Counter[str]]] = {
    Design.CHECK: _check,
    Design.TRACE: _trace,
    Design.PAIRS: _pairs,
    Design.SUITE: _suite,
    Design.ACCEPTED: _accepted,
    Design.UNDONE: _undone,
    Design.DETECTABLE_CHECK: _detectable_check,
    Design.DETECTABLE_PAIRS: _detectable_pairs,
    Design.MERGES: lambda cell, seed: judge_history(cell.noise, cell.change, seed),
}
