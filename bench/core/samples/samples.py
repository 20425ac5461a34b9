"""The requests of a run in columns: a million take about 110 MB, and a metric is arithmetic on arrays.

A request is a row (`RequestSample`) when it is added or looked at, and a place in each column in between.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from operator import attrgetter
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from bench.core.samples.sample import NOT_ANSWERS, Outcome, RequestSample

Column = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Kept once each: a target that fails a million times in as many words must not fill the memory.
MOST_DETAILS = 10_000
MORE_DETAILS = "(there were too many different ones to keep them all)"

_MOMENTS = ("scheduled_s", "sent_s", "first_byte_s", "first_token_s", "last_token_s", "finished_s")
# Names of columns by what they hold, with their type in `array`'s codes.
_FLOATS = dict.fromkeys((*_MOMENTS, "connect_s"), "d")
_WHOLE = {"phase": "H", "vu": "I", "iteration": "I", "arm": "B"}
_MAYBE = {"tokens": "i", "intercepted": "b", "status": "h"}
_NUMBERED = {"prompt": "I", "detail": "H", "outcome": "B"}
# Half the memory for what an answer may have many of: seven digits, and no more of them than microseconds.
_TIER, _TIER_DIGITS = "f", 3
_PAGE = 4096  # rows that are made at once when all are looked at
_NAN, _MISSING = float("nan"), -1
_floats, _whole, _maybe = attrgetter(*_FLOATS), attrgetter(*_WHOLE), attrgetter(*_MAYBE)

_OUTCOMES = tuple(Outcome)
_OUTCOME_NUMBERS = {outcome: number for number, outcome in enumerate(_OUTCOMES)}
_TAKEN_BACK = [_OUTCOME_NUMBERS[outcome] for outcome in NOT_ANSWERS]


class SampleLog:
    """Takes requests as they end.

    Attributes:
        columns: By the name of a request's field; texts are numbers of the texts below, or of `Outcome`.
        tier_times: Milliseconds by tier, a value for each request.
        prompts: Numbers of the messages' ids.
        details: Numbers of what was said for people.
    """

    def __init__(self) -> None:
        codes = _FLOATS | _WHOLE | _MAYBE | _NUMBERED
        self.columns: dict[str, array[Any]] = {name: array(code) for name, code in codes.items()}
        self._by_kind = [[self.columns[name] for name in names] for names in (_FLOATS, _WHOLE, _MAYBE)]
        self.tier_times: dict[str, array[float]] = {}
        self.prompts: dict[str, int] = {}
        self.details: dict[str | None, int] = {None: 0}

    def __len__(self) -> int:
        return len(self.columns["phase"])

    def append(self, row: RequestSample) -> None:
        """Add a request."""
        columns = self.columns
        floats, whole, maybe = self._by_kind
        for column, moment in zip(floats, _floats(row), strict=True):
            column.append(_NAN if moment is None else moment)
        for column, number in zip(whole, _whole(row), strict=True):
            column.append(number)
        for column, number in zip(maybe, _maybe(row), strict=True):
            column.append(_MISSING if number is None else number)
        columns["prompt"].append(self.prompts.setdefault(row.prompt, len(self.prompts)))
        columns["detail"].append(self._detail(row.detail))
        columns["outcome"].append(_OUTCOME_NUMBERS[row.outcome])
        for tier in row.tier_times.keys() - self.tier_times.keys():
            self.tier_times[tier] = array(_TIER, [_NAN]) * (len(self) - 1)
        for tier, column in self.tier_times.items():
            column.append(row.tier_times.get(tier, _NAN))

    def extend(self, other: "SampleLog") -> None:
        """Add all requests of another log, in its order."""
        before, more = len(self), len(other)
        for tier in sorted(self.tier_times.keys() | other.tier_times.keys()):
            column = self.tier_times.setdefault(tier, array(_TIER, [_NAN]) * before)
            column.extend(other.tier_times.get(tier, array(_TIER, [_NAN]) * more))
        numbers = {
            "prompt": [self.prompts.setdefault(name, len(self.prompts)) for name in other.prompts],
            "detail": [self._detail(text) for text in other.details],
        }
        for name, column in other.columns.items():
            renumbered = numbers.get(name)
            same = (
                column if renumbered is None else array(column.typecode, [renumbered[int(n)] for n in column])
            )
            self.columns[name].extend(same)

    def since(self, start: int) -> "Samples":
        """The requests from the one of this number on, as many as there are now."""
        return Samples(self, slice(start, len(self)))

    def _detail(self, text: str | None) -> int:
        if text not in self.details and len(self.details) >= MOST_DETAILS:
            text = MORE_DETAILS
        return self.details.setdefault(text, len(self.details))


class Samples(Sequence[RequestSample]):
    """Some requests of a log, in its order. Cheap: the columns stay the log's.

    Args:
        log: Whose requests.
        rows: Which of them.
        ahead_s: What is added to each moment: how many seconds the clock here is ahead of the log's.
    """

    def __init__(self, log: SampleLog, rows: slice | Column, ahead_s: float = 0.0) -> None:
        self._log = log
        self._rows = rows
        self._ahead_s = ahead_s

    @classmethod
    def of(cls, rows: Iterable[RequestSample]) -> "Samples":
        """These requests."""
        log = SampleLog()
        for row in rows:
            log.append(row)
        return log.since(0)

    def __len__(self) -> int:
        return len(self.column("phase"))

    @overload
    def __getitem__(self, index: int) -> RequestSample: ...
    @overload
    def __getitem__(self, index: slice) -> "Samples": ...
    def __getitem__(self, index: int | slice) -> "RequestSample | Samples":
        """A request, or some."""
        if isinstance(index, slice):
            return Samples(self._log, self._cut(index), self._ahead_s)
        return Samples(self._log, self._numbers[[index]], self._ahead_s).rows()[0]

    def __iter__(self) -> Iterator[RequestSample]:
        for start in range(0, len(self), _PAGE):
            yield from self[start : start + _PAGE].rows()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Samples) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def column(self, name: str) -> Column:
        """A field of all requests; what is None in a request is NaN here, or -1 in whole numbers."""
        column = self._picked(self._log.columns[name])
        return column + self._ahead_s if self._ahead_s and name in _MOMENTS else column

    @property
    def tiers(self) -> list[str]:
        """Names of the tiers that any request of the log has a time of, sorted."""
        return sorted(self._log.tier_times)

    def tier_time(self, tier: str) -> Floats:
        """Milliseconds of a tier, to seven digits and the microsecond; NaN where it says nothing."""
        column = self._log.tier_times.get(tier)
        if column is None:
            return np.full(len(self), _NAN)
        return self._picked(column).astype(np.float64).round(_TIER_DIGITS)

    @property
    def prompts(self) -> dict[str, int]:
        """The messages' ids, with the numbers that stand for them in the column `prompt`."""
        return self._log.prompts

    def ended(self, outcome: Outcome) -> Mask:
        """Which requests ended like that."""
        return np.equal(self.column("outcome"), _OUTCOME_NUMBERS[outcome])

    def answered(self) -> "Samples":
        """The requests that say something about the target: those that we did not take back."""
        return self.where(~np.isin(self.column("outcome"), _TAKEN_BACK))

    def where(self, mask: Mask) -> "Samples":
        """The requests for which the mask is true."""
        return self if mask.all() else Samples(self._log, self._numbers[mask], self._ahead_s)

    def shifted(self, by_s: float) -> "Samples":
        """The same requests on a clock that is ahead by so many seconds."""
        return Samples(self._log, self._rows, self._ahead_s + by_s)

    def rows(self) -> list[RequestSample]:
        """All as rows at once; iterating makes some at a time."""
        log, prompts, details = self._log, list(self._log.prompts), list(self._log.details)
        columns = {name: self.column(name).tolist() for name in log.columns}
        for name in _FLOATS:
            columns[name] = [None if isnan(value) else value for value in columns[name]]
        for name in _MAYBE:
            columns[name] = [None if value == _MISSING else value for value in columns[name]]
        columns["intercepted"] = [None if value is None else bool(value) for value in columns["intercepted"]]
        columns["prompt"] = [prompts[number] for number in columns["prompt"]]
        columns["detail"] = [details[number] for number in columns["detail"]]
        columns["outcome"] = [_OUTCOMES[number] for number in columns["outcome"]]
        tier_times = {tier: self.tier_time(tier).tolist() for tier in log.tier_times}
        names = [*columns, "tier_times"]
        tiers = [_said(tier_times, number) for number in range(len(self))]
        return [
            RequestSample(**dict(zip(names, cells, strict=True)))
            for cells in zip(*columns.values(), tiers, strict=True)
        ]

    @property
    def _numbers(self) -> Column:
        """Numbers of the requests in the log."""
        return np.arange(len(self._log))[self._rows] if isinstance(self._rows, slice) else self._rows

    def _cut(self, index: slice) -> slice | Column:
        """Some of the rows; of rows that follow one another without a number for each."""
        if not isinstance(self._rows, slice):
            return self._rows[index]
        numbers = range(len(self._log))[self._rows][index]
        return slice(numbers.start, numbers.stop, numbers.step) if numbers.step > 0 else self._numbers[index]

    def _picked(self, column: "array[Any]") -> Column:
        picked = np.asarray(column)[self._rows]
        # An array that somebody looks into cannot grow; what is picked by number is a copy already.
        return picked.copy() if isinstance(self._rows, slice) else picked


def _said(tier_times: dict[str, list[float]], number: int) -> dict[str, float]:
    return {tier: values[number] for tier, values in tier_times.items() if not isnan(values[number])}
