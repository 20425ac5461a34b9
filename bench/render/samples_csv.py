"""The requests of a run as CSV (RFC 4180), a row each, for spreadsheets and data frames.

Texts come from whoever wrote the scenario and from the target, and a spreadsheet would work out a text that
looks like a formula: such a text begins with an apostrophe here.
Source: https://owasp.org/www-community/attacks/CSV_Injection
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from math import isnan

from bench.core.samples.metrics import METRICS, Kind, tier_key
from bench.core.samples.samples import Samples
from bench.render.lines import one_line

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]")  # the last four are wide ones
_PLACE = ("phase", "vu", "iteration", "arm")
_MOMENTS = (
    "scheduled_s",
    "connect_s",
    "sent_s",
    "first_byte_s",
    "first_token_s",
    "last_token_s",
    "finished_s",
)
_WAITS = tuple(row for row in METRICS.values() if row.kind is Kind.TREND)
COLUMNS = (*_PLACE, "prompt", "outcome", "status", *_MOMENTS, "tokens", "intercepted")


def render_samples(pages: Iterable[Samples], tiers: Sequence[str]) -> Iterator[str]:
    """The table, part by part: the names of the columns, then the requests in their order.

    Moments are seconds since the run began, to a microsecond, waiting times and tiers milliseconds, to one as
    well; what a request does not have is empty.

    Args:
        pages: The requests, as many at a time as may be in memory.
        tiers: All that any of them has a time of.
    """
    head = (*COLUMNS, *(row.key for row in _WAITS), *(tier_key(tier) for tier in tiers), "detail")
    yield _written([[_text(name) for name in head]])
    for page in pages:
        yield _written(_rows(page, tiers))


def _rows(page: Samples, tiers: Sequence[str]) -> Iterator[list[object]]:
    waits = zip(*(row.values(page).tolist() for row in _WAITS), strict=True)
    for sample, waits_ms in zip(page.rows(), waits, strict=True):
        yield [
            *(getattr(sample, name) for name in _PLACE),
            _text(sample.prompt),
            sample.outcome.value,
            sample.status,
            *(_number(getattr(sample, name), 6) for name in _MOMENTS),
            sample.tokens,
            None if sample.intercepted is None else int(sample.intercepted),
            *(_number(wait_ms, 3) for wait_ms in waits_ms),
            *(_number(sample.tier_times.get(tier), 3) for tier in tiers),
            None if sample.detail is None else _text(sample.detail),
        ]


def _number(value: float | None, digits: int) -> str | None:
    return None if value is None or isnan(value) else f"{value:.{digits}f}"


def _text(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if _FORMULA.match(line) else line


def _written(rows: Iterable[Sequence[object]]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerows(rows)
    return buffer.getvalue()
