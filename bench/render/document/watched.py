"""Tables of resources, availability and alerts."""

from collections.abc import Mapping, Sequence

from bench.core.samples.sample import HOST, is_generator
from bench.core.values import wording
from bench.core.watch.alerts import Alert, describe, describe_limit
from bench.core.watch.availability import Availability, Outage
from bench.core.watch.resources import ResourceSummary
from bench.core.watch.scaling import ScalingDecision
from bench.render.document.table import Table

_SHOWN_OUTAGES = 3
MACHINE = "machine"
"""Name of the machine among processes."""


def resource_tables(summaries: Mapping[str, ResourceSummary]) -> tuple[Table, Table]:
    """Return CPU and memory, and the traffic, of each process, without columns that have no values."""
    machine = "; the machine: of all cores" if HOST in summaries else ""
    used = []
    moved = []
    for source, summary in summaries.items():
        used.append((source_name(source), *_use_cells(summary)))
        moved.append((source_name(source), *_traffic_cells(summary)))
    use_table = Table(
        f"Resources (CPU in per cent of one core{machine})",
        ("process", "CPU mean", "CPU p95", "throttled", "memory", "of limit", "restarts", "OOM kills"),
        tuple(used),
    )
    traffic_table = Table(
        "Network and disks", ("process", "received", "sent", "read", "written"), tuple(moved)
    )
    return _without_dashes(use_table), _without_dashes(traffic_table)


def source_name(source: str) -> str:
    """Return the name of a service, a load generator or the machine."""
    if source == HOST:
        return MACHINE
    return f"load {source}" if is_generator(source) else source


def _use_cells(summary: ResourceSummary) -> tuple[str, ...]:
    return (
        f"{summary.cpu_pct_mean:.0f} %",
        f"{summary.cpu_pct_p95:.0f} %",
        wording.duration(summary.throttled_ms),
        wording.memory(summary.memory_bytes_max),
        wording.percent(summary.memory_ratio_max),
        _count(summary.restarts),
        _count(summary.oom_kills),
    )


def _count(number: int | None) -> str:
    return wording.DASH if number is None else str(number)


def _traffic_cells(summary: ResourceSummary) -> tuple[str, ...]:
    sizes = (summary.received_bytes, summary.sent_bytes, summary.read_bytes, summary.written_bytes)
    return tuple(wording.DASH if size is None else wording.size(size) for size in sizes)


def _without_dashes(table: Table) -> Table:
    """Return the table without rows and columns that contain only dashes."""
    rows = [row for row in table.rows if set(row[1:]) != {wording.DASH}]
    heads = []
    columns = []
    for head, *column in zip(table.columns, *rows, strict=True):
        if set(column) != {wording.DASH}:
            heads.append(head)
            columns.append(column)
    return Table(table.title, tuple(heads), tuple(zip(*columns, strict=True)))


def availability_table(checks: Mapping[str, Availability]) -> Table:
    """Return the results of each health check."""
    rows = []
    for check, availability in checks.items():
        rows.append(
            (
                check,
                str(availability.probes),
                wording.percent(availability.up_ratio),
                wording.duration(availability.took_ms_p50),
                wording.duration(availability.took_ms_max),
                list_outages(availability.outages) or "none",
            )
        )
    columns = ("check", "probes", "time up", "p50", "max", "outages")
    return Table("Availability", columns, tuple(rows))


def list_outages(outages: Sequence[Outage]) -> str:
    """Return the first three outages, as `12.0 to 16.1 s (connection refused)`; empty without any."""
    shown = list(map(_outage, outages[:_SHOWN_OUTAGES]))
    more = len(outages) - len(shown)
    if more:
        shown.append(f"{more} more")
    return wording.listing(shown)


def _outage(outage: Outage) -> str:
    if outage.to_s is None:
        period = f"{outage.from_s:.1f} s to the end"
    else:
        period = f"{outage.from_s:.1f} to {outage.to_s:.1f} s"
    return f"{period} ({outage.detail})" if outage.detail else period


def alert_table(alerts: Sequence[Alert]) -> Table:
    """Return the alerts."""
    rows = []
    for alert in alerts:
        rows.append((alert.rule.value, describe_limit(alert), f"{alert.at_s:.0f} s", describe(alert)))
    return Table("Alerts (they fail no run)", ("alert", "limit", "at", "description"), tuple(rows))


def scaling_table(decisions: Sequence[ScalingDecision]) -> Table:
    """Return the changes of the number of instances."""
    rows = []
    for decision in decisions:
        took = decision.problem if decision.took_s is None else f"{decision.took_s:.1f} s"
        change = f"{decision.before} → {decision.after}"
        gauge = f"{decision.gauge} {decision.value:g}"
        rows.append((f"{decision.at_s:.0f} s", decision.service, gauge, change, took or wording.DASH))
    return Table("Scaling", ("at", "service", "gauge", "instances", "took"), tuple(rows))
