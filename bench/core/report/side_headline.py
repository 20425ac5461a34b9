"""The first sentences about several runs side by side: which is fastest, answers most, and costs least."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import NamedTuple

from bench.core.capacity.load_trial import LoadUnit, SafeLoad
from bench.core.experiment.quantities import CPU, MEMORY
from bench.core.report.capacity_words import describe_load, describe_safe_load
from bench.core.report.compared_metrics import ComparedMetric, ComparedValue
from bench.core.report.listed_run import ListedRun
from bench.core.run.result import RunResult
from bench.core.samples.cost_metrics import THROUGHPUT, TOKENS_PER_REQUEST
from bench.core.samples.metrics import RESPONSE_TIME
from bench.core.values import wording

COSTS = (CPU, MEMORY, TOKENS_PER_REQUEST)
"""Metrics of cost; the first one that two runs have is named and drawn."""
_PAIR = 2
"""With this number of runs, one sentence compares them."""


class _Words(NamedTuple):
    """The words for a metric in a sentence about runs."""

    verb: str
    """`responds`."""
    lower: str
    """After a percentage, if the value is lower: `faster`."""
    higher: str
    """If the value is higher: `slower`."""
    best: str
    """For the best run: `fastest`."""
    same: str
    """For equal values: `as fast`."""


_WORDS = {
    RESPONSE_TIME: _Words("responds", "faster", "slower", "fastest", "as fast"),
    THROUGHPUT: _Words("answers", "less", "more", "most", "as much"),
}


_ALIKE = {RESPONSE_TIME: "respond as fast", THROUGHPUT: "answer as much"}
"""For a metric in which all runs are equal."""


def describe_runs(runs: Sequence[ListedRun], metrics: Sequence[ComparedMetric]) -> str:
    """Return the sentences about response time, throughput and cost of runs with a load of their own."""
    able = [number for number, run in enumerate(runs) if run.excluded is None]
    if len(able) < _PAIR:
        return f"{_list_excluded(runs)}: there are no two runs to compare"
    clauses = []
    for row in _list_headline_metrics(metrics, able):
        clauses.append(_Clause(row, [number for number in able if row.values[number] is not None]))
    left_out = f" {_list_excluded(runs)} and takes no part in this." if len(able) == len(runs) - 1 else ""
    if len(able) < len(runs) - 1:
        left_out = f" {_list_excluded(runs)}; they take no part in this."
    text = _describe_pair(runs, clauses) if len(able) == _PAIR else _describe_best(runs, clauses)
    return f"{text}{left_out}"


class _Clause(NamedTuple):
    """A metric, and the positions of the runs that can be compared in it."""

    row: ComparedMetric
    able: Sequence[int]

    def value(self, number: int) -> ComparedValue:
        """Return the value of a run that has one."""
        value = self.row.values[number]
        assert value is not None  # noqa: S101 - see `able`
        return value

    @property
    def ranking(self) -> list[int]:
        """The positions of the runs, the best first."""
        sign = -1.0 if self.row.higher_is_better else 1.0
        return sorted(self.able, key=lambda number: sign * self.value(number).value)


def _list_headline_metrics(
    metrics: Sequence[ComparedMetric], able: Sequence[int]
) -> Iterator[ComparedMetric]:
    """Yield response time, throughput, and the first cost, if at least two runs have them."""
    for key in (RESPONSE_TIME, THROUGHPUT):
        row = find_metric(metrics, key)
        if row is not None and row.count_values(able) > 1:
            yield row
    cost = find_cost(metrics, able)
    if cost is not None:
        yield cost


def find_metric(metrics: Sequence[ComparedMetric], key: str) -> ComparedMetric | None:
    """Return a metric by its key; None without one."""
    for row in metrics:
        if row.key == key:
            return row
    return None


def find_cost(metrics: Sequence[ComparedMetric], able: Sequence[int]) -> ComparedMetric | None:
    """Return the metric of cost that at least two of some runs have; None without one."""
    for key in COSTS:
        row = find_metric(metrics, key)
        if row is not None and row.count_values(able) > 1:
            return row
    return None


def _describe_pair(runs: Sequence[ListedRun], clauses: Sequence[_Clause]) -> str:
    """Compare two runs in one sentence, the later one with the earlier one."""
    if not clauses:
        return "The runs have no metric in common"
    first, second = clauses[0].able
    parts = [_compare(clause, first, second, runs[first].letter) for clause in clauses]
    return f"Run {runs[second].letter} {wording.listing(parts)}."


def _compare(clause: _Clause, first: int, second: int, letter: str) -> str:
    """Return `responds 24 % faster than run A (794 → 607 ms)`."""
    row = clause.row
    base, head = clause.value(first).value, clause.value(second).value
    values = _write_pair(base, head, row.unit)
    words = _WORDS.get(row.key)
    than = f" than run {letter}" if row.key == RESPONSE_TIME else ""
    size = _size_of(base, head)
    if size is None:
        same = f"{words.verb} {words.same}" if words else f"needs as much {row.label}"
        as_run = f" as run {letter}" if than else ""
        return f"{same}{as_run} ({_write_one(head, row.unit)})"
    if words is None:
        return f"needs {size} {'less' if head < base else 'more'} {row.label} ({values})"
    return f"{words.verb} {size} {words.lower if head < base else words.higher}{than} ({values})"


def _write_pair(base: float, head: float, unit: str) -> str:
    """Write two values with one unit: `794 → 607 ms`, `1.62 → 1.4 requests/s`."""
    if unit == "requests/s":
        return f"{wording.rate(base)} → {wording.rate(head)} {unit}"
    return wording.pair(base, head, unit)


def _write_one(value: float, unit: str) -> str:
    return f"{wording.rate(value)} {unit}" if unit == "requests/s" else wording.with_unit(value, unit)


def _size_of(base: float, head: float) -> str | None:
    """Return the size of a difference as a share of the base; None if the values are the same to people."""
    if base <= 0 or wording.change(head / base - 1.0) == "0 %":
        return None
    return wording.magnitude(head / base - 1.0)


def _describe_best(runs: Sequence[ListedRun], clauses: Sequence[_Clause]) -> str:
    """Name the best run of each metric, compared with the first run; the first is compared with the next."""
    return " ".join(map(_describe_winner, repeat(runs), clauses)) or "The runs have no metric in common."


def _describe_winner(runs: Sequence[ListedRun], clause: _Clause) -> str:
    row = clause.row
    ranking = clause.ranking
    winner, following = ranking[:2]
    other = 0 if winner != 0 and 0 in clause.able else following
    best = clause.value(winner).value
    value = clause.value(other).value
    words = _WORDS.get(row.key)
    claim = f"{words.verb} {words.best}" if words else f"needs least {row.label}"
    size = _size_of(value, best)
    if size is None:
        unit = _write_one(best, row.unit)
        if _size_of(clause.value(ranking[-1]).value, best) is None:
            return f"All {_ALIKE.get(row.key, f'need as much {row.label}')} ({unit})."
        return f"Run {runs[winner].letter} {claim}, like run {runs[other].letter} ({unit})."
    less, more = (words.lower, words.higher) if words else ("less", "more")
    direction = less if best < value else more
    values = _write_pair(value, best, row.unit)
    return f"Run {runs[winner].letter} {claim}, {size} {direction} than run {runs[other].letter} ({values})."


def _list_excluded(runs: Sequence[ListedRun]) -> str:
    parts = []
    for run in runs:
        if run.excluded is not None:
            parts.append(f"run {run.letter} {run.excluded}")
    text = wording.listing(parts)
    return text[:1].upper() + text[1:]


def describe_searches(runs: Sequence[ListedRun], results: Sequence[RunResult]) -> str:
    """Return the sentences about the safe loads of capacity searches."""
    units = set[LoadUnit]()
    loads = []
    for run, result in zip(runs, results, strict=True):
        capacity = result.capacity
        if capacity is not None:
            units.add(capacity.unit)
        if capacity is not None and capacity.safe_load is not None and run.excluded is None:
            loads.append((capacity.safe_load, run.letter))
    if len(units) > 1:
        return "The safe loads have different units, users and requests/s, so no load is the larger one."
    if len(loads) < _PAIR:
        return "Fewer than two of the searches found a safe load."
    loads.sort(key=lambda pair: -(pair[0].low if pair[0].high is None else pair[0].load))
    (best, letter), (next_best, next_letter) = loads[:2]
    (unit,) = units
    overlap = _describe_overlap(best.low, next_best.high)
    return (
        f"Run {letter} has the largest safe load: {_describe_safe(best, unit)}; "
        f"run {next_letter} is next: {_describe_safe(next_best, unit)}. {overlap}"
    )


def _describe_safe(safe: SafeLoad, unit: LoadUnit) -> str:
    if safe.high is None:
        return f"at least {describe_load(safe.low, unit)}"
    return describe_safe_load(safe, unit)


def _describe_overlap(low: float, high: float | None) -> str:
    if high is None or low <= high:
        return "Their intervals overlap, so the searches do not tell which one is larger."
    return "Their intervals do not overlap."
