"""What was watched beside the load, as tables: resources, availability and alerts."""

from collections.abc import Mapping, Sequence

from bench.core.samples.sample import HOST, is_generator
from bench.core.values import wording
from bench.core.watch.alerts import Alert, describe, describe_limit
from bench.core.watch.availability import Availability, Outage
from bench.core.watch.resources import ResourceSummary
from bench.render.document.table import Table

_SHOWN_OUTAGES = 3
MACHINE = "machine"


def resources(summaries: Mapping[str, ResourceSummary]) -> tuple[Table, Table]:
    """What each source used, and what it moved; a column that nobody has anything in is left out."""
    machine = ", the machine's of all" if HOST in summaries else ""
    used = Table(
        f"Resources (CPU in per cent of one core{machine})",
        ("process", "CPU mean", "CPU p95", "throttled", "memory", "of limit", "restarts", "OOM kills"),
        tuple((source_name(source), *_used(each)) for source, each in summaries.items()),
    )
    moved = Table(
        "Network and disks",
        ("process", "received", "sent", "read", "written"),
        tuple((source_name(source), *_moved(each)) for source, each in summaries.items()),
    )
    return _narrowed(used), _narrowed(moved)


def source_name(source: str) -> str:
    """What people call a service, a load generator or the machine."""
    if source == HOST:
        return MACHINE
    return f"load {source}" if is_generator(source) else source


def _used(each: ResourceSummary) -> tuple[str, ...]:
    counts = (each.restarts, each.oom_kills)
    return (
        f"{each.cpu_pct_mean:.0f} %",
        f"{each.cpu_pct_p95:.0f} %",
        wording.duration(each.throttled_ms),
        wording.memory(each.memory_bytes_max),
        wording.percent(each.memory_ratio_max),
        *(wording.DASH if count is None else str(count) for count in counts),
    )


def _moved(each: ResourceSummary) -> tuple[str, ...]:
    sizes = (each.received_bytes, each.sent_bytes, each.read_bytes, each.written_bytes)
    return tuple(wording.DASH if size is None else wording.size(size) for size in sizes)


def _narrowed(table: Table) -> Table:
    """A table without the rows and columns that hold nothing."""
    rows = [row for row in table.rows if any(text != wording.DASH for text in row[1:])]
    kept = [index for index in range(len(table.columns)) if any(row[index] != wording.DASH for row in rows)]
    return Table(
        table.title,
        tuple(table.columns[index] for index in kept),
        tuple(tuple(row[index] for index in kept) for row in rows),
    )


def availabilities(found: Mapping[str, Availability]) -> Table:
    """What each health check found."""
    rows = tuple(
        (
            check,
            str(each.asked),
            wording.percent(each.up_ratio),
            wording.duration(each.took_ms_p50),
            wording.duration(each.took_ms_max),
            outages_in_words(each.outages) or "none",
        )
        for check, each in found.items()
    )
    return Table("Availability", ("check", "asked", "up", "usually", "at most", "outages"), rows)


def outages_in_words(outages: Sequence[Outage]) -> str:
    """When something was down: `12.0 to 16.1 s (connection refused)`; empty when it never was."""
    shown = [_outage(each) for each in outages[:_SHOWN_OUTAGES]]
    more = len(outages) - len(shown)
    return wording.listing([*shown, *([f"{more} more"] if more else [])])


def _outage(outage: Outage) -> str:
    end = "to the end" if outage.to_s is None else f"to {outage.to_s:.1f} s"
    begin = f"{outage.from_s:.1f}" if outage.to_s is not None else f"{outage.from_s:.1f} s"
    return f"{begin} {end}" + (f" ({outage.detail})" if outage.detail else "")


def alerts(found: Sequence[Alert]) -> Table:
    """What somebody should look at."""
    rows = tuple(
        (alert.rule.value, describe_limit(alert), f"{alert.at_s:.0f} s", describe(alert)) for alert in found
    )
    return Table("Alerts (they fail no run)", ("alert", "limit", "at", "what"), rows)
