"""Random worlds: a version with many runs, another version, and machines, directly from figures."""

import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from statistics import NormalDist

from hypothesis import strategies as st

from bench.core.run.messages import MessageUse
from bench.core.run.result import RunResult
from bench.core.run.summary import RunSummary
from bench.core.values.histogram import LOG_GROWTH, DurationCounts
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.baseline import Baseline, BaselineRun, Level, to_baseline_run
from bench.core.verdict.compare import Comparison, Decision, compare
from bench.core.verdict.outliers import mark_outliers
from tests.core.figures import make_summary
from tests.factories import (
    NOON,
    make_fingerprint,
    make_provenance,
    make_reference_workload,
    make_run,
    make_scenario,
    make_spec,
)

LATENCIES = ("e2e_ms", "ttft_ms")
RANKS = {Decision.PASS: 0, Decision.INCONCLUSIVE: 1, Decision.INVALID: 1, Decision.FAIL: 2}
"""The worse a decision, the higher its rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What a version's runs have in common."""

    usual_ms: tuple[float, ...]
    """Usual response time of each message."""
    tiers: tuple[float, ...] = ()
    """Share of the response time in each tier."""
    noise: float = 0.03
    """Standard deviation of the logarithm of a run, and of each of its messages."""
    tail: int = 0
    """Number of requests of a run in 100 that take three times as long."""
    requests: int = 200
    """Number of requests of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine of one run."""

    factor: float = 1.0
    """How much longer everything takes on it."""
    shown: float | None = None
    """How much longer its reference workload takes; `None` without one."""


@cache
def _template() -> RunResult:
    scenario = make_scenario(thresholds={})
    return make_run(spec=make_spec(scenario), fingerprint=make_fingerprint(simulated=False))


@cache
def _shape(requests: int, tail: int) -> dict[int, int]:
    """Number of requests by bucket, relative to the usual time; some of them take three times as long."""
    counts = Counter[int]()
    usual = NormalDist(0.0, 0.2)
    for number in range(requests):
        log_ratio = usual.inv_cdf((number + 0.5) / requests)
        if number % 100 < tail:
            log_ratio += math.log(3.0)
        counts[math.ceil(log_ratio / LOG_GROWTH)] += 1
    return counts


def summarise(version: Version, dice: random.Random, factor: float) -> RunSummary:
    """The summary of one run of a version on a machine with this factor."""
    run_factor = factor * math.exp(dice.gauss(0.0, version.noise))
    names = [f"message-{number}" for number in range(len(version.usual_ms))]
    figures: dict[str, dict[str, float]] = {"e2e_ms": {}, "ttft_ms": {}}
    for name, usual_ms in zip(names, version.usual_ms, strict=True):
        value_ms = usual_ms * run_factor * math.exp(dice.gauss(0.0, version.noise))
        figures["e2e_ms"][name] = value_ms
        figures["ttft_ms"][name] = value_ms * 0.4 * math.exp(dice.gauss(0.0, version.noise))
        for number, share in enumerate(version.tiers):
            figures.setdefault(f"tier.part{number}_ms", {})[name] = value_ms * share
    summary = make_summary(figures, ok=version.requests)
    each = version.requests // len(names)
    messages: dict[str, MessageUse] = {}
    for number, name in enumerate(names):
        label = "long" if number % 2 else "short"
        messages[name] = MessageUse(message_class=label, requests=each, ok=each)
    metrics = dict(summary.metrics)
    for key in LATENCIES:
        usual = math.fsum(math.log(value + 0.01) for value in figures[key].values()) / len(names)
        shift = math.ceil((usual + dice.gauss(0.0, version.noise)) / LOG_GROWTH)
        shape = _shape(version.requests, version.tail)
        counts = {bucket + shift: count for bucket, count in shape.items()}
        metrics[key] = metrics[key].model_copy(update={"histogram": DurationCounts(counts=counts)})
    return summary.model_copy(update={"messages": messages, "metrics": metrics})


def make_result(summary: RunSummary, number: int = 0, shown: float | None = None) -> RunResult:
    """A valid result with this summary, on a machine that shows this speed."""
    minute, second = divmod(number, 60)
    provenance = make_provenance(f"20260105T12{minute:02}{second:02}Z-quick-0000")
    workload = None if shown is None else make_reference_workload(shown)
    changes = {"summary": summary, "provenance": provenance, "reference_workload": workload}
    return _template().model_copy(update=changes)


def slow_down(result: RunResult, buckets: int) -> RunResult:
    """The same run if everything took longer by this number of buckets of the histogram."""
    factor = math.exp(buckets * LOG_GROWTH)
    metrics = {}
    for key, row in result.summary.metrics.items():
        changes: dict[str, object] = {}
        changes["figures"] = {name: value * factor for name, value in row.figures.items()}
        if row.histogram is not None:
            counts = {bucket + buckets: count for bucket, count in row.histogram.counts.items()}
            changes["histogram"] = row.histogram.model_copy(update={"counts": counts})
        metrics[key] = row.model_copy(update=changes)
    return result.model_copy(update={"summary": result.summary.model_copy(update={"metrics": metrics})})


def make_levels(runs: Sequence[Sequence[RunResult]]) -> Baseline:
    """A baseline with these runs in its levels; outliers are marked."""
    levels: list[Level] = []
    for results in runs:
        accepted = [to_baseline_run(result, "usual", "Tess Ter", NOON) for result in results]
        marks = mark_outliers(accepted)
        marked: list[BaselineRun] = []
        for run in accepted:
            marked.append(run.model_copy(update={"outlier": marks.get(run.run_id)}))
        levels.append(Level(reason="usual", accepted_by="Tess Ter", accepted_at=NOON, runs=tuple(marked)))
    first = runs[0][0]
    return Baseline(
        scenario=first.scenario.name,
        stack=first.fingerprint.stack,
        environment="ubuntu-24-x86_64-4cpu",
        levels=tuple(levels),
    )


@lru_cache(maxsize=8)
def _baseline_of(world: "World") -> Baseline:
    return make_levels(world.accepted())


@lru_cache(maxsize=8)
def _pairs_of(world: "World") -> tuple[list[RunResult], list[RunResult]]:
    return world.paired_runs()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Two versions, their runs and their machines."""

    seed: int
    version: Version
    levels: tuple[int, ...] = (6,)
    """Number of runs of each level of the baseline."""
    level_factors: tuple[float, ...] = (1.0, 1.0, 1.0)
    """How much longer each level takes than the version."""
    change: float = 1.0
    """How much longer the head takes."""
    heads: int = 1
    """Number of runs of the head against a baseline."""
    pairs: int = 4
    """Number of pairs of runs."""
    machine_noise: float = 0.05
    """Standard deviation of the logarithm of a machine's speed."""
    head_machine: Machine = field(default_factory=lambda: Machine(shown=1.0))
    """The machine of the head."""
    hidden: tuple[int, ...] = ()
    """Runs of the baseline without a reference workload, by number."""

    def accepted(self) -> list[list[RunResult]]:
        """The runs of the baseline, by level."""
        dice = random.Random(self.seed)
        runs: list[list[RunResult]] = []
        number = 0
        for count, level_factor in zip(self.levels, self.level_factors, strict=False):
            level: list[RunResult] = []
            for _ in range(count):
                machine = math.exp(dice.gauss(0.0, self.machine_noise))
                shown = machine * math.exp(dice.gauss(0.0, 0.02))
                summary = summarise(self.version, dice, machine * level_factor)
                level.append(make_result(summary, number, None if number in self.hidden else shown))
                number += 1
            runs.append(level)
        return runs

    def head_runs(self) -> list[RunResult]:
        """The run, and its confirmation run."""
        dice = random.Random(self.seed + 1)
        machine = self.head_machine
        runs: list[RunResult] = []
        for number in range(self.heads):
            summary = summarise(self.version, dice, machine.factor * self.change)
            runs.append(make_result(summary, 1000 + number, machine.shown))
        return runs

    def compare(self, buckets: int = 0) -> Comparison:
        """Compare the head with the baseline, slower by some buckets."""
        heads = [slow_down(run, buckets) for run in self.head_runs()]
        return compare(heads[0], _baseline_of(self), heads[1] if len(heads) > 1 else None)

    def paired_runs(self) -> tuple[list[RunResult], list[RunResult]]:
        """The runs of base and head, in pairs."""
        dice = random.Random(self.seed + 2)
        base: list[RunResult] = []
        head: list[RunResult] = []
        for number in range(self.pairs):
            machine = math.exp(dice.gauss(0.0, self.machine_noise))
            base.append(make_result(summarise(self.version, dice, machine), 2 * number))
            summary = summarise(self.version, dice, machine * self.change)
            head.append(make_result(summary, 2 * number + 1))
        return base, head

    def compare_pairs(self, buckets: int = 0) -> Comparison:
        """Compare the pairs, the head slower by some buckets."""
        base, head = _pairs_of(self)
        slower = [slow_down(run, buckets) for run in head]
        return compare_pairs(base, slower, slower[0], "main")

    def with_tiers(self, *tiers: float) -> "World":
        """The same world with these tiers."""
        return replace(self, version=replace(self.version, tiers=tiers))


@st.composite
def versions(draw: st.DrawFn) -> Version:
    """Any version: one message or several, short or long, quiet or noisy."""
    return Version(
        usual_ms=tuple(draw(st.lists(st.floats(5.0, 20_000.0), min_size=1, max_size=5))),
        tiers=tuple(draw(st.lists(st.sampled_from([0.01, 0.1, 0.5, 0.9]), max_size=3))),
        noise=draw(st.sampled_from([0.0, 0.01, 0.03, 0.1, 0.3])),
        tail=draw(st.sampled_from([0, 3, 5, 8])),
        requests=draw(st.sampled_from([20, 50, 100, 200])),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Any world."""
    levels = tuple(draw(st.lists(st.integers(1, 8), min_size=1, max_size=3).filter(lambda x: sum(x) >= 5)))
    shown = draw(st.sampled_from([None, 0.7, 0.9, 1.0, 1.05, 1.1, 1.3, 2.5]))
    return World(
        seed=draw(st.integers(0, 10_000)),
        version=draw(versions()),
        levels=levels,
        level_factors=tuple(draw(st.lists(st.floats(0.5, 2.0), min_size=3, max_size=3))),
        change=draw(st.sampled_from([0.5, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 2.0])),
        heads=draw(st.sampled_from([1, 2])),
        pairs=draw(st.integers(3, 12)),
        machine_noise=draw(st.sampled_from([0.0, 0.05, 0.2])),
        head_machine=Machine(factor=draw(st.sampled_from([0.8, 1.0, 1.3])), shown=shown),
        hidden=tuple(draw(st.lists(st.integers(0, 20), max_size=2))),
    )
