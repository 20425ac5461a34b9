"""The table of the runs, with the best value of each column, and the conditions that differ."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from bench.core.experiment.pareto import SAME_RATIO
from bench.core.report.compared_metrics import ComparedMetric
from bench.core.report.listed_run import ListedRun
from bench.core.report.side_by_side import SideBySide
from bench.core.values import wording
from bench.render.document.side_by_side import SideBySideDocument, list_summary_metrics, write_value
from bench.render.html.run.overview import NextStep, headline_size, split_command

_LONGEST = 60
"""Shown characters of a name."""
_LINE = 30
"""Characters of a value on a line of a narrow panel."""
_MOST_LINES = 14
"""With more lines, the conditions that differ have the whole width."""
_PAIR = 2
"""Only one of at least this number of runs can be the best."""


_BEST = f"★: the best value, or within {wording.percent(SAME_RATIO)} of it"


@dataclass(frozen=True, slots=True)
class RunCell:
    """A cell of the table of runs."""

    text: str
    """Its text."""
    note: str = ""
    """A second line: the subject of the commit."""
    is_number: bool = False
    """Whether it stands at the right edge of its column."""
    is_best: bool = False
    """Whether no other run has a clearly better value."""


@dataclass(frozen=True, slots=True)
class RunTable:
    """The runs in rows."""

    columns: tuple[RunCell, ...]
    """The heads after the run."""
    rows: tuple[tuple[RunCell, ...], ...]
    """The cells of each run after its name."""
    marks: tuple[str, ...]
    """Meaning of the marks at values, the one of the best value first."""


@dataclass(frozen=True, slots=True)
class DifferingCondition:
    """A condition that differs, with its values in groups."""

    name: str
    """Its name."""
    groups: tuple[tuple[tuple[str, ...], str, str], ...]
    """Letters of the runs with one value, the value, and the subject if it is a commit."""


@dataclass(frozen=True, slots=True)
class DifferingConditions:
    """The conditions that differ."""

    rows: tuple[DifferingCondition, ...]
    """The conditions, by name."""

    @property
    def is_long(self) -> bool:
        """Whether they have no room in a third of the width."""
        lines = 0
        for row in self.rows:
            for _, value, _ in row.groups:
                lines += 1 + len(value) // _LINE
        return lines > _MOST_LINES


@dataclass(frozen=True, slots=True)
class Opening:
    """The first sentences, and what to do next."""

    headline: str
    """The first sentence."""
    size: str
    """CSS class of its size."""
    lead: str
    """The second sentence; empty without one."""
    notes: tuple[str, ...]
    """The other sentences."""
    next_step: NextStep
    """What single runs do not prove, and the command that does."""
    about: tuple[str, ...]
    """What all runs have in common: scenario, stack and load."""


def make_opening(side: SideBySide, document: SideBySideDocument) -> Opening:
    """Return the first sentences of the page; a number has no space after its point."""
    first, *others = [f"{sentence.removesuffix('.')}." for sentence in side.headline.split(". ")]
    about = []
    for values in zip(*map(attrgetter("scenario", "stack", "load"), side.runs), strict=True):
        if len({*values}) == 1:
            about.append(wording.shorten(values[0], _LONGEST))
    return Opening(
        headline=first,
        size=headline_size(first),
        lead=others[0] if others else "",
        notes=tuple(others[1:]),
        next_step=split_command(document.next_step),
        about=tuple(about),
    )


def make_run_table(side: SideBySide, document: SideBySideDocument) -> RunTable:
    """Return the table of the runs. The columns are those of the document."""
    summary = list_summary_metrics(side)
    texts = len(document.runs.columns) - 1 - len(summary)  # columns that are no metric
    columns = []
    for number, name in enumerate(document.runs.columns[1:]):
        columns.append(RunCell(name, is_number=number >= texts - 1))
    best = [find_best(side.runs, row) for row in summary]
    rows = []
    for number, run in enumerate(side.runs):
        cells = [*_write_texts(run, document.runs.columns[1 : texts + 1], document.runs.rows[number][1:])]
        for row, winners in zip(summary, best, strict=True):
            text = write_value(row, row.values[number])
            cells.append(RunCell(text, is_number=True, is_best=number in winners))
        rows.append(tuple(cells))
    marks = [_BEST] if any(best) else []
    marks += filter(None, document.marks.split("; "))
    return RunTable(tuple(columns), tuple(rows), tuple(marks))


def _write_texts(run: ListedRun, columns: Sequence[str], texts: Sequence[str]) -> Iterator[RunCell]:
    for name, text in zip(columns, texts[: len(columns)], strict=True):
        note = write_subject(run) if name == "commit" else ""
        yield RunCell(text, note, is_number=name == "answered")


def write_subject(run: ListedRun) -> str:
    """Return the subject of a run's commit; empty if it is unknown."""
    return "" if run.subject is None else wording.shorten(run.subject)


def find_best(runs: Sequence[ListedRun], row: ComparedMetric) -> frozenset[int]:
    """Return the positions of the runs that no other run beats in a metric, by the measure of the front.

    No run is marked if none beats another one, or if a value comes from too few requests.
    """
    if row.is_unreliable or row.has_bound:
        return frozenset()
    values: dict[int, float] = {}
    for number, (run, value) in enumerate(zip(runs, row.values, strict=True)):
        if value is not None and run.excluded is None:
            values[number] = value.value
    if len(values) < _PAIR:
        return frozenset()
    best = max(values.values()) if row.higher_is_better else min(values.values())
    winning = [number for number, value in values.items() if abs(value - best) <= SAME_RATIO * abs(value)]
    return frozenset(winning) if len(winning) < len(values) else frozenset()


def group_conditions(side: SideBySide) -> DifferingConditions:
    """Return the conditions that differ; runs with the same value, and the same subject, are one group."""
    conditions = []
    for row in side.differing:
        groups: dict[tuple[str, str], list[str]] = {}
        for run, value in zip(side.runs, row.values, strict=True):
            subject = write_subject(run) if row.name == "commit" else ""
            groups.setdefault((value or wording.DASH, subject), []).append(run.letter)
        listed = [(tuple(letters), value, subject) for (value, subject), letters in groups.items()]
        conditions.append(DifferingCondition(wording.shorten(row.name, _LONGEST), tuple(listed)))
    return DifferingConditions(tuple(conditions))
