"""Runs side by side as rows of text, for every format."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import repeat
from operator import attrgetter

from bench.core.report.compared_metrics import ComparedMetric, ComparedValue
from bench.core.report.listed_run import ListedRun
from bench.core.report.run_conditions import MAIN
from bench.core.report.side_by_side import SideBySide
from bench.core.report.side_headline import find_cost, find_metric
from bench.core.samples.cost_metrics import SAFE_LOAD, SAFE_RATE, THROUGHPUT
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values import wording
from bench.render.document.table import Table

PAIR = 2
"""With this number of runs, a table has a column of differences; with more, each run has its own."""
_MARK = "?: too few requests for a reliable value"
_BOUND = ">: the real value is longer"
_SUMMARY = (SAFE_LOAD, SAFE_RATE, RESPONSE_TIME, f"{RESPONSE_TIME} p95", THROUGHPUT)
"""Metrics that stand next to the name of a run, with the first cost."""


@dataclass(frozen=True, slots=True)
class SideBySideDocument:
    """The contents of a report on several runs, for every format."""

    headline: str
    """Which run is fastest, has most throughput, and costs least."""
    marks: str
    """Meaning of the marks at values; empty without any."""
    next_step: str
    """What single runs do not prove, and the command that does."""
    warnings: tuple[str, ...]
    """What is not comparable, and which runs have problems."""
    runs: Table
    """The letter, name, version, time and requests of each run."""
    metrics: Table
    """The values of all runs and their differences from the first run, the largest first."""
    differing: Table
    """The conditions that differ, by name."""
    shared: tuple[tuple[str, str], ...]
    """Names and values of the conditions that all runs have in common, the main ones first."""


def make_side_by_side_document(side: SideBySide) -> SideBySideDocument:
    """Return the document of several runs."""
    return SideBySideDocument(
        headline=side.headline,
        marks=_explain_marks(side),
        next_step=side.next_step,
        warnings=side.warnings,
        runs=_list_runs(side),
        metrics=metric_table(side),
        differing=_list_differing(side),
        shared=_list_shared(side),
    )


def list_summary_metrics(side: SideBySide) -> list[ComparedMetric]:
    """Return the metrics that stand next to the name of a run: response time, throughput, cost, safe load."""
    rows = [*map(find_metric, repeat(side.metrics), _SUMMARY)]
    rows.append(find_cost(side.metrics, range(len(side.runs))))
    return [row for row in rows if row is not None]


_LISTED = {"stack": "stack", "commit": "version", "load": "load"}
"""Columns of the table of runs, and the field of a run; a stack or a load that all runs have stands below."""


def _list_runs(side: SideBySide) -> Table:
    summary = list_summary_metrics(side)
    listed = list_listed_fields(side)
    rows = []
    for number, run in enumerate(side.runs):
        fields = [getattr(run, _LISTED[name]) for name in listed]
        values = [write_value(row, row.values[number]) for row in summary]
        rows.append((f"{run.letter}: {run.run_id}", *fields, *write_origin(run), *values))
    columns = ("run", *listed, "started (UTC)", "answered", *map(attrgetter("label"), summary))
    return Table("Runs", columns, tuple(rows), ends_in_number=True)


def list_listed_fields(side: SideBySide) -> list[str]:
    """Return the names of the columns with a text: the commit, and the stack and the load if they differ."""
    names = []
    for name, field in _LISTED.items():
        if name == "commit" or len({*map(attrgetter(field), side.runs)}) > 1:
            names.append(name)
    return names


def write_origin(run: ListedRun) -> tuple[str, str]:
    """Write the start of a run, and how many of its requests succeeded."""
    return f"{run.started_at:%Y-%m-%d %H:%M}", f"{run.ok:,} of {run.requests:,}"


def metric_table(side: SideBySide) -> Table:
    """Return the values of all runs, with the differences from the first run."""
    letters = list_letters(side)
    is_pair = len(letters) == PAIR
    rows = []
    for row in side.metrics:
        if is_pair:
            cells = [*map(write_value, repeat(row), row.values), write_difference(row, row.values[1])]
        else:
            cells = [*map(write_both, repeat(row), row.values)]
        rows.append((row.label, *cells))
    columns = ("metric", *letters, "difference") if is_pair else ("metric", *letters)
    return Table(_title(side), columns, tuple(rows), ends_in_number=True)


def extreme_table(side: SideBySide) -> Table:
    """Return the value of the first run, and the lowest and the highest of the others."""
    rows = []
    for row in side.metrics:
        others = []
        for value, letter in zip(row.values[1:], list_letters(side)[1:], strict=True):
            if value is not None:
                others.append((value.value, f"{letter} {write_difference(row, value)}"))
        nothing = (0.0, wording.DASH)
        _, lowest = min(others, default=nothing)
        _, highest = max(others, default=nothing)
        rows.append((row.label, write_value(row, row.values[0]), lowest, highest))
    return Table(
        _title(side), ("metric", side.runs[0].letter, "lowest", "highest"), tuple(rows), ends_in_number=True
    )


def group_values(letters: Sequence[str], values: Sequence[str | None]) -> str:
    """Write the value of a condition with the letters of its runs: `A, C: 10 VUs; B: 20 VUs`."""
    groups: dict[str, list[str]] = {}
    for letter, value in zip(letters, values, strict=True):
        groups.setdefault(wording.DASH if value is None else value, []).append(letter)
    return "; ".join(f"{', '.join(members)}: {value}" for value, members in groups.items())


def _title(side: SideBySide) -> str:
    marks = _explain_marks(side)
    explained = f" ({marks})" if marks else ""
    return f"Differences from run {side.runs[0].letter}, the largest first{explained}"


def _explain_marks(side: SideBySide) -> str:
    marks = []
    if any(map(attrgetter("is_unreliable"), side.metrics)):
        marks.append(_MARK)
    if any(map(attrgetter("has_bound"), side.metrics)):
        marks.append(_BOUND)
    return "; ".join(marks)


def write_value(row: ComparedMetric, value: ComparedValue | None) -> str:
    """Write a value with its own interval if it has one, and the mark of few requests."""
    if value is None:
        return wording.DASH
    if row.unit == "ratio":
        return wording.percent(value.value)
    if row.unit.endswith("/s") and value.low is None:
        return f"{wording.rate(value.value)}/s"
    text = wording.value(value.value, row.unit, lower_bound=value.lower_bound)
    if value.low is not None and value.high is not None:
        text += f" ({wording.value(value.low, '1')} to {wording.value(value.high, '1')})"
    return f"{text}?" if value.unreliable else text


def write_difference(row: ComparedMetric, value: ComparedValue | None) -> str:
    """Write a difference: in milliseconds for tiers, in points for shares, else in per cent."""
    if value is None or value.difference is None:
        return wording.DASH
    if row.unit == "ratio":
        return _write_points(value.difference)
    if row.is_tier:
        return wording.change_ms(value.difference)
    return wording.change(value.difference_ratio)


def _write_points(difference: float) -> str:
    """Write a difference of shares: `+2.4 points`."""
    size = f"{abs(100 * difference):.1f}".removesuffix(".0")
    if size == "0":
        return "0 points"
    return f"{'+' if difference > 0 else wording.MINUS}{size} points"


def write_both(row: ComparedMetric, value: ComparedValue | None) -> str:
    """Write a value, and its difference from that of the first run in brackets."""
    text = write_value(row, value)
    if value is None or value.difference is None:
        return text
    return f"{text} ({write_difference(row, value)})"


def _list_differing(side: SideBySide) -> Table:
    rows = []
    for row in side.differing:
        rows.append((row.name, *(value or wording.DASH for value in row.values)))
    columns = ("condition", *list_letters(side))
    return Table("What differs", columns, tuple(rows), ends_in_number=True)


def _list_shared(side: SideBySide) -> tuple[tuple[str, str], ...]:
    pairs = map(attrgetter("name", "value"), side.shared)
    return tuple(sorted(pairs, key=lambda pair: MAIN.index(pair[0]) if pair[0] in MAIN else len(MAIN)))


def list_letters(side: SideBySide) -> list[str]:
    """Return the letters of the runs."""
    return [*map(attrgetter("letter"), side.runs)]
