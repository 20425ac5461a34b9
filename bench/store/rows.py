"""Read rows of data: CSV with a head, JSON Lines, and Parquet."""

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

from bench.errors import ConfigError

Row = dict[str, Any]


class NumberedRow(NamedTuple):
    """A row and its place in its file."""

    place: int
    """Number of the line, from 1; of the row in a Parquet file."""
    row: Row


def read_rows(path: Path) -> tuple[Row, ...]:
    """Return the rows of a file; the ending of its name decides the format.

    Raises:
        ConfigError: The file cannot be read, or has no rows; the message names the line.
    """
    return tuple(numbered.row for numbered in read_numbered_rows(path))


def read_numbered_rows(path: Path) -> tuple[NumberedRow, ...]:
    """Return the rows of a file with their places, as `read_rows` does.

    Raises:
        ConfigError: As for `read_rows`.
    """
    read = _READERS.get(path.suffix.lower())
    if read is None:
        endings = ", ".join(_READERS)
        raise ConfigError(f"{path}: unknown format of rows", f"use a file that ends in {endings}")
    rows = read(path)
    if not rows:
        raise ConfigError(f"{path} has no rows", "write one row for each user")
    return rows


def _read_csv(path: Path) -> tuple[NumberedRow, ...]:
    """Read a CSV file; its first line names the columns, and all values are text."""
    reader = csv.reader(StringIO(read_text(path), newline=""), strict=True)
    rows: list[NumberedRow] = []
    try:
        columns = next(reader, [])
        for cells in reader:
            if not cells:  # an empty line
                continue
            if len(cells) != len(columns):
                difference = f"the row has {len(cells)} columns, and the head has {len(columns)}"
                raise ConfigError(
                    f"{path}:{reader.line_num}: {difference}", "put quotes around values with a comma"
                )
            rows.append(NumberedRow(reader.line_num, dict(zip(columns, cells, strict=True))))
    except csv.Error as error:
        raise ConfigError(f"{path}:{reader.line_num}: no CSV: {error}") from error
    _check_columns(path, columns)
    return tuple(rows)


def _check_columns(path: Path, columns: list[str]) -> None:
    for column in columns:
        if not column.strip() or columns.count(column) > 1:
            problem = f"two columns have the name '{column}'" if column.strip() else "a column has no name"
            raise ConfigError(f"{path}:1: {problem}", "name each column in the first line")


def _read_json_lines(path: Path) -> tuple[NumberedRow, ...]:
    rows: list[NumberedRow] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ConfigError(
                f"{path}:{number}: no JSON: {error}", "write one JSON object per line"
            ) from error
        if not isinstance(row, dict):
            raise ConfigError(
                f"{path}:{number}: the line is no JSON object", "write one JSON object per line"
            )
        rows.append(NumberedRow(number, row))
    return tuple(rows)


def _read_parquet(path: Path) -> tuple[NumberedRow, ...]:
    try:
        from pyarrow import ArrowException, parquet  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        raise ConfigError(f"{path}: Parquet needs pyarrow", "pip install 'chatbench[parquet]'") from error
    try:
        rows = parquet.read_table(path).to_pylist()
    except (OSError, ArrowException) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    return tuple(NumberedRow(number, row) for number, row in enumerate(rows, 1))


def read_text(path: Path) -> str:
    """Return the content of a file.

    Raises:
        ConfigError: The file cannot be read, or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: the file is not text in UTF-8", "save it with the encoding UTF-8"
        ) from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error


_READERS: dict[str, Callable[[Path], tuple[NumberedRow, ...]]] = {
    ".csv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}
ROW_ENDINGS = frozenset(_READERS)
"""Endings of the names of files with rows."""
