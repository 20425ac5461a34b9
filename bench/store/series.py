"""Read the rates or the arrival times of an open loop from a file."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.core.config.executors import ClosedLoop, OpenLoop
from bench.core.config.open_loops import ArrivalRateSeries, ArrivalTimes, RatePoint
from bench.core.config.scenario import Scenario
from bench.core.values import wording
from bench.core.values.record import FieldError
from bench.errors import ConfigError
from bench.store.folders import SCENARIOS, find
from bench.store.rows import NumberedRow, Row, read_numbered_rows
from bench.store.yaml_file import YamlFile

MOST_ROWS = 200_000
"""Most rows of a file: they become a part of each result."""
_Place = tuple[str | int, ...]
_SECONDS = ("time", "timestamp", "arrival_time", "time_s", "timestamp_s", "arrival_s")
_MILLISECONDS = ("time_ms", "timestamp_ms", "arrival_ms")
_RATES = ("rate", "rps", "requests")


def load_series(file: YamlFile[Scenario], scenario: Scenario) -> Scenario:
    """Return a scenario whose phases have the content of the files of rates and arrival times that they name.

    Raises:
        ConfigError: A file is missing or wrong.
    """
    phases: list[ClosedLoop | OpenLoop] = []
    for index, phase in enumerate(scenario.phases):
        place: _Place = ("phases", index) if file.has("phases") else ()
        match phase:
            case ArrivalRateSeries(rates=str() as name):
                path = _find_file(file, (*place, "rates"), name)
                phases.append(_fill(file, place, phase, path, {"rates": read_rates(path)}))
            case ArrivalTimes(times=str() as name):
                path = _find_file(file, (*place, "times"), name)
                phases.append(_fill(file, place, phase, path, {"times": read_times(path)}))
            case _:
                phases.append(phase)
    return scenario.model_copy(update={"phases": tuple(phases)})


def read_rates(path: Path) -> tuple[RatePoint, ...]:
    """Return seconds since the first row, and the rate of each row.

    Raises:
        ConfigError: The file cannot be read, has no such columns, or a row is wrong; the message names the
            line.
    """
    rows = _read(path)
    column = _find_column(rows, _RATES)
    if column is None:
        raise _missing(path, rows, "rate", _RATES)
    points: list[RatePoint] = []
    for (place, row), time_s in zip(rows, _read_times(path, rows), strict=True):
        rate = _read_number(row.get(column))
        if rate is None or rate < 0:
            raise ConfigError(
                f"{path}:{place}: {column} '{row.get(column, '')}' is not a rate", "write a number, 0 or more"
            )
        if points and time_s < points[-1][0]:
            raise ConfigError(f"{path}:{place}: the time is before that of the row above", "sort the rows")
        points.append((time_s, rate))
    return tuple(points)


def read_times(path: Path) -> tuple[float, ...]:
    """Return the arrival times in seconds since the earliest one, sorted.

    Raises:
        ConfigError: The file cannot be read, has no column of times, or a time is wrong; the message names
            the line.
    """
    return tuple(sorted(_read_times(path, _read(path))))


def _find_file(file: YamlFile[Scenario], place: _Place, name: str) -> Path:
    path = find(SCENARIOS, name, near=file.path.parent)
    if path is None:
        raise file.error(place, f"there is no file {name}", "put it next to the scenario")
    return path


def _fill(
    file: YamlFile[Scenario], place: _Place, phase: ArrivalRateSeries | ArrivalTimes, path: Path, content: Row
) -> ClosedLoop | OpenLoop:
    """Return a phase with the content of its file."""
    try:
        return type(phase).model_validate({**dict(phase), **content})
    except ValidationError as error:
        problem = error.errors()[-1]  # those before it belong to the name of a file
        contradiction = problem.get("ctx", {}).get("error")
        message = problem["msg"].removeprefix("Value error, ")
        if isinstance(contradiction, FieldError) and contradiction.path[0] not in content:
            raise file.error((*place, *contradiction.path), message) from error
        raise ConfigError(f"{path}: {message[:1].lower()}{message[1:]}") from error


def _read(path: Path) -> Sequence[NumberedRow]:
    rows = read_numbered_rows(path)
    if len(rows) > MOST_ROWS:
        raise ConfigError(
            f"{path} has {wording.counted(len(rows), 'row')}; at most {MOST_ROWS:,} are allowed",
            f"use a part of the file: head -n {MOST_ROWS}",
        )
    return rows


def _read_times(path: Path, rows: Sequence[NumberedRow]) -> list[float]:
    """Return seconds since the earliest time, to the microsecond."""
    column = _find_column(rows, _SECONDS)
    unit_s = 1.0
    if column is None:
        column = _find_column(rows, _MILLISECONDS)
        unit_s = 0.001
    if column is None:
        raise _missing(path, rows, "time", _SECONDS)
    times_s: list[float] = []
    for place, row in rows:
        time = _read_time(row.get(column))
        if time is None:
            raise ConfigError(
                f"{path}:{place}: {column} '{row.get(column, '')}' is not a time",
                "write a number, or a date like 2026-05-10 09:30:00.25",
            )
        times_s.append(time * unit_s)
    earliest_s = min(times_s)
    return [round(time_s - earliest_s, 6) for time_s in times_s]


def _find_column(rows: Sequence[NumberedRow], names: Sequence[str]) -> str | None:
    """Return the column of the first row that has one of these names, in any case."""
    columns = {str(column).strip().lower(): column for column in rows[0].row}
    return next((columns[name] for name in names if name in columns), None)


def _missing(path: Path, rows: Sequence[NumberedRow], kind: str, names: Sequence[str]) -> ConfigError:
    columns = ", ".join(map(str, rows[0].row))
    return ConfigError(
        f"{path}:{rows[0].place}: no column has a {kind}; columns: {columns}",
        f"name the column {wording.choice(names[:2])}",
    )


def _read_time(value: Any) -> float | None:
    """Return a number, or the seconds of a date, without a zone in UTC; None for another value."""
    number = _read_number(value)
    if number is not None:
        return number
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()


def _read_number(value: Any) -> float | None:
    """Return a finite number; None for another value."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
