"""The first sentences about several runs side by side: which is fastest, answers most, and costs least."""

from collections.abc import Iterator, Sequence
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


_SINGLE = "In these single runs, "


class _Words(NamedTuple):
    """The words for a metric in a sentence about runs."""

    verb: str
    """`responds`."""
    lower: str
    """After a percentage, if the value is lower: `faster`."""
    higher: str
    """If the value is higher: `slower`."""
    same: str
    """For equal values: `as fast`."""
    best: str
    """For the best run: `responds fastest`."""
    alike: str
    """For all runs, if they are equal: `respond as fast`."""


_WORDS = {
    RESPONSE_TIME: _Words("responds", "faster", "slower", "as fast", "responds fastest", "respond as fast"),
    THROUGHPUT: _Words("answers", "less", "more", "as much", "answers most", "answer as much"),
}


def _words_of(row: ComparedMetric) -> _Words:
    """Return the words for a metric; those of a cost contain its name."""
    words = _WORDS.get(row.key)
    if words is not None:
        return words
    name = row.label
    return _Words(
        "needs",
        f"less {name}",
        f"more {name}",
        f"as much {name}",
        f"needs the least {name}",
        f"need as much {name}",
    )


def describe_runs(runs: Sequence[ListedRun], metrics: Sequence[ComparedMetric], lead: str = _SINGLE) -> str:
    """Return the sentences about response time, throughput and cost of runs with a load of their own.

    Args:
        runs: The runs.
        metrics: Their metrics.
        lead: The start of the first sentence, with a space at its end.
    """
    able = _list_able(runs)
    if len(able) < _PAIR:
        return f"{_list_excluded(runs)}: there are no two runs to compare"
    clauses = _list_clauses(metrics, able)
    if not clauses:
        return "The runs have no metric in common."
    left_out = f" {_list_excluded(runs)} and takes no part in this." if len(able) == len(runs) - 1 else ""
    if len(able) < len(runs) - 1:
        left_out = f" {_list_excluded(runs)}; they take no part in this."
    text = _describe_pair(runs, clauses) if len(able) == _PAIR else _describe_best(runs, clauses)
    return f"{lead}{text}{left_out}"


def find_rivals(runs: Sequence[ListedRun], metrics: Sequence[ComparedMetric]) -> tuple[int, int] | None:
    """Return the positions of the two runs that the first sentence compares, the earlier one first."""
    clauses = _list_clauses(metrics, _list_able(runs))
    if not clauses:
        return None
    first, second = sorted(clauses[0].rivals)
    return first, second


def _list_able(runs: Sequence[ListedRun]) -> list[int]:
    return [number for number, run in enumerate(runs) if run.excluded is None]


def _list_clauses(metrics: Sequence[ComparedMetric], able: Sequence[int]) -> "list[_Clause]":
    clauses = []
    for row in _list_headline_metrics(metrics, able):
        clauses.append(_Clause(row, [number for number in able if row.values[number] is not None]))
    return clauses


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

    def differs(self, one: int, other: int) -> bool:
        """Whether the difference of two runs is larger than the tolerance, and visible to people."""
        values = self.value(one), self.value(other)
        if _size_of(values[1].value, values[0].value) is None:
            return False
        base = self.row.values[0]
        if base is None:
            return True  # no size is known
        return abs(_signed_size(values[0]) - _signed_size(values[1])) >= 1.0

    @property
    def rivals(self) -> tuple[int, int]:
        """The positions of the best run and of its partner: the first run, or the next one."""
        winner, following = self.ranking[:2]
        return winner, 0 if winner != 0 and 0 in self.able else following


def _signed_size(value: ComparedValue) -> float:
    """Return the size of a difference from the first run, negative if the value is lower."""
    size = value.size or 0.0
    return -size if (value.difference or 0.0) < 0 else size


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
    first, second = clauses[0].able
    letter = runs[first].letter
    parts = []
    for number, clause in enumerate(clauses):
        base, head = clause.value(first).value, clause.value(second).value
        values = _write_pair(base, head, clause.row.unit)
        if number:
            parts.append(_compare(clause.row, base, head))
        elif _size_of(base, head) is None:
            parts.append(f"{_compare(clause.row, base, head)} as run {letter} ({values})")
        else:
            parts.append(f"{_compare(clause.row, base, head)} than run {letter} ({values})")
    return f"run {runs[second].letter} {wording.listing(parts)}."


def _compare(row: ComparedMetric, base: float, head: float) -> str:
    """Return `responds 24 % faster`, or `answers as much`."""
    words = _words_of(row)
    size = _size_of(base, head)
    if size is None:
        return f"{words.verb} {words.same}"
    return f"{words.verb} {size} {words.lower if head < base else words.higher}"


def _write_pair(base: float, head: float, unit: str) -> str:
    """Write two values with one unit, `794 → 607 ms`; one value if they are the same to people."""
    if _size_of(base, head) is None:
        return _write_one(head, unit)
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
    """Name the best run of the first metric with its trade-offs, then the best runs of the others."""
    first, *others = clauses
    winner, partner = first.rivals
    best = first.value(winner).value
    size = _size_of(first.value(partner).value, best)
    words = _words_of(first.row)
    value = _write_one(best, first.row.unit)
    letter, other = runs[winner].letter, runs[partner].letter
    if _size_of(first.value(first.ranking[-1]).value, best) is None:
        text = f"all runs {words.alike} ({value})."
    elif size is None:
        text = f"run {letter} {words.best}, like run {other} ({value}){_describe_costs(runs, first, others)}."
    else:
        side = "above" if first.row.higher_is_better else "below"
        text = f"run {letter} {words.best}: {value}, {size} {side} run {other}"
        text = f"{text}{_describe_costs(runs, first, others)}."
    return f"{text}{_describe_others(runs, winner, others)}"


def _describe_costs(runs: Sequence[ListedRun], first: _Clause, others: Sequence[_Clause]) -> str:
    """Return the other differences between the same two runs that are larger than the tolerance."""
    winner, partner = first.rivals
    parts = []
    for clause in others:
        if winner not in clause.able or partner not in clause.able:
            continue
        if clause.differs(winner, partner):
            base, head = clause.value(partner).value, clause.value(winner).value
            parts.append(_compare(clause.row, base, head))
    return f"; it {wording.listing(parts)} than run {runs[partner].letter}" if parts else ""


def _describe_others(runs: Sequence[ListedRun], winner: int, others: Sequence[_Clause]) -> str:
    """Return a sentence on the best runs of the other metrics, if they differ by more than the tolerance."""
    parts: dict[int, list[str]] = {}
    for clause in others:
        best = clause.ranking[0]
        if best != winner and (winner not in clause.able or clause.differs(best, winner)):
            value = _write_one(clause.value(best).value, clause.row.unit)
            parts.setdefault(best, []).append(f"{_words_of(clause.row).best} ({value})")
    texts = [f"run {runs[best].letter} {wording.listing(words)}" for best, words in parts.items()]
    text = wording.listing(texts)
    return f" {text[:1].upper()}{text[1:]}." if texts else ""


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
        f"In these single searches, run {letter} has the largest safe load: {_describe_safe(best, unit)}; "
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
