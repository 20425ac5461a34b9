"""The requests of a run as CSV (RFC 4180), one row per request, for spreadsheets and data frames.

The columns are the fields of `RequestSample`, then the metrics of a request, the wait of a request that was
ended while it waited, the times of the tiers and to the milestones, and the detail of a failure.
"""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import isnan
from operator import attrgetter

import numpy as np

from bench.core.samples.arrays import Floats
from bench.core.samples.fields import Field
from bench.core.samples.metric import MetricKind
from bench.core.samples.metrics import METRICS, milestone_key, tier_key
from bench.core.samples.request import REQUEST_FIELDS, RequestSample
from bench.core.samples.samples import Samples
from bench.core.values.escape import escape_csv
from bench.render.document.format import RunInput
from bench.render.trials_csv import render_trials

_LAST_COLUMN = "detail"
_WAIT_COLUMN = "longer_than_ms"
_SECONDS_DIGITS = 6
_MS_DIGITS = 3
_COLUMNS = tuple(field for field in REQUEST_FIELDS if field.code is not None and field.name != _LAST_COLUMN)
_LATENCIES = tuple(row for row in METRICS.values() if row.kind is MetricKind.TREND)


def render_run(run: RunInput) -> Iterator[str]:
    """Yield the requests of a run, or the trials of a capacity search."""
    capacity = run.report.result.capacity
    return render_pages(run.samples) if capacity is None else render_trials(capacity)


def render_pages(read_pages: Callable[[], Iterable[Samples]]) -> Iterator[str]:
    """Yield the requests of all pages.

    Reads the requests twice, because they may not fit into memory: once for the names, once for the rows.

    Args:
        read_pages: Reads the requests in pages, from the first one at each call.
    """
    tiers: set[str] = set()
    milestones: set[str] = set()
    for page in read_pages():
        tiers |= {*page.tiers}
        milestones |= {*page.milestones}
    yield from render_samples(read_pages(), sorted(tiers), sorted(milestones))


def render_samples(
    pages: Iterable[Samples], tiers: Sequence[str], milestones: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the table in parts: the head, then the rows of each page.

    Moments are seconds since the start of the run with six digits; latencies and tiers are milliseconds with
    three digits. An unknown value is an empty cell.

    Args:
        pages: The requests, one page in memory at a time.
        tiers: Names of all tiers that have a time in any request.
        milestones: Names of all milestones that any response reached.
    """
    names = list(map(attrgetter("name"), _COLUMNS))
    names += map(attrgetter("key"), _LATENCIES)
    names += [_WAIT_COLUMN, *map(tier_key, tiers), *map(milestone_key, milestones)]
    yield _csv([[escape_csv(name) for name in (*names, _LAST_COLUMN)]])
    for page in pages:
        yield _csv(_rows(page, tiers, milestones))


def _rows(page: Samples, tiers: Sequence[str], milestones: Sequence[str]) -> Iterator[list[object]]:
    latencies = [row.values(page).tolist() for row in _LATENCIES]
    latencies.append(_waits(page).tolist())
    for sample, *latencies_ms in zip(page.rows(), *latencies, strict=True):
        row = [_cell(sample, field) for field in _COLUMNS]
        row += [_number(latency_ms, _MS_DIGITS) for latency_ms in latencies_ms]
        row += [_number(sample.tier_times.get(tier), _MS_DIGITS) for tier in tiers]
        row += [_number(sample.milestone_times.get(name), _MS_DIGITS) for name in milestones]
        row.append(None if sample.detail is None else escape_csv(sample.detail))
        yield row


def _waits(page: Samples) -> Floats:
    """Return a lower bound of the response time of each request that was ended while it waited, else NaN."""
    observed, present = METRICS["e2e_ms"].observe(page)
    waits_ms = np.full(len(page), np.nan)
    waits_ms[present] = np.where(observed.is_bound, observed.values, np.nan)
    return waits_ms


def _cell(sample: RequestSample, field: Field) -> object:
    value = getattr(sample, field.name)
    if value is None:
        return None
    if field.type is float:
        return _number(value, _SECONDS_DIGITS)
    if field.type is bool:
        return int(value)
    return escape_csv(value) if field.type is str else value


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None or isnan(value) else f"{value:.{digits}f}"


def _csv(rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
