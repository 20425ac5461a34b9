"""The requests of a run in columns: a million requests take about 150 MB, and metrics are array arithmetic.

The columns are derived from the fields of `RequestSample`. A request is one row while it is added or read.
"""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import chain
from math import isnan
from operator import add
from typing import Any, overload

import numpy as np

from bench.core.samples.arrays import Column, Floats, Mask
from bench.core.samples.fields import Field
from bench.core.samples.request import REQUEST_FIELDS, RequestSample
from bench.core.samples.sample import CENSORED_OUTCOMES, EXCLUDED_OUTCOMES, Culprit, Outcome
from bench.core.values.escape import hide_texts
from bench.core.values.limited_names import MOST_TIERS, LimitedNames

MORE_DETAILS = "(too many different details; the others are not kept)"
"""Detail of the failures with an outcome for which many other details are kept."""

_COLUMNS = tuple(field for field in REQUEST_FIELDS if field.code is not None)
_MOMENTS = frozenset(field.name for field in REQUEST_FIELDS if field.moment is not None)
_FLOATS = [field.name for field in _COLUMNS if field.type is float]
_OPTIONAL_INTEGERS = [field.name for field in _COLUMNS if field.type in {int, bool} and field.optional]
_BOOLEANS = [field.name for field in _COLUMNS if field.type is bool]
_NAN = float("nan")
_MISSING = -1
# A tier's time is kept with seven digits, in half the memory of a float, and rounded to microseconds.
_TIER_CODE = "f"
_TIER_DIGITS = 3
_ROWS_PER_PAGE = 4096

_OUTCOMES = tuple(Outcome)
_OUTCOME_NUMBERS = {outcome: number for number, outcome in enumerate(_OUTCOMES)}
_CULPRITS = (*Culprit, None)  # the number of None is -1, as for whole numbers
_CULPRIT_NUMBERS = dict(zip(_CULPRITS, (*range(len(Culprit)), _MISSING), strict=True))
_CHOICES: dict[str, dict[Any, int]] = {"outcome": _OUTCOME_NUMBERS, "culprit": _CULPRIT_NUMBERS}
_EXCLUDED_NUMBERS = [*map(_OUTCOME_NUMBERS.__getitem__, EXCLUDED_OUTCOMES)]
_CENSORED_NUMBERS = [*map(_OUTCOME_NUMBERS.__getitem__, CENSORED_OUTCOMES)]


class SampleLog:
    """Collects requests as they end.

    Args:
        secrets: Texts that details of added logs must not contain; a detail may quote a server.

    Attributes:
        columns: One array per field of a request. Texts are stored as numbers.
        tier_times: Times in milliseconds by tier, one value per request.
        milestone_times: Times in milliseconds by milestone, one value per request.
        prompts: The number of each message's id.
        details: The number of each detail.
        steps: The number of each step of a journey.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = secrets
        self.columns: dict[str, array[Any]] = {}
        for field in _COLUMNS:
            self.columns[field.name] = array(field.code or "")
        self.tier_times: dict[str, array[float]] = {}
        self.milestone_times: dict[str, array[float]] = {}
        self.prompts: dict[str, int] = {}
        self.details: dict[str | None, int] = {None: 0}
        self.steps: dict[str | None, int] = {None: 0}
        self._names_of_tiers = LimitedNames(MOST_TIERS)
        self._names_of_milestones = LimitedNames()
        self._names_of_details: dict[int, LimitedNames] = {}

    def __len__(self) -> int:
        return len(self.columns["phase"])

    def append(self, row: RequestSample) -> None:
        """Add a request."""
        self.add_rows((row,))

    def add_rows(self, rows: Sequence[RequestSample]) -> None:
        """Add requests with one conversion per column, which takes about a microsecond per request.

        Raises:
            OverflowError: A number is too large for its column. No request was added.
        """
        if not rows:
            return
        fields: dict[str, Sequence[Any]] = dict(
            zip(RequestSample._fields, zip(*rows, strict=True), strict=True)
        )
        fields["detail"] = self._limit_details(fields["detail"], fields["outcome"])
        columns = {field.name: self._convert(field, fields[field.name]) for field in _COLUMNS}
        count = len(self)
        for name, column in columns.items():
            self.columns[name].extend(column)
        tier_times = self._names_of_tiers.merge_rows(fields["tier_times"], add)
        _add_times(self.tier_times, tier_times, count)
        milestones = [
            self._names_of_milestones.merge(times_ms, min) for times_ms in fields["milestone_times"]
        ]
        _add_times(self.milestone_times, milestones, count)

    def extend(self, other: "SampleLog") -> None:
        """Add all requests of another log, in its order."""
        counts = (len(self), len(other))
        tier_times = self._names_of_tiers.merge(other.tier_times, _combine_columns(np.add))
        _extend_times(self.tier_times, tier_times, counts)
        milestones = self._names_of_milestones.merge(other.milestone_times, _combine_columns(np.minimum))
        _extend_times(self.milestone_times, milestones, counts)
        numbers = {
            "prompt": [*map(self._prompt_number, other.prompts)],
            "detail": [*map(self._hidden_number, other.details, other.outcomes_of_details())],
            "step": [*map(self._step_number, other.steps)],
        }
        for name, column in other.columns.items():
            self.columns[name].extend(_renumber(column, numbers[name]) if name in numbers else column)

    def outcomes_of_details(self) -> list[int]:
        """Return the number of an outcome with which each detail occurred."""
        outcomes = dict(zip(self.columns["detail"], self.columns["outcome"], strict=True))
        return [outcomes.get(number, 0) for number in self.details.values()]

    def since(self, start: int) -> "Samples":
        """Return the requests from the one with this number to the newest of now."""
        return Samples(self, slice(start, len(self)))

    def _convert(self, field: Field, values: Sequence[Any]) -> "array[Any]":
        """Return the column of a field's values."""
        code = field.code or ""
        first = values[0]
        if values.count(first) == len(values):  # most columns of a batch have one value
            return array(code, [self._number(field, first)]) * len(values)
        if field.type in {int, float, bool}:
            return _column_of_numbers(code, values, _NAN if field.type is float else _MISSING)
        numbers = {value: self._number(field, value) for value in dict.fromkeys(values)}
        return array(code, map(numbers.__getitem__, values))

    def _number(self, field: Field, value: Any) -> Any:
        """Return the number that is stored for a value."""
        match field.name:
            case "prompt":
                return self._prompt_number(value)
            case "detail":
                return self.details.setdefault(value, len(self.details))
            case "step":
                return self._step_number(value)
            case "outcome" | "culprit":
                return _CHOICES[field.name][value]
            case _:
                missing = _NAN if field.type is float else _MISSING
                return missing if value is None else field.type(value)

    def _prompt_number(self, prompt: str) -> int:
        return self.prompts.setdefault(prompt, len(self.prompts))

    def _hidden_number(self, detail: str | None, outcome: int) -> int:
        if detail is not None:
            detail = self._keep_detail(hide_texts(detail, self._secrets), outcome)
        return self.details.setdefault(detail, len(self.details))

    def _step_number(self, step: str | None) -> int:
        return self.steps.setdefault(step, len(self.steps))

    def _limit_details(
        self, details: Sequence[str | None], outcomes: Sequence[Outcome]
    ) -> Sequence[str | None]:
        """Return details without those beyond the limit of their outcome: each outcome keeps some."""
        if details.count(None) == len(details):
            return details
        kept: list[str | None] = []
        for detail, outcome in zip(details, outcomes, strict=True):
            number = _OUTCOME_NUMBERS[outcome]
            kept.append(None if detail is None else self._keep_detail(detail, number))
        return kept

    def _keep_detail(self, detail: str, outcome: int) -> str:
        names = self._names_of_details.get(outcome)
        if names is None:
            names = self._names_of_details[outcome] = LimitedNames(other=MORE_DETAILS)
        return names.keep(detail)


class Samples(Sequence[RequestSample]):
    """Some requests of a log, in the log's order. Creating one copies no data.

    Args:
        log: Holds the requests.
        rows: Selects the requests: a slice, or an array of their numbers.
        ahead_s: Added to each moment: how far the clock of these samples is ahead of the log's, in seconds.
    """

    def __init__(self, log: SampleLog, rows: slice | Column, ahead_s: float = 0.0) -> None:
        self._log = log
        self._rows = rows
        self._ahead_s = ahead_s

    @classmethod
    def of(cls, rows: Iterable[RequestSample]) -> "Samples":
        """Return samples that hold these requests."""
        log = SampleLog()
        log.add_rows([*rows])
        return log.since(0)

    def __len__(self) -> int:
        return len(self.column("phase"))

    @overload
    def __getitem__(self, index: int) -> RequestSample: ...
    @overload
    def __getitem__(self, index: slice) -> "Samples": ...
    def __getitem__(self, index: int | slice) -> "RequestSample | Samples":
        """Return one request, or the samples of a slice."""
        if isinstance(index, slice):
            return Samples(self._log, self._slice(index), self._ahead_s)
        return Samples(self._log, self._numbers[[index]], self._ahead_s).rows()[0]

    def __iter__(self) -> Iterator[RequestSample]:
        for start in range(0, len(self), _ROWS_PER_PAGE):
            yield from self[start : start + _ROWS_PER_PAGE].rows()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Samples) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def column(self, name: str) -> Column:
        """Return a field of all requests. `None` becomes NaN, or -1 in whole numbers."""
        column = self._select(self._log.columns[name])
        return column + self._ahead_s if self._ahead_s and name in _MOMENTS else column

    @property
    def tiers(self) -> list[str]:
        """Names of the tiers that have a time in any request of the log, sorted."""
        return sorted(self._log.tier_times)

    def tier_time(self, tier: str) -> Floats:
        """Return the times of a tier in milliseconds, with seven digits; NaN where they are unknown."""
        return self._times(self._log.tier_times.get(tier))

    @property
    def milestones(self) -> list[str]:
        """Names of the milestones that any response of the log reached, sorted."""
        return sorted(self._log.milestone_times)

    def milestone_time(self, milestone: str) -> Floats:
        """Return the times to a milestone in milliseconds, with seven digits; NaN where they are unknown."""
        return self._times(self._log.milestone_times.get(milestone))

    @property
    def prompts(self) -> dict[str, int]:
        """The number of each message's id in the column `prompt`."""
        return self._log.prompts

    @property
    def details(self) -> dict[str | None, int]:
        """The number of each detail in the column `detail`."""
        return self._log.details

    @property
    def steps(self) -> dict[str | None, int]:
        """The number of each step of a journey in the column `step`."""
        return self._log.steps

    def has_step(self, steps: Collection[str]) -> Mask:
        """Return True for each request of one of these steps."""
        numbers = [number for step, number in self._log.steps.items() if step in steps]
        return np.isin(self.column("step"), numbers)

    def has_outcome(self, outcome: Outcome) -> Mask:
        """Return True for each request with this outcome."""
        return np.equal(self.column("outcome"), _OUTCOME_NUMBERS[outcome])

    def were_waiting(self) -> Mask:
        """Return True for each request that was ended while it waited for its response."""
        return np.isin(self.column("outcome"), _CENSORED_NUMBERS)

    def has_culprit(self, culprit: Culprit) -> Mask:
        """Return True for each request that failed because of this part."""
        return np.equal(self.column("culprit"), _CULPRIT_NUMBERS[culprit])

    def without_cancelled(self) -> "Samples":
        """Return the requests that the target answered or failed, without the excluded outcomes."""
        return self.where(~np.isin(self.column("outcome"), _EXCLUDED_NUMBERS))

    def where(self, mask: Mask) -> "Samples":
        """Return the requests for which the mask is true."""
        return self if mask.all() else Samples(self._log, self._numbers[mask], self._ahead_s)

    def without_tier_times(self, removed: Mapping[str, Mask]) -> "Samples":
        """Return the same requests without some of their tier times.

        Args:
            removed: True for each request that loses its time, by tier.
        """
        if not removed:
            return self
        log = copy(self._log)
        log.tier_times = dict(log.tier_times)
        for tier, mask in removed.items():
            times_ms = array(_TIER_CODE, log.tier_times.pop(tier))
            np.asarray(times_ms)[self._numbers[mask]] = _NAN
            if not np.isnan(np.asarray(times_ms)[self._rows]).all():
                log.tier_times[tier] = times_ms
        return Samples(log, self._rows, self._ahead_s)

    def with_tier_times(self, times: Mapping[str, Floats], *, alone: bool = False) -> "Samples":
        """Return the same requests with other tier times.

        Args:
            times: Times in milliseconds by tier, one per request; NaN where they are unknown.
            alone: Remove the times of all other tiers.
        """
        log = copy(self._log)
        log.tier_times = {} if alone else dict(log.tier_times)
        for tier, times_ms in times.items():
            column = _unknown_times(len(self._log))
            np.asarray(column)[self._numbers] = times_ms
            log.tier_times[tier] = column
        return Samples(log, self._rows, self._ahead_s)

    def shift(self, by_s: float) -> "Samples":
        """Return the same requests on a clock that is ahead by this number of seconds."""
        return Samples(self._log, self._rows, self._ahead_s + by_s)

    def rows(self) -> list[RequestSample]:
        """Return all requests as rows at once. Iteration makes one page of rows at a time."""
        columns: dict[str, list[Any]] = {}
        for name in self._log.columns:
            columns[name] = self.column(name).tolist()
        for name in _FLOATS:
            columns[name] = [None if isnan(value) else value for value in columns[name]]
        for name in _OPTIONAL_INTEGERS:
            columns[name] = [None if number == _MISSING else number for number in columns[name]]
        for name in _BOOLEANS:
            columns[name] = [None if number is None else bool(number) for number in columns[name]]
        columns["prompt"] = _look_up(list(self._log.prompts), columns["prompt"])
        columns["detail"] = _look_up(list(self._log.details), columns["detail"])
        columns["step"] = _look_up(list(self._log.steps), columns["step"])
        columns["outcome"] = _look_up(_OUTCOMES, columns["outcome"])
        columns["culprit"] = _look_up(_CULPRITS, columns["culprit"])
        columns["tier_times"] = self._times_of_rows(self._log.tier_times)
        columns["milestone_times"] = self._times_of_rows(self._log.milestone_times)
        rows = []
        for cells in zip(*columns.values(), strict=True):
            fields: dict[str, Any] = dict(zip(columns, cells, strict=True))
            rows.append(RequestSample(**fields))
        return rows

    def _times(self, column: "array[float] | None") -> Floats:
        """Return times in milliseconds of these requests; NaN where they are unknown."""
        if column is None:
            return np.full(len(self), _NAN)
        return self._select(column).astype(np.float64).round(_TIER_DIGITS)

    def _times_of_rows(self, columns: "Mapping[str, array[float]]") -> list[dict[str, float]]:
        """Return the known times of each request by name."""
        rows: list[dict[str, float]] = [{} for _ in range(len(self))]
        for name, column in columns.items():
            for row, time_ms in zip(rows, self._times(column).tolist(), strict=True):
                if not isnan(time_ms):
                    row[name] = time_ms
        return rows

    @property
    def _numbers(self) -> Column:
        """Numbers of the requests in the log."""
        return np.arange(len(self._log))[self._rows] if isinstance(self._rows, slice) else self._rows

    def _slice(self, index: slice) -> slice | Column:
        """Return some of the rows: again a slice if the rows are one, since it needs no number per row."""
        if not isinstance(self._rows, slice):
            return self._rows[index]
        numbers = range(len(self._log))[self._rows][index]
        if numbers.step > 0:
            return slice(numbers.start, numbers.stop, numbers.step)
        return self._numbers[index]

    def _select(self, column: "array[Any]") -> Column:
        selected = np.asarray(column)[self._rows]
        # A slice is a view, and an array with a view cannot grow. A selection by number is a copy already.
        return selected.copy() if isinstance(self._rows, slice) else selected


def _unknown_times(count: int) -> "array[float]":
    return array(_TIER_CODE, [_NAN]) * count


def _column_of_numbers(code: str, values: Sequence[Any], missing: float) -> "array[Any]":
    """Return a column of numbers, with `missing` instead of `None`."""
    try:
        return array(code, values)
    except TypeError:
        return array(code, [missing if value is None else value for value in values])


def _renumber(column: "array[Any]", numbers: Sequence[int]) -> "array[Any]":
    """Return a column with the number at each old number."""
    if numbers == [*range(len(numbers))]:
        return column
    return array(column.typecode, np.array(numbers, column.typecode)[column].tobytes())


def _add_times(columns: "dict[str, array[float]]", rows: Sequence[Mapping[str, float]], count: int) -> None:
    """Add the times of requests by name to columns that have the times of `count` requests."""
    if any(rows):
        for name in dict.fromkeys(chain.from_iterable(rows)):
            columns.setdefault(name, _unknown_times(count))
    for name, column in columns.items():
        column.extend([times_ms.get(name, _NAN) for times_ms in rows])


def _combine_columns(combine: Callable[[Floats, Floats], Floats]) -> Callable[[Any, Any], "array[float]"]:
    """Return a function that combines two columns of times; one that is unknown changes nothing."""

    def combine_columns(first: "array[float]", second: "array[float]") -> "array[float]":
        one_ms = np.asarray(first)
        other_ms = np.asarray(second)
        known_ms = np.where(np.isnan(one_ms), other_ms, one_ms)
        is_both = ~np.isnan(one_ms) & ~np.isnan(other_ms)
        return array(_TIER_CODE, np.where(is_both, combine(one_ms, other_ms), known_ms).tolist())

    return combine_columns


def _extend_times(
    columns: "dict[str, array[float]]", others: "Mapping[str, array[float]]", counts: tuple[int, int]
) -> None:
    """Add the columns of another log. The counts are the numbers of requests of the two logs."""
    own_count, other_count = counts
    for name in sorted(columns.keys() | others.keys()):
        times_ms = columns.setdefault(name, _unknown_times(own_count))
        times_ms.extend(others.get(name) or _unknown_times(other_count))


def _look_up(values: Sequence[Any], numbers: Iterable[int]) -> list[Any]:
    return [*map(values.__getitem__, numbers)]
