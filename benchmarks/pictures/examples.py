"""The pages of which pictures are taken: each kind of result, computed without a measurement."""

from collections.abc import Callable
from functools import cache

from bench.core.config.run_spec import RunSpec
from bench.core.report.report import Report, make_report
from bench.core.report.series import RunSeries, make_series
from bench.core.report.trend_page import TrendPage, trend_page
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import compare
from bench.render.document.format import SCREEN_COLUMNS, RunInput, ShortLayout, Terminal
from bench.render.formats import RUN_FORMATS
from bench.render.html.page import render_page
from bench.render.html.side_by_side.page import render_side_by_side_page
from bench.store import scenarios
from tests.factories import make_fingerprint
from tests.render.capacities import capacities, drawn_with
from tests.render.histories import LINKS, history, site_of, vitals, with_pinned
from tests.render.side_runs import join

from .world import BASELINE_RUNS, FINGERPRINT, Change, make_quick_baseline, make_quick_run, originate

Judged = tuple[Report, RunSeries]


@cache
def quick() -> RunSpec:
    """Return the shipped scenario."""
    return scenarios.load("quick")


@cache
def usual_baseline() -> Baseline:
    """Return a baseline of ten usual runs."""
    return make_quick_baseline(quick())


@cache
def noisy_baseline() -> Baseline:
    """Return a baseline whose runs differ so much that a change cannot be told from noise."""
    return make_quick_baseline(quick(), spread=0.3)


def judge(change: Change, baseline: Baseline | None = None, number: int = BASELINE_RUNS + 16) -> Judged:
    """Return the report on a run and its curves.

    Args:
        change: The difference from the usual runs.
        baseline: The baseline; default: the one of ten usual runs.
        number: Number of the run.
    """
    expected = baseline or usual_baseline()
    result, recording = make_quick_run(quick(), change, number)
    report = make_report(result, compare(result, expected))
    return report, make_series(result, recording, expected)


def search() -> Judged:
    """Return the report on a capacity search and its curves."""
    report, series = drawn_with(capacities()["narrow"])
    changes = {"provenance": originate(BASELINE_RUNS, scenario="capacity"), "fingerprint": FINGERPRINT}
    result = report.result.model_copy(update=changes)
    return make_report(result, compare(result, None)), series


RUNS: dict[str, Callable[[], Judged]] = {
    "page": lambda: judge(Change(1.3, injections={"model.slowdown": 1.3})),
    "page-pass": lambda: judge(Change()),
    "page-tolerated": lambda: judge(Change(1.08)),
    "page-cannot-tell": lambda: judge(Change(1.12), noisy_baseline()),
    "page-invalid": lambda: judge(Change(1.3, generator_cpu_pct=97.0)),
    "page-errors": lambda: judge(Change(failed=(7, 19, 20, 31))),
    "capacity": search,
}
"""Each kind of result, by the name of its picture."""


def render_example(name: str) -> str:
    """Return the page of a kind of result."""
    return render_page(*RUNS[name]())


def print_example(name: str) -> str:
    """Return the report that `bench report` prints of a kind of result, with its colours."""
    report, series = RUNS[name]()
    layout = ShortLayout(folder="results/RUN", page="results/RUN/report.html")
    terminal = Terminal(SCREEN_COLUMNS, colour=True, short=layout)
    run = RunInput(report, lambda: series, lambda: (), terminal)
    return "".join(RUN_FORMATS["text"].render(run))


COMPARISON = "comparison"
_VERSIONS = {
    "Send the complete conversation to the model": Change(),
    "Answer with four workers": Change(0.75, cpu=1.6),
    "Check every answer twice": Change(1.15, cpu=1.2, failed=(7, 40)),
}
"""The change of each version, by the subject of its commit."""


def render_comparison() -> str:
    """Return the page of three versions: one on each end of the Pareto front, and one behind it."""
    measured = []
    for number, (subject, change) in enumerate(_VERSIONS.items()):
        result, recording = make_quick_run(quick(), change, BASELINE_RUNS + 16 + number)
        provenance = result.provenance.model_copy(update={"subject": subject})
        measured.append((result.model_copy(update={"provenance": provenance}), recording))
    runs = join(*measured)
    return render_side_by_side_page(runs.report, runs.curves)


def render_site() -> dict[str, str]:
    """Return the files of a site whose histories have 40 runs."""
    return site_of(make_histories(), LINKS)


def make_histories() -> list[TrendPage]:
    """Return histories of 40 runs: one became worse, one was worse for some time, and one fails requests."""
    down = vitals(
        1.4,
        9,
        up={"backend": 1.0, "agent": 0.93},
        alerts=("requests: 9 % of 100 failed from 0 s to 31 s",),
        crossed=("success_ratio rate>0.95",),
    )
    compose = make_fingerprint(stack="compose")
    return [
        trend_page(history([1.0] * 28 + [1.25] * 12), with_pinned()),
        trend_page(history([1.0] * 40, 8, scenario="chat-stream")),
        trend_page(history([1.0] * 14 + [1.4] * 12 + [0.97] * 14, 9, scenario="medium")),
        trend_page(history([1.0] * 40, 12, scenario="medium", fingerprint=compose)),
        trend_page(history([1.4] * 40, 10, 9, scenario="spike", vitals=down)),
        trend_page(history([1.0] * 4, 11, scenario="heavy", vitals=None)),
    ]
