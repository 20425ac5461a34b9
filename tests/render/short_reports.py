"""Reports that would fill many screens: every list is long, and every name is hostile."""

from collections.abc import Callable, Mapping
from functools import cache, partial

from bench.core.report.report import Report, make_report
from bench.core.report.suite import SuiteReport, judge_suite
from bench.core.samples.metrics import tier_key
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.verdict import MetricComparison, Verdict
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec, run_at
from tests.lazily import Lazily
from tests.render.capacities import capacities, drawn_with, hostile_capacity
from tests.render.random_comparisons import random_comparisons
from tests.render.reports import HOSTILE, make_message, make_row, reports

MANY = 40
RANDOM = 60
WIDE = "漢字かな混じりの長い名前" * 8
TURNED = "\u202e\u2066abc\u200f" * 20
NAMES = (HOSTILE, WIDE, TURNED, "x" * 500, "e\u0301" * 90)


def _crowded(decision: Decision) -> Report:
    """Return a report with many crossed thresholds, reasons, warnings, messages and tiers."""
    thresholds = {"e2e_ms": [f"p(95)<{limit}" for limit in range(100, 100 + MANY)]}
    scenario = make_scenario(name="x" * 60, thresholds=thresholds)
    warnings = tuple(f"{NAMES[number % len(NAMES)]} {number}" for number in range(MANY))
    samples = [make_sample(seq) for seq in range(20)]
    result = make_run(make_recording(samples, warnings=warnings), spec=make_spec(scenario))
    metrics: list[MetricComparison] = [make_row("e2e_ms", Verdict.WORSE, 600.0, 0.4)]
    messages: list[MessageComparison] = []
    for number in range(MANY):
        name = f"{NAMES[number % len(NAMES)]}{number}"
        metrics.append(make_row(tier_key(name), Verdict.WORSE, 30.0 + number, 1.6))
        kind = MessageKind.CLASS if number % 3 == 0 else MessageKind.MESSAGE
        messages.append(make_message(name, Verdict.WORSE, 500.0, 0.5 + number / 100, kind=kind))
    comparison = Comparison(
        decision=decision,
        reasons=tuple(f"{NAMES[number % len(NAMES)]} is the reason {number}" for number in range(MANY)),
        metrics=tuple(metrics),
        messages=tuple(messages),
        vanished_messages=tuple(f"{NAMES[number % len(NAMES)]}{number}" for number in range(MANY)),
        baseline_runs=10,
        base_name=HOSTILE,
        pairs=MANY,
    )
    return make_report(result, comparison)


def all_reports() -> Mapping[str, Report]:
    """Return reports of every kind by name: usual ones, random ones, crowded ones, and searches."""
    makers: dict[str, Callable[[], Report]] = {name: partial(_usual, name) for name in reports()}
    for number in range(RANDOM):
        makers[f"random {number}"] = partial(_random, number)
    for decision in Decision:
        makers[f"crowded {decision}"] = partial(_crowded, decision)
    for name in capacities():
        makers[f"capacity {name}"] = partial(_search, name)
    makers["hostile capacity"] = lambda: hostile_capacity()[0]
    return Lazily(makers)


def _usual(name: str) -> Report:
    return reports()[name]


def _random(number: int) -> Report:
    return make_report(run_at(), _comparisons()[number])


@cache
def _comparisons() -> list[Comparison]:
    return list(random_comparisons(seed=5, count=RANDOM))


def _search(name: str) -> Report:
    return drawn_with(capacities()[name])[0]


def all_suites() -> Mapping[str, SuiteReport]:
    """Return suites of one, 12 and 100 scenarios with every verdict, by name."""
    makers: dict[str, Callable[[], SuiteReport]] = {}
    for count in (1, 12, 100):
        makers[f"{count} scenarios"] = partial(_suite, count, 0)
        makers[f"{count} scenarios and as many missing"] = partial(_suite, count, count)
    return Lazily(makers)


def _suite(count: int, missing: int) -> SuiteReport:
    """Return a suite of this number of scenarios, of which more are missing."""
    kinds = [*reports().values(), _crowded(Decision.FAIL)]
    runs = []
    for number in range(count):
        report = kinds[number % len(kinds)]
        name = f"{NAMES[number % len(NAMES)]}{number}"
        scenario = report.result.scenario.model_copy(update={"name": name})
        result = report.result.model_copy(update={"scenario": scenario})
        runs.append(report.model_copy(update={"result": result}))
    names = [f"missing-{number}" for number in range(missing)]
    return judge_suite(runs, names, names)
