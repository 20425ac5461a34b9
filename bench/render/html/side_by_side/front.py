"""The Pareto front as a drawing that needs no script: response time to the right, another metric upwards."""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from operator import attrgetter

from bench.core.experiment.pareto import SAME_RATIO
from bench.core.report.compared_metrics import ComparedMetric, ComparedValue
from bench.core.report.listed_run import ListedRun
from bench.core.report.side_by_side import FrontPoint, ParetoFront, SideBySide
from bench.core.values import wording
from bench.render.document.side_by_side import write_value
from bench.render.document.table import Table
from bench.render.html.load_curve import LinePiece, Tick

_HEIGHT = 210
_HEAD = 16.0
_FOOT = 170.0
"""Heights of the upper and the lower end of the scale, in pixels."""
_BLANK_RATIO = 0.18
"""The scales reach this share of the range further, so that letters have room."""
_LEAST_RATIO = 4 * SAME_RATIO
"""The scales have at least this share of the largest value, so that equal values look near to each other."""
_NEAR_PCT = 16.0
_NEAR_PX = 14.0
"""Runs that are nearer to each other have no room for a letter at their side."""
_SAME = wording.percent(SAME_RATIO)
_TICKS = 4
_MULTIPLES = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Distances of ticks, as multiples of a power of ten."""


@dataclass(frozen=True, slots=True)
class DrawnRun:
    """A run in the drawing."""

    letter: str
    """Its letter."""
    label: str
    """Its letter, with the share of failed requests if there are any."""
    at: float
    """Place in per cent of the width."""
    height: float
    """Height in pixels."""
    look: str
    """`front`, `behind`, or of a run that is never the best `invalid` or `failing`."""
    text: str
    """The run with both values."""

    @property
    def is_best(self) -> bool:
        """Whether it is on the front."""
        return self.look == "front"


@dataclass(frozen=True, slots=True)
class DrawnFront:
    """A Pareto front."""

    title: str
    """Heading."""
    text: str
    """Explanation in a sentence."""
    summary: str
    """The drawing in a sentence, for readers who cannot see it."""
    x_ticks: tuple[Tick, ...]
    """Response times."""
    y_ticks: tuple[Tick, ...]
    """Values of the other metric."""
    y_name: str
    """Its name."""
    line: tuple[LinePiece, ...]
    """The pieces between the runs on the front."""
    points: tuple[DrawnRun, ...]
    """The runs."""
    table: Table
    """The same values in rows."""
    height: int = _HEIGHT
    """Height of the drawing."""

    @property
    def is_crowded(self) -> bool:
        """Whether a letter at the side of its run would touch another one; letters stand above then."""
        near = 0
        for one, other in combinations(self.points, 2):
            near += abs(one.at - other.at) < _NEAR_PCT and abs(one.height - other.height) < _NEAR_PX
        return near > 0


@dataclass(frozen=True, slots=True)
class _Scale:
    low: float
    high: float

    def share(self, value: float) -> float:
        """Return the place of a value, from 0 to 1."""
        return (value - self.low) / (self.high - self.low)

    def list_ticks(self) -> list[float]:
        """Return round values at equal distances inside the scale."""
        rough = (self.high - self.low) / _TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = power * _MULTIPLES[bisect_left(_MULTIPLES, rough / power)]
        first = math.ceil(self.low / step)
        last = math.floor(self.high / step)
        return [step * number for number in range(first, last + 1)]


def draw_front(side: SideBySide, front: ParetoFront) -> DrawnFront:
    """Return the drawing of a front."""
    across = _make_scale([*map(attrgetter("across"), front.points)])
    up = _make_scale([*map(attrgetter("up"), front.points)])
    runs = {run.letter: run for run in side.runs}
    points = []
    for point in front.points:
        points.append(_draw_point(front, point, (across, up), runs[point.letter]))
    best = sorted(filter(attrgetter("is_best"), points), key=attrgetter("at"))
    pieces = []
    for one, other in pairwise(best):
        pieces.append(LinePiece(one.at, one.height, other.at, other.height))
    names = wording.listing([*map(attrgetter("letter"), best)])
    direction = "higher" if front.higher_is_better else "lower"
    return DrawnFront(
        title=f"Response time against {front.label}",
        text=f"Further to the left and {direction} is better; less than {_SAME} counts as equal.",
        summary=f"On the front: {names or 'none'}. {'; '.join(map(attrgetter('text'), points))}.",
        x_ticks=_list_times(across),
        y_ticks=_list_values(front, up),
        y_name=front.label,
        line=tuple(pieces),
        points=tuple(points),
        table=_make_table(front, runs),
    )


def _list_times(across: _Scale) -> tuple[Tick, ...]:
    ticks = []
    for time_ms in across.list_ticks():
        ticks.append(Tick(round(100 * across.share(time_ms), 2), wording.duration(time_ms)))
    return tuple(ticks)


def _list_values(front: ParetoFront, up: _Scale) -> tuple[Tick, ...]:
    ticks = []
    for value in up.list_ticks():
        ticks.append(Tick(_height(up, value), _write(front, value)))
    return tuple(ticks)


def _make_scale(values: Sequence[float]) -> _Scale:
    low = min(values)
    high = max(values)
    reach = max(high - low, _LEAST_RATIO * abs(high)) or 1.0
    middle = (low + high) / 2
    half = reach / 2 + _BLANK_RATIO * reach
    return _Scale(max(0.0, middle - half), middle + half)


def _height(scale: _Scale, value: float) -> float:
    return round(_FOOT - (_FOOT - _HEAD) * scale.share(value), 1)


def _draw_point(
    front: ParetoFront, point: FrontPoint, scales: tuple[_Scale, _Scale], run: ListedRun
) -> DrawnRun:
    across, up = scales
    look = "front" if point.on_front else "behind"
    values = f"{wording.duration(point.across)}, {front.label} {_write(front, point.up)}"
    return DrawnRun(
        letter=point.letter,
        label=f"{point.letter}{_describe_failures(run)}",
        at=round(100 * across.share(point.across), 2),
        height=_height(up, point.up),
        look=look if run.excluded is None else "invalid" if run.is_invalid else "failing",
        text=f"run {point.letter}: {values}{_describe_failures(run)}",
    )


def _describe_failures(run: ListedRun) -> str:
    """Return the share of failed requests, as `, 2 % failed`; empty without one."""
    failed = run.requests - run.ok
    return f", {wording.percent(failed / run.requests)} failed" if failed else ""


def _write(front: ParetoFront, value: float) -> str:
    row = ComparedMetric(
        key=front.key,
        label=front.label,
        unit=front.unit,
        higher_is_better=front.higher_is_better,
        values=(),
    )
    return write_value(row, ComparedValue(value=value))


def _make_table(front: ParetoFront, runs: Mapping[str, ListedRun]) -> Table:
    rows = []
    for point in front.points:
        place = "on the front" if point.on_front else "behind it"
        run = runs[point.letter]
        if run.excluded is not None:
            place = run.excluded
        place += _describe_failures(run)
        rows.append((point.letter, wording.duration(point.across), _write(front, point.up), place))
    return Table(
        f"Runs by response time and {front.label}",
        ("run", "response time", front.label, "place"),
        tuple(rows),
    )
