"""The runs of a history as CSV files, one for each year: a year that is over never changes again."""

import csv
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from bench.core.history.history_columns import Integers, RunColumns
from bench.core.values.escape import escape_csv


@dataclass(frozen=True, slots=True)
class YearOfRuns:
    """The runs of a history that began in one year."""

    year: int
    """The year, in UTC."""
    runs: Integers
    """Indices of the runs, oldest first."""


def split_years(columns: RunColumns, order: Integers) -> list[YearOfRuns]:
    """Divide the runs of a history by year, the oldest first.

    Args:
        columns: The runs.
        order: Indices of the runs, oldest first.
    """
    starts = columns.started_us[order].astype("datetime64[us]").astype("datetime64[Y]")
    years, firsts = np.unique(starts, return_index=True)
    groups = np.split(order, firsts[1:])
    numbered = zip(years.astype(np.int64).tolist(), groups, strict=True)
    return [YearOfRuns(1970 + since_1970, runs) for since_1970, runs in numbered]


def render_year(columns: RunColumns, year: YearOfRuns) -> str:
    """Return the runs of a year as CSV: start, id, commit, number of requests, and each figure."""
    runs = year.runs
    starts = columns.started_us[runs].astype("datetime64[us]")
    cells: list[Sequence[object]] = [
        np.datetime_as_string(starts, unit="ms", timezone="UTC").tolist(),
        [columns.run_ids[index] for index in runs],
        [_commit(columns.commits[index]) for index in runs],
        columns.ok[runs].tolist(),
        columns.failed[runs].tolist(),
    ]
    keys = sorted(columns.figures)
    for key in keys:
        cells.append([None if isnan(value) else value for value in columns.figures[key][runs].tolist()])
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["started_at", "run_id", "commit", "ok", "failed", *map(escape_csv, keys)])
    writer.writerows(zip(*cells, strict=True))
    return buffer.getvalue()


def digest_year(columns: RunColumns, year: YearOfRuns) -> str:
    """Return the digest of the values that the file of a year contains."""
    runs = year.runs
    digest = hashlib.blake2b(digest_size=16)
    for key in sorted(columns.figures):
        digest.update(key.encode())
        digest.update(columns.figures[key][runs].tobytes())
    for numbers in (columns.started_us, columns.ok, columns.failed):
        digest.update(numbers[runs].tobytes())
    indices = runs.tolist()
    for texts in (columns.run_ids, columns.commits):
        digest.update(json.dumps([texts[index] for index in indices]).encode())
    return digest.hexdigest()


def _commit(commit: str | None) -> str | None:
    return None if commit is None else escape_csv(commit)
