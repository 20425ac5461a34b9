"""A history on the front page of the site, and the numbers of its newest run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.core.history.history import HistoryPoint
from bench.core.history.trend import Trend
from bench.core.history.vitals import LatencyPercentiles, ServiceUsage
from bench.core.report.trend_page import HistorySummary
from bench.core.samples.sample import HOST, is_generator
from bench.core.values import wording


@dataclass(frozen=True, slots=True)
class Entry:
    """A history on the front page."""

    name: str
    """Name for people."""
    summary: HistorySummary
    """The history's judgement, newest run and small line."""

    @property
    def trend(self) -> Trend:
        """The judgement of the history."""
        return self.summary.trend

    @property
    def newest(self) -> HistoryPoint:
        """The newest run."""
        return self.summary.newest


def success_of(run: HistoryPoint) -> float:
    """Return the share of a run's requests that succeeded."""
    return run.ok / (run.ok + run.failed)


def wait_of(run: HistoryPoint, key: str = "e2e_ms") -> LatencyPercentiles:
    """Return the percentiles of a latency in a run; empty if they were not kept."""
    return run.vitals.latencies.get(key, LatencyPercentiles()) if run.vitals else LatencyPercentiles()


def typical_of(run: HistoryPoint, key: str) -> str:
    """Return the typical value of a latency in a run, for people."""
    return wording.duration(run.figures.get(key), lower_bound="typical" in wait_of(run, key).lower_bounds)


def uses_of(run: HistoryPoint) -> dict[str, ServiceUsage]:
    """Return the resources that each service of a run used, without load generators and the machine."""
    services: dict[str, ServiceUsage] = {}
    for name, use in (run.vitals.usage if run.vitals else {}).items():
        if name != HOST and not is_generator(name):
            services[name] = use
    return services


def describe_commit(run: HistoryPoint) -> str:
    """Return the subject and the author of a run's commit; a dash if both are unknown."""
    words = filter(None, [run.subject, run.author and f"by {run.author}"])
    return ", ".join(words) or wording.DASH


def name_histories(places: Sequence[str]) -> dict[str, str]:
    """Name histories by their scenario, and by stack and environment if several have that scenario.

    Args:
        places: Paths of the histories: `<stack>/<environment>/<scenario>`.
    """
    scenarios = Counter[str]()
    stacks = Counter[tuple[str, str]]()
    for where in places:
        stack, _, scenario = where.split("/", maxsplit=2)
        scenarios[scenario] += 1
        stacks[scenario, stack] += 1
    names: dict[str, str] = {}
    for where in places:
        stack, environment, scenario = where.split("/", maxsplit=2)
        name = scenario
        if scenarios[scenario] > 1:
            name += f" on {stack}"
        if stacks[scenario, stack] > 1:
            name += f", {environment}"
        names[where] = name
    return names
