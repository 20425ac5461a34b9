"""The runs of a history as columns: the little that a long history needs of each run."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain

import numpy as np
import numpy.typing as npt

from bench.core.history.history import HistoryPoint
from bench.core.verdict.comparable import ConditionsKey, conditions_key

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, eq=False)
class RunColumns:
    """Runs of one history in the order of its lines, one value per run in each column."""

    run_ids: tuple[str, ...]
    """Ids of the runs."""
    commits: tuple[str | None, ...]
    """Measured commits."""
    started_us: Integers
    """Start in microseconds since 1970."""
    ok: Integers
    """Number of successful requests."""
    failed: Integers
    """Number of failed requests."""
    figures: Mapping[str, Numbers]
    """The figures by metric; NaN for a run without the metric."""
    conditions: Integers
    """Index of the run's conditions in `examples`."""
    examples: tuple[HistoryPoint, ...]
    """The first run with each of the conditions; all runs of one condition are comparable."""

    @property
    def count(self) -> int:
        """Number of runs."""
        return len(self.run_ids)

    def in_order(self) -> Integers:
        """Return the indices of the runs, oldest first."""
        return np.lexsort((np.asarray(self.run_ids, dtype=np.str_), self.started_us)).astype(np.int64)


def make_columns(points: Sequence[HistoryPoint]) -> RunColumns:
    """Convert runs to columns."""
    keys = dict.fromkeys(key for point in points for key in point.figures)
    figures: dict[str, Numbers] = {}
    for key in keys:
        figures[key] = np.array([point.figures.get(key, np.nan) for point in points])
    examples: dict[ConditionsKey, HistoryPoint] = {}
    indices: dict[ConditionsKey, int] = {}
    conditions: list[int] = []
    for point in points:
        key_of_run = conditions_key(point)
        examples.setdefault(key_of_run, point)
        conditions.append(indices.setdefault(key_of_run, len(indices)))
    return RunColumns(
        run_ids=tuple(point.run_id for point in points),
        commits=tuple(point.commit for point in points),
        started_us=_integers((point.started_at - _EPOCH) // _MICROSECOND for point in points),
        ok=_integers(point.ok for point in points),
        failed=_integers(point.failed for point in points),
        figures=figures,
        conditions=_integers(conditions),
        examples=tuple(examples.values()),
    )


def join_columns(parts: Sequence[RunColumns]) -> RunColumns:
    """Join columns of one history; the result is that of the runs together."""
    if len(parts) == 1:
        return parts[0]
    examples: dict[ConditionsKey, HistoryPoint] = {}
    indices: dict[ConditionsKey, int] = {}
    conditions: list[Integers] = []
    for part in parts:
        renumbered: list[int] = []
        for example in part.examples:
            key = conditions_key(example)
            examples.setdefault(key, example)
            renumbered.append(indices.setdefault(key, len(indices)))
        conditions.append(_integers(renumbered)[part.conditions])
    keys = dict.fromkeys(key for part in parts for key in part.figures)
    return RunColumns(
        run_ids=tuple(chain.from_iterable(part.run_ids for part in parts)),
        commits=tuple(chain.from_iterable(part.commits for part in parts)),
        started_us=np.concatenate([part.started_us for part in parts]),
        ok=np.concatenate([part.ok for part in parts]),
        failed=np.concatenate([part.failed for part in parts]),
        figures={key: np.concatenate([_figure(part, key) for part in parts]) for key in keys},
        conditions=np.concatenate(conditions),
        examples=tuple(examples.values()),
    )


def _figure(part: RunColumns, key: str) -> Numbers:
    values = part.figures.get(key)
    return np.full(part.count, np.nan) if values is None else values


def _integers(values: Iterable[int]) -> Integers:
    return np.fromiter(values, dtype=np.int64)
