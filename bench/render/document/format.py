"""The interface of an output format, and the input of the formats of runs, suites, trends and probes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bench.core.experiment.experiment_result import ExperimentResult
from bench.core.history.trend import Trend
from bench.core.probe.probe_result import ProbeReport
from bench.core.report.report import Report
from bench.core.report.series import RunSeries
from bench.core.report.side_by_side import SideBySide
from bench.core.report.side_curves import SideCurves
from bench.core.report.suite import SuiteReport
from bench.core.samples.samples import Samples

Input = TypeVar("Input")
COLUMNS = 100
"""Width of a text report in a file."""
SCREEN_COLUMNS = 80
"""Width of a short report whose terminal is unknown."""
SCREEN_LINES = 25
"""Lines of a short report, with those that its command prints below it."""


@dataclass(frozen=True, slots=True)
class Format(Generic[Input]):
    """An output format of `--out FORMAT[=FILE]`."""

    name: str
    """The name that `--out` accepts."""
    file: str
    """The file that several formats at once are written to, in a run's folder."""
    render: Callable[[Input], Iterator[str]]
    """Yield the report in parts. The last part ends in a newline."""
    printable: bool = True
    """The report can be printed on stdout; otherwise it is written to a file."""


@dataclass(frozen=True, slots=True)
class ShortLayout:
    """The space of a short report, and the files that it names."""

    lines: int = SCREEN_LINES
    """Lines that it has at most, after wrapping."""
    folder: str | None = None
    """The run's folder; None for several runs."""
    page: str | None = None
    """The page of the run, if it is written."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """The terminal, or the file, that a text report is laid out for."""

    width: int = COLUMNS
    """Columns."""
    colour: bool = False
    """Use ANSI colours."""
    short: ShortLayout | None = None
    """The space of a short report; None for the complete one."""


PLAIN = Terminal()


@dataclass(frozen=True, slots=True)
class RunInput:
    """Everything that a format of a run can read.

    A stored recording is read only by the formats that need it, so `series` and `samples` are functions.
    """

    report: Report
    """The judged run."""
    series: Callable[[], RunSeries]
    """Read the curves of the run. Raises `StoreError` if the recording cannot be read."""
    samples: Callable[[], Iterable[Samples]]
    """Read the requests in pages, from the first one at each call. Raises `StoreError` as above."""
    terminal: Terminal = PLAIN
    """Layout of text."""


@dataclass(frozen=True, slots=True)
class SuiteInput:
    """Everything that a format of a suite can read."""

    report: SuiteReport
    """The judged suite."""
    series: Callable[[], Sequence[RunSeries]]
    """Read the curves of each run, in the order of `report.reports`. Raises `StoreError`."""
    terminal: Terminal = PLAIN
    """Layout of text."""


@dataclass(frozen=True, slots=True)
class TrendInput:
    """Everything that a format of trends can read."""

    trends: Sequence[Trend]
    """The trend of each history."""
    terminal: Terminal = PLAIN
    """Layout of text."""


@dataclass(frozen=True, slots=True)
class ProbeInput:
    """Everything that a format of probes can read."""

    report: ProbeReport
    """The results."""
    terminal: Terminal = PLAIN
    """Layout of text."""


@dataclass(frozen=True, slots=True)
class ExperimentInput:
    """Everything that a format of an experiment can read."""

    result: ExperimentResult
    """The result."""
    terminal: Terminal = PLAIN
    """Layout of text."""


@dataclass(frozen=True, slots=True)
class SideBySideInput:
    """Everything that a format of several runs side by side can read."""

    report: SideBySide
    """The runs and their differences."""
    curves: Callable[[], SideCurves]
    """Read the curves of the runs. Raises `StoreError` if a recording cannot be read."""
    terminal: Terminal = PLAIN
    """Layout of text."""
    most_lines: int | None = None
    """Lines of text that a terminal shows; None for all."""
