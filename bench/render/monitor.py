"""What a monitor shows, for a terminal that redraws and for lines one after the other."""

import json
from collections.abc import Mapping, Sequence
from typing import assert_never

from rich.text import Text

from bench.core.samples.sample import GaugeSample, Probe, ResourceSample
from bench.core.values import wording
from bench.core.values.escape import escape_terminal
from bench.core.watch.alerts import Alert, describe, describe_limit
from bench.core.watch.monitoring import CheckState, Observation, ResourceUse, Snapshot
from bench.render.document.table import Table
from bench.render.document.watched import MACHINE, outages_in_words, source_name

_UP, _DOWN = "up", "down"


def view(moment: Snapshot, notes: Mapping[str, str]) -> Text:
    """A moment for a terminal that redraws.

    Args:
        moment: What is known.
        notes: What could not be read or asked, by its name.
    """
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{_head(moment)}\n", "bold")
    for table in tables(moment):
        text.append(f"\n{table.title}\n", "bold")
        text.append(_aligned(table))
    text.append("\n")
    for alert in moment.alerts:
        text.append(f"alert: {escape_terminal(describe(alert))}\n", "red")
    for name, why in notes.items():
        text.append(f"not asked: {escape_terminal(name)}: {escape_terminal(why)}\n", "dim")
    text.rstrip()
    return text


def _aligned(table: Table) -> str:
    """A table as lines: drawn every two seconds, rich's own would take more than all that is watched."""
    rows = [table.columns, *(tuple(map(escape_terminal, row)) for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    last = len(widths) - 1
    lines = (
        "  ".join(
            text.ljust(width) if index in {0, last} else text.rjust(width)
            for index, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
    return "".join(f"{each}\n" for each in lines)


def line(moment: Snapshot) -> str:
    """A moment on one line; empty before anything was seen."""
    if not (moment.uses or moment.checks or moment.gauges):
        return ""
    parts = [f"{moment.elapsed_s:.0f} s"]
    parts += [
        f"{source_name(use.sample.source)} {use.sample.cpu_pct:.0f} % {_memory(use)}" for use in moment.uses
    ]
    if moment.checks:
        up = sum(each.probe.up for each in moment.checks)
        down = [each.probe.check for each in moment.checks if not each.probe.up]
        parts.append(f"{up} of {len(moment.checks)} up" + (f", down: {', '.join(down)}" if down else ""))
    parts += [f"{each.sample.service} {each.sample.name} {each.sample.value:g}" for each in moment.gauges]
    parts += [f"alert: {describe(alert)}" for alert in moment.alerts]
    return "   ".join(map(escape_terminal, parts))


def json_line(seen: Observation | Alert) -> str:
    """What was seen, as JSON on one line; what it does not have is left out."""
    match seen:
        case ResourceSample():
            kind = "resource"
        case Probe():
            kind = "probe"
        case GaugeSample():
            kind = "gauge"
        case Alert():
            kind = "alert"
        case _:
            assert_never(seen)
    return json.dumps({"kind": kind, **seen.model_dump(mode="json", exclude_none=True)}, ensure_ascii=False)


def health_lines(probes: Sequence[Probe], left_out: Mapping[str, str]) -> str:
    """What was found of each check: a line with its name, state, time and what is wrong."""
    width = max(map(len, [*(probe.check for probe in probes), *left_out, ""]))
    rows = [
        (probe.check, _UP if probe.up else _DOWN, wording.duration(probe.took_ms), probe.detail or "")
        for probe in probes
    ]
    rows += [(name, wording.DASH, wording.DASH, f"not asked: {text}") for name, text in left_out.items()]
    lines = [
        f"{name:{width}}  {state:4}  {took:>8}  {escape_terminal(text)}".rstrip()
        for name, state, took, text in rows
    ]
    return "".join(f"{each}\n" for each in lines)


def summary(moment: Snapshot) -> str:
    """What it came to, as lines of text."""
    lines = [f"watched for {moment.elapsed_s:.0f} s"]
    for each in moment.checks:
        found = each.so_far
        outages = f", down {outages_in_words(found.outages)}" if found.outages else ""
        took = f", {wording.duration(found.took_ms_p50)}" if found.took_ms_p50 is not None else ""
        lines.append(f"{each.probe.check}: up {wording.percent(found.up_ratio)}{took}{outages}")
    alerts = [*moment.past_alerts, *moment.alerts]
    lines += [f"alert at {alert.at_s:.0f} s: {describe(alert)} ({describe_limit(alert)})" for alert in alerts]
    if not alerts:
        lines.append("no alert")
    return "".join(f"{escape_terminal(each)}\n" for each in lines)


def tables(moment: Snapshot) -> tuple[Table, ...]:
    """A moment as tables; those without rows are left out."""
    uses = Table(
        "Resources (CPU in per cent of one core, the machine's of all)",
        ("service", "CPU", "memory", "of limit", "received", "sent", "read", "written"),
        tuple(_used(use) for use in moment.uses),
    )
    checks = Table(
        "Health",
        ("check", "took", "usually", "up", "asked", "now"),
        tuple(_checked(each) for each in moment.checks),
    )
    gauges = Table(
        "Gauges",
        ("service", "now", "most", "gauge"),
        tuple(
            (each.sample.service, f"{each.sample.value:g}", f"{each.highest:g}", each.sample.name)
            for each in moment.gauges
        ),
    )
    past = Table("Alerts that are over", ("limit", "at", "what"), tuple(map(_past, moment.past_alerts)))
    return tuple(table for table in (uses, checks, gauges, past) if table.rows)


def _head(moment: Snapshot) -> str:
    planned = "" if moment.planned_s is None else f" of {moment.planned_s:.0f} s"
    return f"{escape_terminal(moment.stack or MACHINE)}   {moment.elapsed_s:.0f} s{planned}   Ctrl-C ends it"


def _used(use: ResourceUse) -> tuple[str, ...]:
    rates = (
        use.received_bytes_per_s, use.sent_bytes_per_s, use.read_bytes_per_s, use.written_bytes_per_s,
    )  # fmt: skip
    return (
        source_name(use.sample.source),
        f"{use.sample.cpu_pct:.0f} %",
        _memory(use),
        wording.percent(use.memory_ratio),
        *(wording.DASH if rate is None else f"{wording.size(rate)}/s" for rate in rates),
    )


def _checked(each: CheckState) -> tuple[str, ...]:
    now = _UP if each.probe.up else f"{_DOWN}: {each.probe.detail or 'no reason given'}"
    return (
        each.probe.check,
        wording.duration(each.probe.took_ms),
        wording.duration(each.so_far.took_ms_p50),
        wording.percent(each.so_far.up_ratio),
        str(each.so_far.asked),
        now,
    )


def _past(alert: Alert) -> tuple[str, str, str]:
    return alert.rule.value, f"{alert.at_s:.0f} s", describe(alert)


def _memory(use: ResourceUse) -> str:
    return wording.memory(use.sample.memory_bytes)
