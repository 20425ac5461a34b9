"""The format `json`: reports by the schemas that `bench schema` prints."""

from collections.abc import Iterator, Sequence

from pydantic import TypeAdapter

from bench.core.history.trend import Trend
from bench.core.report.report import Report
from bench.render.document.format import ExperimentInput, RunInput, SuiteInput, TrendInput


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the report on a run, with the run and its comparison."""
    yield run_json(run.report)


def render_suite(suite: SuiteInput) -> Iterator[str]:
    """Yield the report on a suite, with all its runs."""
    yield suite.report.model_dump_json(indent=1) + "\n"


def render_trends(trends: TrendInput) -> Iterator[str]:
    """Yield the trends as a list."""
    yield trends_json(trends.trends)


def render_experiment(experiment: ExperimentInput) -> Iterator[str]:
    """Yield the result of an experiment by the schema `experiment-result`."""
    yield experiment.result.model_dump_json(indent=1) + "\n"


def run_json(report: Report) -> str:
    """Return a report by the schema `report`."""
    return report.model_dump_json(indent=1) + "\n"


def trends_json(trends: Sequence[Trend]) -> str:
    """Return a list of trends, each by the schema `trend`."""
    return TypeAdapter(tuple[Trend, ...]).dump_json(tuple(trends), indent=1).decode() + "\n"
