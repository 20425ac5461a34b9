"""The requests of a run in columns: a million requests take about 150 MB, and metrics are array arithmetic.

The columns are derived from the fields of `RequestSample`. A request is one row while it is added or read.
"""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import isnan
from operator import add
from typing import Any, overload

import numpy as np

from bench.core.samples.arrays import Column, Floats, Mask
from bench.core.samples.columns import (
    BOOLEANS,
    COLUMNS,
    CULPRIT_NUMBERS,
    CULPRITS,
    FLOATS,
    IS_CENSORED,
    IS_EXCLUDED,
    MISSING,
    MOMENTS,
    NAN,
    OPTIONAL_INTEGERS,
    OUTCOME_NUMBERS,
    OUTCOMES,
    TIER_CODE,
    add_times,
    combine_columns,
    extend_times,
    look_up,
    renumber,
    round_times,
    rows_of_times,
    times_column,
)
from bench.core.samples.request import RequestSample
from bench.core.samples.request_log import RequestLog, TierChanges
from bench.core.samples.sample import Culprit, Outcome
from bench.core.samples.text_numbers import TextNumbers
from bench.core.values.limited_names import MOST_TIERS, LimitedNames

_ROWS_PER_PAGE = 4096


class SampleLog(TextNumbers):
    """Collects requests as they end.

    Args:
        secrets: Texts that details of added logs must not contain; a detail may quote a server.

    Attributes:
        columns: One array per field of a request. Texts are stored as numbers.
        tier_times: Times in milliseconds by tier, one value per request.
        milestone_times: Times in milliseconds by milestone, one value per request.
    """

    def __init__(self, secrets: Collection[str] = ()) -> None:
        super().__init__(secrets)
        self.columns: dict[str, array[Any]] = {}
        for declared in COLUMNS:
            self.columns[declared.name] = array(declared.code or "")
        self.tier_times: dict[str, array[float]] = {}
        self.milestone_times: dict[str, array[float]] = {}
        self._names_of_tiers = LimitedNames(MOST_TIERS)
        self._names_of_milestones = LimitedNames()

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
        fields["detail"] = self.limit_details(fields["detail"], fields["outcome"])
        columns = {column.name: self.convert(column, fields[column.name]) for column in COLUMNS}
        count = len(self)
        for name, column in columns.items():
            self.columns[name].extend(column)
        tier_times = self._names_of_tiers.merge_rows(fields["tier_times"], add)
        add_times(self.tier_times, tier_times, count)
        milestones = self._names_of_milestones.merge_rows(fields["milestone_times"], min)
        add_times(self.milestone_times, milestones, count)

    def extend(self, other: "SampleLog") -> None:
        """Add all requests of another log, in its order."""
        counts = (len(self), len(other))
        tier_times = self._names_of_tiers.merge(other.tier_times, combine_columns(np.add))
        extend_times(self.tier_times, tier_times, counts)
        milestones = self._names_of_milestones.merge(other.milestone_times, combine_columns(np.minimum))
        extend_times(self.milestone_times, milestones, counts)
        numbers = {
            "prompt": [*map(self.prompt_number, other.prompts)],
            "detail": [*map(self.hidden_number, other.details, other.outcomes_of_details())],
            "step": [*map(self.step_number, other.steps)],
        }
        for name, column in other.columns.items():
            self.columns[name].extend(renumber(column, numbers[name]) if name in numbers else column)

    def outcomes_of_details(self) -> list[int]:
        """Return the number of an outcome with which each detail occurred."""
        outcomes = dict(zip(self.columns["detail"], self.columns["outcome"], strict=True))
        return [outcomes.get(number, 0) for number in self.details.values()]

    def since(self, start: int) -> "Samples":
        """Return the requests from the one with this number to the newest of now."""
        return Samples(self, slice(start, len(self)))

    def clear(self) -> None:
        """Remove all requests; the numbers of texts stay."""
        for name, column in self.columns.items():
            self.columns[name] = array(column.typecode)
        self.tier_times = {}
        self.milestone_times = {}

    @property
    def tiers(self) -> Collection[str]:
        """Names of the tiers that have a time in any request."""
        return self.tier_times.keys()

    @property
    def milestones(self) -> Collection[str]:
        """Names of the milestones that any response reached."""
        return self.milestone_times.keys()

    def column(self, name: str, first: int, last: int) -> Column:
        """Return a field of the requests from `first` to before `last`, as it is stored."""
        return np.array(self.columns[name][first:last])

    def tier_time(self, tier: str, first: int, last: int) -> Column:
        """Return the times of a tier, likewise."""
        return np.array(self.tier_times[tier][first:last])

    def milestone_time(self, milestone: str, first: int, last: int) -> Column:
        """Return the times to a milestone, likewise."""
        return np.array(self.milestone_times[milestone][first:last])


_UNCHANGED = TierChanges()


class Samples(Sequence[RequestSample]):
    """Some requests of a log, in the log's order. Creating one copies no data.

    Args:
        log: Holds the requests. A column is read when it is needed.
        rows: Selects the requests: a slice, or an array of their numbers.
        ahead_s: Added to each moment: how far the clock of these samples is ahead of the log's, in seconds.
        changes: Other tier times than those of the log.
    """

    def __init__(
        self,
        log: RequestLog,
        rows: slice | Column,
        ahead_s: float = 0.0,
        changes: TierChanges = _UNCHANGED,
    ) -> None:
        self._log = log
        self._rows = rows
        self._ahead_s = ahead_s
        self._changes = changes

    @classmethod
    def of(cls, rows: Iterable[RequestSample]) -> "Samples":
        """Return samples that hold these requests."""
        log = SampleLog()
        log.add_rows([*rows])
        return log.since(0)

    def __len__(self) -> int:
        return len(self._range) if isinstance(self._rows, slice) else len(self._rows)

    @overload
    def __getitem__(self, index: int) -> RequestSample: ...
    @overload
    def __getitem__(self, index: slice) -> "Samples": ...
    def __getitem__(self, index: int | slice) -> "RequestSample | Samples":
        """Return one request, or the samples of a slice."""
        if isinstance(index, slice):
            return self._select_rows(self._slice(index))
        return self._select_rows(self._numbers[[index]]).rows()[0]

    def __iter__(self) -> Iterator[RequestSample]:
        for start in range(0, len(self), _ROWS_PER_PAGE):
            yield from self[start : start + _ROWS_PER_PAGE].rows()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Samples) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def log(self) -> RequestLog:
        """The log that holds the requests."""
        return self._log

    @property
    def is_whole_log(self) -> bool:
        """Whether these are all requests of the log, without any change."""
        is_whole = isinstance(self._rows, slice) and self._range == range(len(self._log))
        return is_whole and self._ahead_s == 0 and self._changes is _UNCHANGED

    def column(self, name: str) -> Column:
        """Return a field of all requests. `None` becomes NaN, or -1 in whole numbers."""
        column = self._read(partial(self._log.column, name))
        return column + self._ahead_s if self._ahead_s and name in MOMENTS else column

    @property
    def tiers(self) -> list[str]:
        """Names of the tiers that have a time in any request of the log, sorted."""
        return sorted((set(self._log.tiers) - self._changes.hidden) | self._changes.times.keys())

    def tier_time(self, tier: str) -> Floats:
        """Return the times of a tier in milliseconds, with seven digits; NaN where they are unknown."""
        if tier in self._changes.times:
            return round_times(self._changes.times[tier][self._rows])
        if tier not in self.tiers:
            return np.full(len(self), NAN)
        return round_times(self._read(partial(self._log.tier_time, tier)))

    @property
    def milestones(self) -> list[str]:
        """Names of the milestones that any response of the log reached, sorted."""
        return sorted(self._log.milestones)

    def milestone_time(self, milestone: str) -> Floats:
        """Return the times to a milestone in milliseconds, with seven digits; NaN where they are unknown."""
        if milestone not in self._log.milestones:
            return np.full(len(self), NAN)
        return round_times(self._read(partial(self._log.milestone_time, milestone)))

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
        return np.equal(self.column("outcome"), OUTCOME_NUMBERS[outcome])

    def were_waiting(self) -> Mask:
        """Return True for each request that was ended while it waited for its response."""
        is_censored: Mask = IS_CENSORED[self.column("outcome")]
        return is_censored

    def has_culprit(self, culprit: Culprit) -> Mask:
        """Return True for each request that failed because of this part."""
        return np.equal(self.column("culprit"), CULPRIT_NUMBERS[culprit])

    def without_cancelled(self) -> "Samples":
        """Return the requests that the target answered or failed, without the excluded outcomes."""
        return self.where(~IS_EXCLUDED[self.column("outcome")])

    def where(self, mask: Mask) -> "Samples":
        """Return the requests for which the mask is true."""
        return self if mask.all() else self._select_rows(self._numbers[mask])

    def without_tier_times(self, removed: Mapping[str, Mask]) -> "Samples":
        """Return the same requests without some of their tier times.

        Args:
            removed: True for each request that loses its time, by tier.
        """
        if not removed:
            return self
        times = dict(self._changes.times)
        for tier, mask in removed.items():
            column = times.pop(tier, None)
            stored_ms = self._log.tier_time(tier, 0, len(self._log)) if column is None else column
            left_ms = stored_ms.copy()
            left_ms[self._numbers[mask]] = NAN
            if not np.isnan(left_ms[self._rows]).all():
                times[tier] = left_ms
        changes = TierChanges(times, self._changes.hidden | removed.keys())
        return Samples(self._log, self._rows, self._ahead_s, changes)

    def with_tier_times(self, times: Mapping[str, Floats], *, alone: bool = False) -> "Samples":
        """Return the same requests with other tier times.

        Args:
            times: Times in milliseconds by tier, one per request; NaN where they are unknown.
            alone: Remove the times of all other tiers.
        """
        changed = {} if alone else dict(self._changes.times)
        for tier, times_ms in times.items():
            changed[tier] = np.full(len(self._log), NAN, TIER_CODE)
            changed[tier][self._rows] = times_ms
        hidden = frozenset(self._log.tiers) if alone else self._changes.hidden
        return Samples(self._log, self._rows, self._ahead_s, TierChanges(changed, hidden))

    def shift(self, by_s: float) -> "Samples":
        """Return the same requests on a clock that is ahead by this number of seconds."""
        return Samples(self._log, self._rows, self._ahead_s + by_s, self._changes)

    def to_log(self) -> SampleLog:
        """Return a log in memory that holds only these requests."""
        log = SampleLog()
        log.prompts.update(self._log.prompts)
        log.details.update(self._log.details)
        log.steps.update(self._log.steps)
        for name, column in log.columns.items():
            column.frombytes(self.column(name).astype(column.typecode).tobytes())
        for tier in self.tiers:
            log.tier_times[tier] = times_column(self.tier_time(tier))
        for milestone in self.milestones:
            log.milestone_times[milestone] = times_column(self.milestone_time(milestone))
        return log

    def rows(self) -> list[RequestSample]:
        """Return all requests as rows at once. Iteration makes one page of rows at a time."""
        columns: dict[str, list[Any]] = {}
        for stored in COLUMNS:
            columns[stored.name] = self.column(stored.name).tolist()
        for name in FLOATS:
            columns[name] = [None if isnan(value) else value for value in columns[name]]
        for name in OPTIONAL_INTEGERS:
            columns[name] = [None if number == MISSING else number for number in columns[name]]
        for name in BOOLEANS:
            columns[name] = [None if number is None else bool(number) for number in columns[name]]
        columns["prompt"] = look_up(list(self._log.prompts), columns["prompt"])
        columns["detail"] = look_up(list(self._log.details), columns["detail"])
        columns["step"] = look_up(list(self._log.steps), columns["step"])
        columns["outcome"] = look_up(OUTCOMES, columns["outcome"])
        columns["culprit"] = look_up(CULPRITS, columns["culprit"])
        tier_times = {tier: self.tier_time(tier) for tier in self.tiers}
        columns["tier_times"] = rows_of_times(tier_times, len(self))
        milestone_times = {milestone: self.milestone_time(milestone) for milestone in self.milestones}
        columns["milestone_times"] = rows_of_times(milestone_times, len(self))
        rows = []
        for cells in zip(*columns.values(), strict=True):
            fields: dict[str, Any] = dict(zip(columns, cells, strict=True))
            rows.append(RequestSample(**fields))
        return rows

    @property
    def _range(self) -> range:
        """Numbers of the requests in the log, if the rows are a slice."""
        assert isinstance(self._rows, slice)  # noqa: S101 - see above
        return range(len(self._log))[self._rows]

    @property
    def _numbers(self) -> Column:
        """Numbers of the requests in the log."""
        if not isinstance(self._rows, slice):
            return self._rows
        numbers = self._range
        return np.arange(numbers.start, numbers.stop, numbers.step)

    def _slice(self, index: slice) -> slice | Column:
        """Return some of the rows: again a slice if the rows are one, since it needs no number per row."""
        if not isinstance(self._rows, slice):
            return self._rows[index]
        numbers = self._range[index]
        if numbers.step > 0:
            return slice(numbers.start, numbers.stop, numbers.step)
        return self._numbers[index]

    def _select_rows(self, rows: slice | Column) -> "Samples":
        return Samples(self._log, rows, self._ahead_s, self._changes)

    def _read(self, read: Callable[[int, int], Column]) -> Column:
        """Return a column of these requests. Read only the part of the log that contains them."""
        if not len(self):
            return read(0, 0)
        if isinstance(self._rows, slice):
            numbers = self._range
            return read(numbers.start, numbers[-1] + 1)[:: numbers.step]
        first = int(self._rows.min())
        column: Column = read(first, int(self._rows.max()) + 1)[self._rows - first]
        return column
