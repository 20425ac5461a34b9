"""The observations of a monitor, for a terminal that is redrawn, for a log and as JSON."""

import json
from collections.abc import Mapping, Sequence
from typing import assert_never

from rich.text import Text

from bench.core.samples.sample import GaugeSample, Probe, ResourceSample
from bench.core.values import wording
from bench.core.values.escape import escape_terminal
from bench.core.watch.alerts import Alert, describe, describe_limit
from bench.core.watch.monitoring import CheckState, Observation, ResourceUse, Snapshot
from bench.render.document.table import Table, without_empty
from bench.render.document.watched import MACHINE, list_outages, source_name

_UP = "up"
_DOWN = "down"


def view(snapshot: Snapshot, notes: Mapping[str, str]) -> Text:
    """Return a snapshot for a terminal that is redrawn.

    Args:
        snapshot: The newest values and the alerts.
        notes: Why a source was not read or a check not run, by its name.
    """
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{_title(snapshot)}\n", "bold")
    for table in tables(snapshot):
        text.append(f"\n{table.title}\n", "bold")
        text.append(_align(table))
    text.append("\n")
    for alert in snapshot.alerts:
        text.append(f"alert: {escape_terminal(describe(alert))}\n", "red")
    for name, reason in notes.items():
        text.append(f"not checked: {escape_terminal(name)}: {escape_terminal(reason)}\n", "dim")
    text.rstrip()
    return text


def _align(table: Table) -> str:
    """Return a table as lines. Rich's own tables would use more CPU than the monitor itself."""
    rows = [table.columns]
    for row in table.rows:
        rows.append(tuple(map(escape_terminal, row)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    text = ""
    for row in rows:
        text += f"{_align_row(row, widths)}\n"
    return text


def _align_row(row: Sequence[str], widths: Sequence[int]) -> str:
    """Align the first and the last cell to the left, the others to the right."""
    last = len(row) - 1
    cells = []
    for index, (text, width) in enumerate(zip(row, widths, strict=True)):
        cells.append(text.ljust(width) if index in {0, last} else text.rjust(width))
    return "  ".join(cells).rstrip()


def line(snapshot: Snapshot) -> str:
    """Return a snapshot on one line; empty before the first observation."""
    if not (snapshot.uses or snapshot.checks or snapshot.gauges):
        return ""
    parts = [f"{snapshot.elapsed_s:.0f} s"]
    for use in snapshot.uses:
        parts.append(f"{source_name(use.sample.source)} {use.sample.cpu_pct:.0f} % {_memory(use)}")
    if snapshot.checks:
        parts.append(_state_of_checks(snapshot.checks))
    for gauge in snapshot.gauges:
        parts.append(f"{gauge.sample.service} {gauge.sample.name} {gauge.sample.value:g}")
    for alert in snapshot.alerts:
        parts.append(f"alert: {describe(alert)}")
    return "   ".join(map(escape_terminal, parts))


def _state_of_checks(checks: Sequence[CheckState]) -> str:
    down = [check.probe.check for check in checks if not check.probe.up]
    text = f"{len(checks) - len(down)} of {len(checks)} up"
    return f"{text}, down: {', '.join(down)}" if down else text


def json_line(observation: Observation | Alert) -> str:
    """Return an observation or an alert as JSON on one line, without absent fields."""
    match observation:
        case ResourceSample():
            kind = "resource"
        case Probe():
            kind = "probe"
        case GaugeSample():
            kind = "gauge"
        case Alert():
            kind = "alert"
        case _:
            assert_never(observation)
    fields = observation.model_dump(mode="json", exclude_none=True)
    return json.dumps({"kind": kind, **fields}, ensure_ascii=False)


def health_lines(probes: Sequence[Probe], left_out: Mapping[str, str]) -> str:
    """Return one line for each health check: its name, state, response time and error.

    Args:
        probes: The results.
        left_out: Why a check was not run, by its name.
    """
    rows = []
    for probe in probes:
        state = _UP if probe.up else _DOWN
        rows.append((probe.check, state, wording.duration(probe.took_ms), probe.detail or ""))
    for check, reason in left_out.items():
        rows.append((check, wording.DASH, wording.DASH, f"not checked: {reason}"))
    width = max((len(row[0]) for row in rows), default=0)
    text = ""
    for check, state, took, detail in rows:
        text += f"{check:{width}}  {state:4}  {took:>8}  {escape_terminal(detail)}".rstrip() + "\n"
    return text


def summary(snapshot: Snapshot) -> str:
    """Return the results of a monitor since its start, as lines of text."""
    lines = [f"watched for {snapshot.elapsed_s:.0f} s"]
    for check in snapshot.checks:
        lines.append(_check_summary(check))
    alerts = [*snapshot.past_alerts, *snapshot.alerts]
    for alert in alerts:
        lines.append(f"alert at {alert.at_s:.0f} s: {describe(alert)} ({describe_limit(alert)})")
    if not alerts:
        lines.append("no alert")
    return "\n".join(map(escape_terminal, lines)) + "\n"


def _check_summary(check: CheckState) -> str:
    availability = check.so_far
    text = f"{check.probe.check}: up {wording.percent(availability.up_ratio)} of the time"
    if availability.took_ms_p50 is not None:
        text += f", {wording.duration(availability.took_ms_p50)}"
    if availability.outages:
        text += f", down {list_outages(availability.outages)}"
    return text


def tables(snapshot: Snapshot) -> tuple[Table, ...]:
    """Return the tables of a snapshot that have rows."""
    uses = Table(
        "Resources (CPU in per cent of one core; the machine: of all cores)",
        ("service", "CPU", "memory", "of limit", "received", "sent", "read", "written"),
        tuple(map(_use_row, snapshot.uses)),
    )
    checks = Table(
        "Health",
        ("check", "took", "p50", "time up", "probes", "now"),
        tuple(map(_check_row, snapshot.checks)),
    )
    gauge_rows = []
    for gauge in snapshot.gauges:
        sample = gauge.sample
        gauge_rows.append((sample.service, f"{sample.value:g}", f"{gauge.highest:g}", sample.name))
    gauges = Table("Gauges", ("service", "now", "highest", "gauge"), tuple(gauge_rows))
    past_rows = []
    for alert in snapshot.past_alerts:
        past_rows.append((alert.rule.value, f"{alert.at_s:.0f} s", describe(alert)))
    past = Table("Past alerts", ("limit", "at", "description"), tuple(past_rows))
    return without_empty((uses, checks, gauges, past))


def _title(snapshot: Snapshot) -> str:
    planned = "" if snapshot.planned_s is None else f" of {snapshot.planned_s:.0f} s"
    name = escape_terminal(snapshot.stack or MACHINE)
    return f"{name}   {snapshot.elapsed_s:.0f} s{planned}   Press Ctrl-C to stop"


def _use_row(use: ResourceUse) -> tuple[str, ...]:
    return (
        source_name(use.sample.source),
        f"{use.sample.cpu_pct:.0f} %",
        _memory(use),
        wording.percent(use.memory_ratio),
        _rate(use.received_bytes_per_s),
        _rate(use.sent_bytes_per_s),
        _rate(use.read_bytes_per_s),
        _rate(use.written_bytes_per_s),
    )


def _rate(bytes_per_s: float | None) -> str:
    return wording.DASH if bytes_per_s is None else f"{wording.size(bytes_per_s)}/s"


def _check_row(check: CheckState) -> tuple[str, ...]:
    now = _UP if check.probe.up else f"{_DOWN}: {check.probe.detail or 'no reason given'}"
    return (
        check.probe.check,
        wording.duration(check.probe.took_ms),
        wording.duration(check.so_far.took_ms_p50),
        wording.percent(check.so_far.up_ratio),
        str(check.so_far.probes),
        now,
    )


def _memory(use: ResourceUse) -> str:
    return wording.memory(use.sample.memory_bytes)
