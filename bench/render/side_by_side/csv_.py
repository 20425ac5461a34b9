"""Several runs side by side as CSV (RFC 4180): one row for each metric in each run, for a data frame."""

import csv
import io
from collections.abc import Iterator

from bench.core.values.escape import escape_csv
from bench.render.document.format import SideBySideInput

_HEAD = (
    "run", "run_id", "scenario", "stack", "commit", "started_at", "metric", "unit", "value", "low", "high",
    "lower_bound", "unreliable", "difference", "difference_ratio",
)  # fmt: skip
"""The columns; an unknown value is an empty cell."""
_FIELDS = ("value", "low", "high", "lower_bound", "unreliable", "difference", "difference_ratio")


def render_side_by_side(side: SideBySideInput) -> Iterator[str]:
    """Yield the table, the metrics in the order of the report."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(_HEAD)
    for row in side.report.metrics:
        for run, value in zip(side.report.runs, row.values, strict=True):
            if value is None:
                continue
            origin = (run.letter, run.run_id, run.scenario, run.stack, run.commit or "")
            texts = (*origin, run.started_at.isoformat(), row.key, row.unit)
            numbers = [_write(getattr(value, field)) for field in _FIELDS]
            writer.writerow([*map(escape_csv, texts), *numbers])
    yield buffer.getvalue()


def _write(number: float | bool | None) -> str | None:
    if number is None:
        return None
    return str(int(number)) if isinstance(number, bool) else f"{number:.10g}"
