"""The tables of the front page: the newest run of every history, by what somebody wants to see of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench.core.history.history import HistoryPoint
from bench.core.report.dashboard import Dashboard, Entry, Tile, success_of, uses_of, wait_of
from bench.core.samples.sample import Outcome
from bench.core.values import wording
from bench.render.document.table import Table
from bench.render.document.trend import verdict_of

_FINE = frozenset({"up", "answered"})
Named = Callable[[Entry], str]


@dataclass(frozen=True, slots=True)
class FrontTable:
    """A tile of the front page, and the table that it sums up."""

    name: str
    tile: Tile
    table: Table


def front_tables(board: Dashboard, named: Named) -> tuple[FrontTable, ...]:
    """The four tables.

    Args:
        board: The front page.
        named: How a history is called in a cell.
    """
    makers = {"performance": _performance, "health": _health, "services": _services, "users": _users}
    return tuple(
        FrontTable(name, tile, make(board.entries, named))
        for (name, make), tile in zip(makers.items(), board.tiles, strict=True)
    )


def _performance(entries: Iterable[Entry], named: Named) -> Table:
    columns = ("scenario", "answers", "tokens", "response time", "p95", "first token", "verdict")
    return Table("Performance of the newest runs", columns, tuple(_speed(each, named) for each in entries))


def _speed(entry: Entry, named: Named) -> tuple[str, ...]:
    run = entry.newest
    return (
        named(entry),
        _rate(run.vitals.requests_rps if run.vitals else None),
        _rate(run.vitals.tokens_tps if run.vitals else None),
        wording.duration(run.figures.get("e2e_ms")),
        wording.duration(wait_of(run).p95),
        wording.duration(run.figures.get("ttft_ms")),
        verdict_of(entry.trend),
    )


def _health(entries: Iterable[Entry], named: Named) -> Table:
    columns = ("scenario", "most CPU", "most memory", "limits crossed", "alerts")
    return Table("Health in the newest runs", columns, tuple(_used(each, named) for each in entries))


def _used(entry: Entry, named: Named) -> tuple[str, ...]:
    run, uses = entry.newest, uses_of(entry.newest).items()
    cpu = max(uses, key=lambda each: each[1].cpu_pct, default=None)
    memory = max(uses, key=lambda each: each[1].memory_bytes, default=None)
    return (
        named(entry),
        wording.DASH if cpu is None else f"{cpu[1].cpu_pct:.0f} % {cpu[0]}",
        wording.DASH if memory is None else f"{wording.memory(memory[1].memory_bytes)} {memory[0]}",
        wording.DASH if run.vitals is None else ", ".join(run.vitals.crossed) or "none",
        _alerts(run),
    )


def _alerts(run: HistoryPoint) -> str:
    if run.vitals is None or run.vitals.alerts is None:
        return wording.DASH
    return "; ".join(run.vitals.alerts) or "none"


def _services(entries: Iterable[Entry], named: Named) -> Table:
    rows = [row for each in entries for row in _status(each, named)]
    columns = ("scenario", "check", "up", "newest run", "status")
    return Table(
        "Services in the newest runs", columns, tuple(sorted(rows, key=lambda row: row[-1] in _FINE))
    )


def _status(entry: Entry, named: Named) -> Iterable[tuple[str, ...]]:
    run = entry.newest
    when = f"{run.started_at:%Y-%m-%d %H:%M}"
    checks = run.vitals.up if run.vitals else {}
    for check, share in checks.items():
        yield named(entry), check, wording.percent(share), when, "up" if share == 1.0 else "was down"
    if not checks:
        yield named(entry), wording.DASH, wording.DASH, when, "answered" if run.ok else "never answered"


def _users(entries: Iterable[Entry], named: Named) -> Table:
    columns = ("scenario", "success", "failed", "p50", "p95", "p99", "goodput", "errors")
    return Table("What users had in the newest runs", columns, tuple(_felt(each, named) for each in entries))


def _felt(entry: Entry, named: Named) -> tuple[str, ...]:
    run, wait = entry.newest, wait_of(entry.newest)
    goodput = run.vitals.goodput_ratio if run.vitals else None
    outcomes = run.vitals.outcomes if run.vitals else {}
    errors = [
        f"{count} {outcome.value}"
        for outcome, count in outcomes.items()
        if outcome is not Outcome.OK and count
    ]
    return (
        named(entry),
        wording.percent(success_of(run)),
        f"{run.failed:,}",
        wording.duration(wait.p50),
        wording.duration(wait.p95),
        wording.duration(wait.p99),
        wording.percent(goodput),
        ", ".join(errors) or ("none" if not run.failed else "of unknown kinds"),
    )


def _rate(per_second: float | None) -> str:
    return wording.DASH if per_second is None else f"{per_second:,.3g}/s"
