"""The front page of all histories: regressions first, then four tiles."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core.config.watching import AlertLimits
from bench.core.history.history import HistoryPoint
from bench.core.history.levels import MIN_TREND_RUNS
from bench.core.history.trend import Trend
from bench.core.history.vitals import LatencyPercentiles, ServiceUsage
from bench.core.report.load_change import describe_load_with_interval
from bench.core.report.trend_page import HistorySummary
from bench.core.report.trend_wording import next_step
from bench.core.samples.sample import HOST, is_generator
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS

LEAST_SUCCESS = AlertLimits().success_ratio
"""A run with a lower success ratio needs attention: the limit of alerts, unless a stack declares its own."""
_MOST_NAMES = 5
"""A longer list is cut to this many names and a count."""
_RANK = {Decision.FAIL: 0, Decision.INVALID: 1, Decision.INCONCLUSIVE: 2, Decision.PASS: 3}


class Status(StrEnum):
    """The status of a tile."""

    GOOD = "good"
    LOOK = "look"
    """Somebody should look at it."""
    UNKNOWN = "unknown"


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


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the four tiles."""

    title: str
    """Title for people."""
    status: Status
    """Status of the subject."""
    figure: str
    """The number that represents the subject."""
    text: str
    """Details in sentences."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The front page."""

    decision: Decision
    """Fail if any history fails; inconclusive if no history can be judged yet."""
    headline: str
    """The judgement in one sentence."""
    next_step: str
    """What the reader can do now."""
    entries: tuple[Entry, ...]
    """All histories, the worst first."""
    tiles: tuple[Tile, ...]
    """Performance, health, services, users."""


def dashboard(summaries: Sequence[HistorySummary]) -> Dashboard:
    """Return the front page of one or more histories."""
    names = name_histories([summary.where for summary in summaries])
    entries = [Entry(names[summary.where], summary) for summary in summaries]
    entries.sort(key=lambda entry: (_RANK[entry.trend.decision], entry.name))
    decisions = {entry.trend.decision for entry in entries}
    decision = min(decisions - {Decision.INCONCLUSIVE}, key=_RANK.__getitem__, default=Decision.INCONCLUSIVE)
    return Dashboard(
        decision=decision,
        headline=_headline(decision, entries),
        next_step=_next_step(entries[0], len(entries)),
        entries=tuple(entries),
        tiles=(_performance(entries), _health(entries), _services(entries), _users(entries)),
    )


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


def _headline(decision: Decision, entries: Sequence[Entry]) -> str:
    failed: list[str] = []
    inconclusive = 0
    for entry in entries:
        if entry.trend.decision is Decision.FAIL:
            failed.append(entry.name)
        inconclusive += entry.trend.decision is Decision.INCONCLUSIVE
    judged = wording.counted(len(entries) - inconclusive, "scenario")
    if failed:
        verb = "is" if len(failed) == 1 else "are"
        return f"{len(failed)} of {judged} {verb} worse than before: {_listing(failed)}."
    if decision is Decision.INCONCLUSIVE:
        return f"Cannot tell yet: no scenario has the {MIN_TREND_RUNS} comparable runs that are needed."
    more = f" {inconclusive} more have too few runs." if inconclusive else ""
    return f"No lasting regression in {judged}.{more}"


def _next_step(worst: Entry, count: int) -> str:
    step = next_step(worst.trend)
    return f"{worst.name}: {step}" if worst.trend.decision is Decision.FAIL and count > 1 else step


def _performance(entries: Sequence[Entry]) -> Tile:
    newest = max(entries, key=lambda entry: (entry.newest.started_at, entry.name))
    run = newest.newest
    safe = run.safe_load
    rate = run.vitals.requests_rps if run.vitals else None
    figures = _performance_figures(run)
    slower: list[str] = []
    judged = False
    for entry in entries:
        judged |= entry.trend.decision is not Decision.INCONCLUSIVE
        if entry.trend.worse - {SUCCESS}:
            slower.append(entry.name)
    status = Status.UNKNOWN
    if judged:
        status = Status.LOOK if slower else Status.GOOD
    text = f"Newest run, {newest.name}, {run.started_at:%Y-%m-%d %H:%M} UTC"
    text += f": {', '.join(figures)}." if figures else "."
    text += f" Slower than before: {_listing(slower)}." if slower else ""
    figure = wording.DASH if rate is None else f"{wording.rate(rate)} answers/s"
    if safe is not None:
        figure = describe_load_with_interval(safe).partition(" (")[0]
    return Tile("Real-time performance", status, figure, text)


def _performance_figures(run: HistoryPoint) -> list[str]:
    figures: list[str] = []
    safe = run.safe_load
    if safe is not None:
        figures.append(f"safe load {describe_load_with_interval(safe)}")
        if run.vitals and run.vitals.breaks_at:
            figures.append(f"it ends in `{run.vitals.breaks_at}`")
    if run.vitals and run.vitals.tokens_tps:
        figures.append(f"{wording.rate(run.vitals.tokens_tps)} tokens/s")
    response_ms = run.figures.get("e2e_ms")
    if response_ms is not None:
        figures.append(f"response time {typical_of(run, 'e2e_ms')}")
    if wait_of(run).p95 is not None:
        figures.append(f"p95 {wait_of(run).text('p95')}")
    return figures


def _health(entries: Sequence[Entry]) -> Tile:
    watched = False
    alerts: list[str] = []
    uses: list[tuple[str, str, ServiceUsage]] = []
    for entry in entries:
        vitals = entry.newest.vitals
        if vitals is not None and vitals.alerts is not None:
            watched = True
            alerts += [f"{entry.name}: {alert}." for alert in vitals.alerts]
        for service, use in uses_of(entry.newest).items():
            uses.append((entry.name, service, use))
    sentences = alerts[:_MOST_NAMES]
    if uses:
        scenario, service, use = max(uses, key=lambda row: row[2].cpu_pct)
        sentences.append(f"Most CPU: {service} with {use.cpu_pct:.0f} % of a core in {scenario}.")
        scenario, service, use = max(uses, key=lambda row: row[2].memory_bytes or 0)
        sentences.append(f"Most memory: {service} with {wording.memory(use.memory_bytes)} in {scenario}.")
    text = " ".join(sentences) or "The runs have no resource samples."
    title = "System health"
    if alerts:
        return Tile(title, Status.LOOK, wording.counted(len(alerts), "alert"), text)
    if watched:
        return Tile(title, Status.GOOD, "No alert", text)
    return Tile(title, Status.UNKNOWN, "Not watched", text)


def _services(entries: Sequence[Entry]) -> Tile:
    checks: list[tuple[float, str, str]] = []
    for entry in entries:
        up = entry.newest.vitals.up if entry.newest.vitals else {}
        for check, up_ratio in up.items():
            checks.append((up_ratio, check, entry.name))
    if not checks:
        text = "The newest runs have no health checks."
        return Tile("Service status", Status.UNKNOWN, "Not checked", text)
    down = [row for row in checks if row[0] < 1.0]
    down.sort(key=lambda row: row[0])
    sentences = []
    for up_ratio, check, scenario in down[:_MOST_NAMES]:
        sentences.append(f"{check} was up {wording.percent(up_ratio)} of the time in {scenario}.")
    text = " ".join(sentences) or "Every health check of the newest runs was up all the time."
    figure = f"{len(checks) - len(down)} of {len(checks)} up"
    return Tile("Service status", Status.LOOK if down else Status.GOOD, figure, text)


def _users(entries: Sequence[Entry]) -> Tile:
    ok = 0
    failed = 0
    unhappy: list[str] = []
    waits: list[tuple[float, str]] = []
    for entry in entries:
        if entry.newest.safe_load is not None:  # a search tries loads that fail
            continue
        ok += entry.newest.ok
        failed += entry.newest.failed
        p95_ms = wait_of(entry.newest).p95
        if p95_ms is not None:
            waits.append((p95_ms, entry.name))
        if _is_unhappy(entry):
            unhappy.append(entry.name)
    sentences = [f"of {ok + failed:,} requests in the newest runs succeeded; {failed:,} failed."]
    if waits:
        p95_ms, scenario = max(waits)
        sentences.append(f"Longest wait: p95 {wording.duration(p95_ms)} in {scenario}.")
    if unhappy:
        sentences.append(f"Too many failures or a crossed limit: {_listing(unhappy)}.")
    status = Status.LOOK if unhappy else Status.GOOD
    success = wording.percent(ok / (ok + failed) if ok + failed else None)
    return Tile("User experience", status, success, " ".join(sentences))


def _is_unhappy(entry: Entry) -> bool:
    run = entry.newest
    crossed = run.vitals is not None and bool(run.vitals.crossed)
    if run.safe_load is not None:
        return crossed
    return crossed or SUCCESS in entry.trend.worse or success_of(run) < LEAST_SUCCESS


def _listing(names: Sequence[str]) -> str:
    shown = list(names[:_MOST_NAMES])
    rest = len(names) - len(shown)
    return wording.listing([*shown, f"{rest} more"] if rest else shown)
