"""The changes of a judged run that a short report shows: the decisive one, metrics, messages and tiers."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from rich.cells import cell_len
from rich.text import Text

from bench.core.report.report import Report
from bench.core.report.row_words import describe_tolerance_range, describe_tolerances, row_verdict_text
from bench.core.report.sentences import change_text, compared_head, interval_text, values_text
from bench.core.report.words import PROVEN, VERDICTS
from bench.core.samples.cost_metrics import cost_service, growth_key, memory_key
from bench.core.samples.metric import Part
from bench.core.samples.metrics import RESPONSE_TIME, metric, step_name, tier_name
from bench.core.values import wording
from bench.core.verdict.message_comparison import MessageComparison, MessageKind
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.render.document.table import Compared
from bench.render.document.tier_bars import find_changed_tiers
from bench.render.short.block import LineBlock, Rank, clean, count_words, cut, cut_text
from bench.render.short.change_bar import (
    FIELD,
    FULL,
    HIGH,
    LESS,
    LOW,
    MORE,
    POINT,
    BarScale,
    DrawnChange,
    draw_axis,
    draw_change,
    draw_tier,
    find_change,
    find_scale,
)
from bench.render.short.change_rows import GAP, ChangeRow, fit_columns, list_lines
from bench.render.terminal import STYLES

_MOST_METRICS = 5
_MOST_MESSAGES = 5
_MOST_TIERS = 4
_NARROWEST_DECISIVE = 12
"""Columns below which the decisive interval is not drawn."""
_WIDEST_DECISIVE = 60
_CHANGE_LEGENDS = (f"{FIELD} tolerated {LOW}{POINT}{HIGH} change", f"{FIELD} tolerated", "")
_TIER_LEGENDS = (f"{FULL} base {MORE} more {LESS} less", f"{MORE} more {LESS} less", "")
"""Explanations of the drawings, the longest one first: the first that has space is shown."""
_URGENCY = (
    Verdict.MISSING,
    Verdict.WORSE,
    Verdict.WITHIN_TOLERANCE,
    Verdict.INCONCLUSIVE,
    Verdict.BETTER,
    Verdict.UNCHANGED,
    Verdict.NEW,
)
"""Verdicts, the most urgent one first."""


@dataclass(frozen=True, slots=True)
class ChangeRows:
    """The rows of a short report, which share their columns."""

    metrics: tuple[ChangeRow, ...]
    """The deciding metrics, and others that are worse."""
    messages: tuple[ChangeRow, ...]
    """The messages that changed."""
    tiers: tuple[ChangeRow, ...]
    """The tiers that changed."""
    unchanged: Counter[str]
    """Number of messages by verdict that are not in `messages`."""
    message_legends: tuple[str, ...] = ("",)
    """Tolerances of the messages, the longest text first."""

    @property
    def shown(self) -> tuple[ChangeRow, ...]:
        """The rows that a screen has space for, in their order."""
        return (*self.metrics[:_MOST_METRICS], *self.messages[:_MOST_MESSAGES], *self.tiers[:_MOST_TIERS])


def draw_decisive(row: Compared, width: int) -> tuple[Text, ...]:
    """Return the decisive change on its tolerance, with the axis below it; no lines if it has no interval."""
    change = find_change(row)
    scale = find_scale([change])
    if change is None or scale is None:
        return ()
    style = STYLES[VERDICTS[row.verdict].tone]
    name = cut(_name(row), width // 3)
    size = f"{_change(row)} ({_interval(row, change)})"
    columns = min(_WIDEST_DECISIVE, width - cell_len(name) - cell_len(size) - 2 * len(GAP))
    if columns < _NARROWEST_DECISIVE:
        return (cut_text(Text.assemble(name, GAP, (size, f"bold {style}")), width),)
    tolerance = f"tolerated: {_tolerance(row, change)}" if change.tolerated > 0.0 else ""
    drawn = draw_change(change, scale, columns, style)
    axis = draw_axis(change, scale, columns)
    axis.pad_right(columns - axis.cell_len)
    return (
        Text.assemble(name, GAP, drawn, GAP, (size, f"bold {style}")),
        Text.assemble(" " * cell_len(name), GAP, axis, GAP, (cut(tolerance, cell_len(size)), "dim")),
    )


def _tolerance(row: Compared, change: DrawnChange) -> str:
    if tier_name(row.key) is None:
        return wording.magnitude(change.tolerated)
    return wording.duration(change.tolerated)


def _interval(row: Compared, change: DrawnChange) -> str:
    if tier_name(row.key) is None:
        return interval_text(row)
    return wording.change_interval_ms(change.low, change.high, exact=row.verdict in PROVEN)


def find_rows(report: Report) -> ChangeRows:
    """Return the rows of a judged run."""
    messages = _sort_messages(report.comparison.messages)
    changed: list[MessageComparison] = []
    unchanged = Counter[str]()
    for row in messages:
        if row.verdict in PROVEN:
            changed.append(row)
        elif row.kind is MessageKind.MESSAGE:
            unchanged[_verdict(row)] += 1
    keys = set(map(attrgetter("key"), changed))
    name_message = _name if len(keys) <= 1 else _name_with_metric
    return ChangeRows(
        metrics=(
            *_draw_rows(report.comparison.drifted, _name_with_pin),
            *_draw_rows(_select_metrics(report), _name),
        ),
        messages=_draw_rows(changed, name_message),
        tiers=_draw_tiers(find_changed_tiers(report)),
        unchanged=unchanged,
        message_legends=_list_legends(changed),
    )


def _list_legends(rows: Sequence[MessageComparison]) -> tuple[str, ...]:
    """Return the tolerances of messages, which are wider than that of the run, the longest text first."""
    if not rows:
        return ("",)
    texts = (describe_tolerances(rows), describe_tolerance_range(rows))
    legends = [f"{FIELD} tolerated {text}" for text in texts] + [f"{FIELD} {text}" for text in texts]
    return (*legends, "")


def list_blocks(rows: ChangeRows, width: int) -> list[LineBlock]:
    """Return the blocks of metrics, messages and tiers."""
    columns = fit_columns(rows.shown, width)
    return [
        LineBlock(
            list_lines(columns, rows.metrics, width),
            rank=Rank.METRICS,
            most=_MOST_METRICS,
            heading=columns.heading("metric", _CHANGE_LEGENDS, has_sides=True),
            describe_rest=lambda omitted: f"{wording.counted(omitted, 'more metric')}",
        ),
        LineBlock(
            list_lines(columns, rows.messages, width),
            rank=Rank.MESSAGES,
            most=_MOST_MESSAGES,
            heading=columns.heading("message", rows.message_legends),
            describe_rest=lambda omitted: _describe_messages(rows, omitted),
            always_rest=bool(rows.messages) and rows.unchanged.total() > 0,
        ),
        LineBlock(
            list_lines(columns, rows.tiers, width),
            rank=Rank.TIERS,
            most=_MOST_TIERS,
            heading=columns.heading("tier", _TIER_LEGENDS),
            describe_rest=lambda omitted: f"{wording.counted(omitted, 'more tier')} changed",
        ),
    ]


def _describe_messages(rows: ChangeRows, omitted: int) -> str:
    """Return the number of messages that are not shown, by verdict: `8 more: 6 faster, 2 no change`."""
    hidden = rows.messages[len(rows.messages) - omitted :]
    counts = Counter(map(attrgetter("verdict"), hidden))
    return count_words(counts + rows.unchanged)


def _select_metrics(report: Report) -> list[MetricComparison]:
    """Return the metrics that decided, the most urgent first: missing ones, and others that became worse."""
    rows: list[MetricComparison] = []
    for row in report.comparison.metrics:
        is_worse = row.verdict is Verdict.WORSE and row.gates and tier_name(row.key) is None
        if row.part is Part.DECIDES or row.verdict is Verdict.MISSING or is_worse:
            rows.append(row)
    return sorted(rows, key=lambda row: (_URGENCY.index(row.verdict), row.key != RESPONSE_TIME))


def _sort_messages(rows: Sequence[MessageComparison]) -> list[MessageComparison]:
    """Return the most urgent first, classes before messages, the largest change for the worse first."""
    return sorted(
        rows,
        key=lambda row: (
            _URGENCY.index(row.verdict),
            row.kind is not MessageKind.CLASS,
            -(row.change_ratio or 0.0),
        ),
    )


def _draw_rows(rows: Sequence[Compared], name: Callable[[Compared], str]) -> tuple[ChangeRow, ...]:
    """Return rows whose drawings have one scale."""
    changes = list(map(find_change, rows))
    scale = find_scale(changes)
    drawn = []
    for row, change in zip(rows, changes, strict=True):
        draw = None if change is None or scale is None else _draw_on(change, scale, _style(row))
        drawn.append(ChangeRow(name(row), draw, _change(row), _values(row), _verdict(row), _style(row)))
    return tuple(drawn)


def _draw_on(change: DrawnChange, scale: BarScale, style: str) -> Callable[[int], Text]:
    return lambda width: draw_change(change, scale, width, style)


def _draw_tiers(rows: Sequence[MetricComparison]) -> tuple[ChangeRow, ...]:
    """Return tiers whose bars have one scale."""
    longest_ms = 0.0
    for row in rows:
        longest_ms = max(longest_ms, row.base or 0.0, compared_head(row) or 0.0)
    drawn = []
    for row in rows:
        change = wording.change_ms(row.change, exact=True)
        draw = _draw_tier(row, longest_ms)
        drawn.append(ChangeRow(_name(row), draw, change, _values(row), _verdict(row), _style(row)))
    return tuple(drawn)


def _draw_tier(row: MetricComparison, longest_ms: float) -> Callable[[int], Text]:
    return lambda width: draw_tier(row.base, compared_head(row), longest_ms, width)


def _name(row: Compared) -> str:
    if isinstance(row, MessageComparison):
        is_class = row.kind is MessageKind.CLASS
        return clean(f"class {row.name}" if is_class else row.name)
    return clean(tier_name(row.key) or step_name(row.key) or _name_cost(row.key) or metric(row.key).label)


def _name_cost(key: str) -> str | None:
    """Return the name of a service's cost, with the service first, because long names lose their end."""
    service = cost_service(key)
    if service is None:
        return None
    if key == growth_key(service):
        return f"{service} memory growth"
    return f"{service} {'memory' if key == memory_key(service) else 'CPU time'}"


def _name_with_metric(row: Compared) -> str:
    return f"{_name(row)}, {metric(row.key).label}"


def _name_with_pin(row: Compared) -> str:
    return f"{_name(row)}, pinned"


def _change(row: Compared) -> str:
    if tier_name(row.key) is not None and isinstance(row, MetricComparison):
        return wording.change_ms(row.change, exact=row.verdict in PROVEN)
    return change_text(row)


def _values(row: Compared) -> str:
    """Return both values, with their unit once."""
    if row.base is None and row.head is None:
        return ""
    text = values_text(row)
    unit = f" {metric(row.key).unit}"
    return text.replace(unit, "", 1) if text.count(unit) > 1 else text


def _verdict(row: Compared) -> str:
    text = row_verdict_text(row)
    return text.rpartition(", ")[2]  # the sign of the change shows that it is worse


def _style(row: Compared) -> str:
    return STYLES[VERDICTS[row.verdict].tone]
