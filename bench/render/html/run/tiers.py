"""The panel of the tiers: the baseline's times above those of the run, and their difference."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from bench.core.report.report import Report
from bench.core.report.sentences import compared_head, values_text
from bench.core.report.words import PROVEN, VERDICTS, Tone, Word
from bench.core.samples.metric import Part
from bench.core.samples.metrics import tier_name
from bench.core.values import wording
from bench.core.verdict.verdict import MetricComparison, Verdict
from bench.render.html.load_curve import Tick, list_ticks, write_durations
from bench.render.html.parts import DrawnTable
from bench.render.html.run.compact import CompactRow, CompactTable, describe_verdict
from bench.render.html.tier_colours import colour_tiers

_MOST_CHANGES = 5
"""Tiers of the compact table that are there for their change; the others are there for their time."""
_MOST_TIMES = 8
"""Tiers of the compact table."""
_LEAST_SHARE = 0.05
"""A proven change is highlighted with at least this share of the changes of all tiers."""
_LEAST_WIDTH = 0.05
"""A thinner part, in per cent of the drawing, is not drawn."""
_LEAST_MS = 0.005
"""A change that rounds to 0 ms."""
_CHARACTER = 1.4
"""Width of a character of a label in per cent, in a drawing of half a page."""
_LONGEST_LABEL = 28
_WIDEST_LABELS = 100.0
_RIGHT_PART = 60.0
"""Labels above the right part of a drawing end where it ends."""
_MOST_TICKS = 4


@dataclass(frozen=True, slots=True)
class TierPart:
    """The part of a bar that shows a tier."""

    colour: int
    """Number of its colour."""
    start: float
    """Left end, in per cent of the width."""
    width: float
    """Width in per cent."""
    text: str
    """Name with its time or its change."""
    tone: Tone = Tone.QUIET
    """Colour of its outline, by the verdict on the tier; quiet for none."""
    is_pale: bool = False
    """The tier did not change, and another one did."""


@dataclass(frozen=True, slots=True)
class StackedBar:
    """The times of all tiers, one after another."""

    label: str
    """The side."""
    parts: tuple[TierPart, ...]
    """Its tiers."""
    end: float
    """Right end of the last part."""


@dataclass(frozen=True, slots=True)
class ChangeLabel:
    """The change of a highlighted tier."""

    text: str
    """Name and change."""
    tone: Tone
    """Its colour, by the verdict."""


@dataclass(frozen=True, slots=True)
class TierDifference:
    """The changes of all tiers: growth to the right of the end of the baseline, a gain to its left."""

    parts: tuple[TierPart, ...]
    """Changes."""
    zero: float
    """Place of the end of the baseline."""
    labels: tuple[ChangeLabel, ...]
    """Labels of the highlighted changes, the largest first."""
    text: str
    """What the row shows if no change is highlighted; else empty."""
    anchor: str
    """The part of the labels that is at `at`: `start`, `middle` or `end`."""
    at: float
    """Place of the labels, so that they stay inside the drawing."""


@dataclass(frozen=True, slots=True)
class TierPanel:
    """The panel of the tiers."""

    bars: tuple[StackedBar, ...]
    """The baseline, if there is one, and the run."""
    difference: TierDifference | None
    """The changes; None without a baseline."""
    ticks: tuple[Tick, ...]
    """Times on the axis."""
    rows: CompactTable
    """The tiers with the largest changes, or with the longest times."""
    more: CompactTable | None
    """Further tiers, without a baseline; else None."""
    complete: DrawnTable | None
    """All tiers with their intervals; None without a baseline."""
    colours: Mapping[str, int]
    """Colour of each tier by its name."""


@dataclass(frozen=True, slots=True)
class _TierTimes:
    """A tier on both sides, in milliseconds."""

    name: str
    base: float
    head: float
    row: MetricComparison | None = None

    @property
    def change(self) -> float:
        """The change; 0 if one side is unknown."""
        return 0.0 if self.row is None or self.row.change is None else self.row.change


@dataclass(frozen=True, slots=True)
class _Pen:
    """Scale and colours of the drawing."""

    longest_ms: float
    """Time of the complete width."""
    colours: Mapping[str, int]
    """Number of each tier's colour."""
    strong: Mapping[str, Tone]
    """Tone of each highlighted tier."""

    def width(self, time_ms: float) -> float:
        """Return a time in per cent of the width."""
        return 100.0 * time_ms / self.longest_ms

    def draw(self, name: str, start: float, width: float, text: str, *, is_pale: bool) -> TierPart:
        """Return the part of a tier."""
        tone = self.strong.get(name, Tone.QUIET)
        return TierPart(self.colours[name], round(start, 2), round(width, 2), text, tone, is_pale)


def make_tiers(report: Report, judged: Sequence[DrawnTable]) -> TierPanel | None:
    """Return the panel; None if no tier reports its time, or if the run is a search of its load.

    Args:
        report: The judged run.
        judged: Its tables, of which one may be that of the tiers.
    """
    if report.result.capacity is not None:
        return None
    compared = [row for row in report.comparison.metrics if tier_name(row.key) and row.part in _TIERS]
    tiers = list(map(_compare_sides, compared)) or list(_list_own_times(report))
    longest_ms = _longest(tiers)
    if longest_ms <= 0:
        return None
    values = _list_values(longest_ms)
    longest_ms = values[-1]
    colours = colour_tiers(report)
    pen = _Pen(longest_ms, colours, _select_strong(tiers))
    bars = []
    if compared:
        bars.append(_stack(report.comparison.base_name or "baseline", tiers, attrgetter("base"), pen))
    bars.append(_stack("this run", tiers, attrgetter("head"), pen))
    write = write_durations(longest_ms)
    ticks = []
    for value in values:
        ticks.append(Tick(round(pen.width(value), 2), write(value)))
    table = _list_changes(tiers, colours, pen.strong) if compared else _list_times(tiers, colours)
    more = replace(table, title=f"{table.title}, continued", rows=table.rows[_MOST_TIMES:])
    table = replace(table, rows=table.rows[:_MOST_TIMES])
    return TierPanel(
        bars=tuple(bar for bar in bars if bar.parts),
        difference=_draw_difference(tiers, pen) if compared else None,
        ticks=tuple(ticks),
        rows=table,
        more=more if more.rows and not compared else None,
        complete=next((table for table in judged if table.tiers), None),
        colours=colours,
    )


def _list_values(longest_ms: float) -> list[float]:
    """Return the times on the axis, of which the last one is behind all bars."""
    values = list_ticks(longest_ms, most=_MOST_TICKS)
    step = values[1] - values[0]
    return values if values[-1] >= longest_ms else [*values, values[-1] + step]


def _longest(tiers: Sequence[_TierTimes]) -> float:
    """Return the largest time of the drawing: a side, or the baseline with all growth."""
    head_ms = 0.0
    grown_ms = 0.0
    for tier in tiers:
        head_ms += tier.head
        grown_ms += tier.base + max(tier.change, 0.0)
    return max(grown_ms, head_ms)


_TIERS = (Part.LOCATES, Part.EXPLAINS)


def _compare_sides(row: MetricComparison) -> _TierTimes:
    """Return a tier without the effect of the machine, as tables show it."""
    return _TierTimes(tier_name(row.key) or row.key, row.base or 0.0, compared_head(row) or 0.0, row)


def _list_own_times(report: Report) -> Iterable[_TierTimes]:
    for key, summary in report.result.summary.metrics.items():
        name = tier_name(key)
        if name and summary.typical:
            yield _TierTimes(name, 0.0, summary.typical)


def _select_strong(tiers: Sequence[_TierTimes]) -> Mapping[str, Tone]:
    """Return the tone of each tier with a proven change that matters."""
    total_ms = sum(abs(tier.change) for tier in tiers)
    strong = {}
    for tier in tiers:
        is_large = abs(tier.change) >= max(_LEAST_SHARE * total_ms, _LEAST_MS)
        if tier.row is not None and tier.row.verdict in PROVEN and is_large:
            strong[tier.name] = VERDICTS[tier.row.verdict].tone
    return strong


def _stack(
    label: str, tiers: Iterable[_TierTimes], read: Callable[[_TierTimes], float], pen: _Pen
) -> StackedBar:
    """Return a bar: a tier starts where the previous one ends."""
    parts = []
    start = 0.0
    for tier in tiers:
        name = tier.name
        time_ms = read(tier)
        width = pen.width(time_ms)
        if width >= _LEAST_WIDTH:
            is_pale = bool(pen.strong) and name not in pen.strong
            parts.append(pen.draw(name, start, width, f"{name} {wording.duration(time_ms)}", is_pale=is_pale))
        start += width
    return StackedBar(label, tuple(parts), round(start, 2))


def _draw_difference(tiers: Sequence[_TierTimes], pen: _Pen) -> TierDifference:
    """Return the changes, the largest next to the end of the baseline."""
    zero = pen.width(sum(tier.base for tier in tiers))
    left = zero
    right = zero
    parts = []
    for tier in sorted(tiers, key=lambda tier: -abs(tier.change)):
        width = pen.width(abs(tier.change))
        if width < _LEAST_WIDTH:
            continue
        start = right
        if tier.change > 0:
            right += width
        else:
            left -= width
            start = left
        is_pale = tier.name not in pen.strong
        text = f"{tier.name} {wording.change_ms(tier.change, exact=not is_pale)}"
        parts.append(pen.draw(tier.name, start, width, text, is_pale=is_pale))
    labels = _list_labels(parts)
    width = _CHARACTER * len("  ".join(map(attrgetter("text"), labels)))
    anchor, at = _place_labels(left, right, width)
    text = "" if pen.strong else _describe_none(tiers)
    return TierDifference(tuple(parts), round(zero, 2), labels, text, anchor, at)


def _list_labels(parts: Iterable[TierPart]) -> tuple[ChangeLabel, ...]:
    """Return the labels of the largest highlighted changes that fit in one line."""
    labels: list[ChangeLabel] = []
    width = 0.0
    for part in parts:
        text = wording.shorten(part.text, _LONGEST_LABEL)
        width += _CHARACTER * (len(text) + 2)
        if not part.is_pale and width <= _WIDEST_LABELS:
            labels.append(ChangeLabel(text, part.tone))
    return tuple(labels)


def _place_labels(left: float, right: float, width: float) -> tuple[str, float]:
    """Return anchor and place of labels of this width above a difference from left to right."""
    center = (left + right) / 2
    if center > _RIGHT_PART:
        return "end", round(max(right, min(width, 100.0)), 2)
    if center < 100.0 - _RIGHT_PART:
        return "start", round(max(min(left, 100.0 - width), 0.0), 2)
    return "middle", round(min(max(center, width / 2), 100.0 - width / 2), 2)


def _describe_none(tiers: Sequence[_TierTimes]) -> str:
    """Return what a difference without a highlighted change means."""
    verdicts = {tier.row.verdict for tier in tiers if tier.row is not None}
    if Verdict.MISSING in verdicts:
        return "a tier is missing"
    return "no change is proven" if Verdict.INCONCLUSIVE in verdicts else "no tier changed"


def _list_changes(
    tiers: Sequence[_TierTimes], colours: Mapping[str, int], strong: Mapping[str, Tone]
) -> CompactTable:
    """Return the missing tiers, the largest changes, and then the longest times, which the bars show."""
    by_change = sorted(tiers, key=_rank)
    by_time = sorted(by_change[_MOST_CHANGES:], key=lambda tier: -max(tier.base, tier.head))
    rows = []
    for tier in (*by_change[:_MOST_CHANGES], *by_time):
        if tier.row is None or max(tier.base, tier.head) < _LEAST_MS:
            continue
        rows.append(
            CompactRow(
                name=tier.name,
                cells=(values_text(tier.row),),
                change=wording.change_ms(tier.row.change, exact=tier.row.verdict in PROVEN),
                word=_describe_change(tier.row, is_strong=tier.name in strong),
                colour=colours[tier.name],
            )
        )
    return CompactTable("Tiers by change", ("tier", "baseline → run"), tuple(rows), values_first=True)


def _describe_change(row: MetricComparison, *, is_strong: bool) -> Word:
    """Return the verdict on a tier; a tolerated change that is too small for the drawing has no colour."""
    word = describe_verdict(row)
    is_quiet = row.verdict is Verdict.WITHIN_TOLERANCE and not is_strong
    return word._replace(tone=Tone.QUIET) if is_quiet else word


def _rank(tier: _TierTimes) -> tuple[bool, float]:
    is_missing = tier.row is not None and tier.row.verdict is Verdict.MISSING
    return not is_missing, -abs(tier.change)


def _list_times(tiers: Sequence[_TierTimes], colours: Mapping[str, int]) -> CompactTable:
    """Return the longest times with their shares."""
    total_ms = sum(tier.head for tier in tiers)
    rows = []
    for tier in sorted(tiers, key=lambda tier: -tier.head):
        cells = (wording.duration(tier.head), wording.percent(tier.head / total_ms))
        rows.append(CompactRow(name=tier.name, cells=cells, colour=colours[tier.name]))
    return CompactTable("Tiers by time", ("tier", "typical", "share"), tuple(rows))
