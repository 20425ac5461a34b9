"""Pack the requests of a waterfall for the script: columns of small whole numbers."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from bench.core.report.typical_times import TypicalTimes
from bench.core.report.waterfall import Waterfall, WaterfallRequest
from bench.core.samples.sample import Outcome
from bench.core.samples.timings import SENT, TIMINGS, Timing
from bench.core.values.escape import visible_text

_TENTHS = 10
"""Times are in tenths of a millisecond."""
_THOUSANDTHS = 1_000
"""Planned starts are in thousandths of a second."""
_ID_DIGITS = 16
"""Digits of a trace id before the numbers of VU and iteration."""


class _Texts:
    """Numbers of texts, in the order of their first use."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int | None:
        """Return the number of a text."""
        return None if text is None else self._numbers.setdefault(text, len(self._numbers))

    @property
    def texts(self) -> list[str]:
        """The texts, with their invisible characters made visible."""
        return [*map(visible_text, self._numbers)]


def pack_requests(waterfall: Waterfall, styles: Sequence[str]) -> dict[str, object]:
    """Return the data of all requests.

    Args:
        waterfall: The requests.
        styles: CSS class of each tier.
    """
    texts = _Texts()
    readers: dict[str, Callable[[WaterfallRequest], Any]] = {
        "at": lambda request: round(request.at_s * _THOUSANDTHS),
        "message": lambda request: texts.number(request.message),
        "step": lambda request: texts.number(request.step),
        "phase": lambda request: request.phase,
        "vu": lambda request: request.vu,
        "iteration": lambda request: request.iteration,
        "outcome": lambda request: texts.number(request.outcome.value),
        "status": lambda request: request.status,
        "detail": lambda request: texts.number(request.detail),
        "retries": lambda request: request.retries,
        "tokens": lambda request: request.tokens,
        "ended": lambda request: request.ended_in,
        "open": lambda request: int(request.is_open),
        "streamed": lambda request: int(request.is_streamed),
        "typical": lambda request: request.typical,
        "error": lambda request: _tenths(request.place_error_ms),
        "trace": lambda request: texts.number(request.trace and request.trace[:_ID_DIGITS]),
    }
    columns: dict[str, object] = {}
    for name, read in readers.items():
        columns[name] = _shorten(map(read, waterfall.requests))
    spans: list[object] = []
    if any(map(attrgetter("placed"), waterfall.requests)):
        spans = [*map(_pack_spans, waterfall.requests)]
    return {
        "spans": spans,
        "columns": columns,
        "timings": _pack_columns(map(attrgetter("timings_ms"), waterfall.requests), len(TIMINGS)),
        "times": _pack_columns(map(attrgetter("tiers_ms"), waterfall.requests), len(waterfall.tiers)),
        "typical": [*map(_pack_typical, waterfall.typical_times, [texts] * len(waterfall.typical_times))],
        "loads": [*map(visible_text, waterfall.loads)],
        "tiers": [*zip(styles, map(visible_text, waterfall.tiers), strict=True)],
        "names": TIMINGS,
        "sent": SENT,
        "token": TIMINGS.index(Timing.FIRST_TOKEN),
        "longest": max(
            (_tenths(request.total_ms) for request in waterfall.requests if request.outcome is Outcome.OK),
            default=0,
        ),
        "end": waterfall.end_s,
        "count": len(waterfall.requests),
        "ok": texts.number(Outcome.OK.value),
        "texts": texts.texts,
    }


def _pack_spans(request: WaterfallRequest) -> list[int]:
    """Return tier, start, length and lane of each placed tier, one after the other."""
    numbers: list[int] = []
    for placed in request.placed:
        numbers += (placed.tier, _tenths(placed.start_ms), _tenths(placed.length_ms), placed.lane)
    return numbers


def _pack_typical(typical: TypicalTimes, texts: _Texts) -> list[object]:
    return [
        texts.number(typical.message),
        texts.number(typical.step),
        typical.requests,
        [*map(_tenths, typical.timings_ms)],
        [*map(_optional_tenths, typical.tiers_ms)],
    ]


def _pack_columns(rows: Iterable[Sequence[float | None]], count: int) -> list[object]:
    """Return the columns of rows; a row may be empty."""
    filled: list[Sequence[float | None]] = []
    for row in rows:
        filled.append(row or [None] * count)
    columns: list[object] = []
    for column in zip(*filled, strict=True):
        columns.append(_shorten(map(_optional_tenths, column)))
    return columns


def _tenths(time_ms: float) -> int:
    return round(time_ms * _TENTHS)


def _optional_tenths(time_ms: float | None) -> int | None:
    return None if time_ms is None else _tenths(time_ms)


def _shorten(values: Iterable[object]) -> object:
    """Return a column, or its only value."""
    column = [*values]
    return column[0] if len({*column}) == 1 else column
