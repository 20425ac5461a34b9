"""The front page of all histories: what is worse, then the four things that people want to see."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bench.core.config.watching import Limits
from bench.core.history.history import HistoryPoint
from bench.core.history.levels import FEWEST_RUNS
from bench.core.history.trend import Trend
from bench.core.history.vitals import Use, Wait
from bench.core.report.trend_page import TrendPage
from bench.core.report.trend_wording import next_step
from bench.core.samples.sample import HOST, is_generator
from bench.core.values import wording
from bench.core.verdict.compare import Decision
from bench.core.verdict.success import SUCCESS

# Of a run: fewer that succeed are worth a look, by the same share as an alert where a stack says no other.
LEAST_SUCCESS = Limits().success_ratio
_NAMED = 5  # of many, so many are named
_RANK = {Decision.FAIL: 0, Decision.INVALID: 1, Decision.INCONCLUSIVE: 2, Decision.PASS: 3}


class Status(StrEnum):
    """What is said of one thing that people want to see."""

    GOOD = "good"
    LOOK = "look"  # somebody should
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Entry:
    """A history on the front page: what people call it, and its page."""

    name: str
    page: TrendPage

    @property
    def trend(self) -> Trend:
        """Its judgement."""
        return self.page.trend

    @property
    def newest(self) -> HistoryPoint:
        """Its newest run."""
        return self.page.newest


@dataclass(frozen=True, slots=True)
class Tile:
    """One of the four: its status, the figure that stands for it, and what there is to say."""

    title: str
    status: Status
    figure: str
    text: str


@dataclass(frozen=True, slots=True)
class Dashboard:
    """The front page.

    Attributes:
        decision: Fail when any history fails; inconclusive when none can be judged yet.
        headline: The judgement in a sentence.
        next_step: What the reader does now.
        entries: All histories, the worst first.
        tiles: Performance, health, services, users.
    """

    decision: Decision
    headline: str
    next_step: str
    entries: tuple[Entry, ...]
    tiles: tuple[Tile, ...]


def dashboard(pages: Sequence[TrendPage]) -> Dashboard:
    """The front page of histories; at least one."""
    entries = sorted(_named(pages), key=lambda each: (_RANK[each.trend.decision], each.name))
    decisions = {each.trend.decision for each in entries}
    decision = min(decisions - {Decision.INCONCLUSIVE}, key=_RANK.__getitem__, default=Decision.INCONCLUSIVE)
    return Dashboard(
        decision=decision,
        headline=_headline(decision, entries),
        next_step=_next_step(entries[0], len(entries)),
        entries=tuple(entries),
        tiles=(_performance(entries), _health(entries), _services(entries), _users(entries)),
    )


def success_of(run: HistoryPoint) -> float:
    """Share of a run's requests that succeeded."""
    return run.ok / (run.ok + run.failed)


def wait_of(run: HistoryPoint, key: str = "e2e_ms") -> Wait:
    """How long users waited in a run, as far as that was kept."""
    return run.vitals.waits.get(key, Wait()) if run.vitals else Wait()


def uses_of(run: HistoryPoint) -> dict[str, Use]:
    """What the services of a run used; not the load generators', nor the machine's."""
    uses = run.vitals.uses if run.vitals else {}
    return {name: each for name, each in uses.items() if name != HOST and not is_generator(name)}


def _named(pages: Sequence[TrendPage]) -> Iterable[Entry]:
    """By the scenario alone, unless several stacks or environments have it."""
    scenarios = Counter(each.trend.scenario for each in pages)
    stacks = Counter((each.trend.scenario, each.trend.stack) for each in pages)
    for page in pages:
        found = page.trend
        name = found.scenario
        if scenarios[found.scenario] > 1:
            name += f" on {found.stack}"
        if stacks[found.scenario, found.stack] > 1:
            name += f", {found.environment}"
        yield Entry(name, page)


def _headline(decision: Decision, entries: Sequence[Entry]) -> str:
    failed = [each.name for each in entries if each.trend.decision is Decision.FAIL]
    inconclusive = sum(each.trend.decision is Decision.INCONCLUSIVE for each in entries)
    judged = wording.counted(len(entries) - inconclusive, "scenario")
    if failed:
        verb = "is" if len(failed) == 1 else "are"
        return f"{len(failed)} of {judged} {verb} worse than before: {_listing(failed)}."
    if decision is Decision.INCONCLUSIVE:
        return f"Cannot tell yet: {FEWEST_RUNS} runs that compare are needed, and no scenario has them."
    more = f" Of {inconclusive} more there are too few runs to tell." if inconclusive else ""
    return f"No change for the worse stands in {judged}.{more}"


def _next_step(worst: Entry, count: int) -> str:
    step = next_step(worst.trend)
    return f"{worst.name}: {step}" if worst.trend.decision is Decision.FAIL and count > 1 else step


def _performance(entries: Sequence[Entry]) -> Tile:
    newest = max(entries, key=lambda each: (each.newest.started_at, each.name))
    vitals, wait = newest.newest.vitals, wait_of(newest.newest)
    rate = vitals.requests_rps if vitals else None
    said = [f"{vitals.tokens_tps:,.3g} tokens/s"] if vitals and vitals.tokens_tps else []
    response = newest.newest.figures.get("e2e_ms")
    said += [f"response time {wording.duration(response)}"] if response is not None else []
    said += [f"p95 {wording.duration(wait.p95)}"] if wait.p95 is not None else []
    slower = [each.name for each in entries if each.trend.worse - {SUCCESS}]
    status = Status.LOOK if slower else Status.GOOD
    if all(each.trend.decision is Decision.INCONCLUSIVE for each in entries):
        status = Status.UNKNOWN
    more = f" Slower than before: {_listing(slower)}." if slower else ""
    when = f"Newest run, {newest.name}, {newest.newest.started_at:%Y-%m-%d %H:%M} UTC"
    return Tile(
        "Real-time performance",
        status,
        wording.DASH if rate is None else f"{rate:,.3g} answers/s",
        f"{when}{': ' if said else ''}{', '.join(said)}.{more}",
    )


def _health(entries: Sequence[Entry]) -> Tile:
    watched = [each for each in entries if each.newest.vitals and each.newest.vitals.alerts is not None]
    alerts = [
        f"{each.name}: {alert}"
        for each in watched
        for alert in (each.newest.vitals.alerts if each.newest.vitals else None) or ()
    ]
    uses = [(each.name, name, use) for each in entries for name, use in uses_of(each.newest).items()]
    said = []
    if uses:
        where, name, use = max(uses, key=lambda each: each[2].cpu_pct)
        said.append(f"Most CPU: {name} with {use.cpu_pct:.0f} % of a core in {where}.")
        where, name, use = max(uses, key=lambda each: each[2].memory_bytes)
        said.append(f"Most memory: {name} with {wording.memory(use.memory_bytes)} in {where}.")
    status = Status.LOOK if alerts else Status.GOOD if watched else Status.UNKNOWN
    figure = {Status.LOOK: wording.counted(len(alerts), "alert"), Status.GOOD: "No alert"}.get(
        status, "Not watched"
    )
    shown = [f"{each}." for each in alerts[:_NAMED]]
    return Tile("System health", status, figure, " ".join([*shown, *said]) or "The runs kept no resources.")


def _services(entries: Sequence[Entry]) -> Tile:
    asked = [
        (each.name, check, share)
        for each in entries
        for check, share in (each.newest.vitals.up if each.newest.vitals else {}).items()
    ]
    down = sorted((each for each in asked if each[2] < 1.0), key=lambda each: each[2])
    if not asked:
        return Tile("Service status", Status.UNKNOWN, "Not asked", "The newest runs asked no health check.")
    figure = f"{len(asked) - len(down)} of {len(asked)} up"
    said = [f"{check} was up {wording.percent(share)} of {where}." for where, check, share in down[:_NAMED]]
    text = " ".join(said) or "Every health check of the newest runs was up all the time."
    return Tile("Service status", Status.LOOK if down else Status.GOOD, figure, text)


def _users(entries: Sequence[Entry]) -> Tile:
    ok, failed = (sum(getattr(each.newest, name) for each in entries) for name in ("ok", "failed"))
    waits = [(wait.p95, each.name) for each in entries if (wait := wait_of(each.newest)).p95 is not None]
    said = [f"of {ok + failed:,} requests in the newest runs succeeded; {failed:,} failed."]
    if waits:
        p95, where = max(waits)
        said.append(f"Longest wait: p95 {wording.duration(p95)} in {where}.")
    unhappy = [each.name for each in entries if _unhappy(each)]
    if unhappy:
        said.append(f"Too many failures or a limit crossed: {_listing(unhappy)}.")
    status = Status.LOOK if unhappy else Status.GOOD
    return Tile("User experience", status, wording.percent(ok / (ok + failed)), " ".join(said))


def _unhappy(entry: Entry) -> bool:
    run = entry.newest
    crossed = run.vitals is not None and bool(run.vitals.crossed)
    return crossed or SUCCESS in entry.trend.worse or success_of(run) < LEAST_SUCCESS


def _listing(names: Sequence[str]) -> str:
    shown = list(names[:_NAMED])
    rest = len(names) - len(shown)
    return wording.listing([*shown, f"{rest} more"] if rest else shown)
