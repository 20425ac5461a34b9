"""Write a report on several stored runs side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from bench.core.report.run_times import make_run_times
from bench.core.report.side_by_side import SideBySide, make_side_by_side
from bench.core.report.side_curves import SideCurves, find_histogram, overlay_curves
from bench.core.run.result import RunResult
from bench.render.document.format import PLAIN, Format, SideBySideInput, Terminal
from bench.render.formats import SIDE_BY_SIDE_FORMATS, find_format
from bench.store import results


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """Several runs side by side, and the files that they were read from."""

    report: SideBySide
    """The runs and their differences."""
    results: tuple[RunResult, ...]
    """The runs, in the order of the report."""
    folders: tuple[Path, ...]
    """The folder of each run."""


def side_by_side(runs: Sequence[Path | str], form: str = "text") -> str:
    """Return a report on two to ten stored runs as text. It describes their differences and judges none.

    Args:
        runs: Folders of runs, or their result.json files. The first run is the base of all differences.
        form: Name of the format: text, markdown, json, csv or html.

    Raises:
        ConfigError: The format is unknown, a run is named twice, or there are too few or too many runs.
        StoreError: A run cannot be read.
    """
    renderer = find_format(SIDE_BY_SIDE_FORMATS, form)
    return "".join(render_side_by_side(load_side_by_side(runs), renderer))


def load_side_by_side(runs: Sequence[Path | str]) -> ComparedRuns:
    """Read stored runs, and return them side by side. The errors are those of `side_by_side`."""
    paths = [Path(run) for run in runs]
    loaded = tuple(map(results.load, paths))
    return ComparedRuns(make_side_by_side(loaded), loaded, tuple(map(results.folder_of, paths)))


def render_side_by_side(
    compared: ComparedRuns,
    form: Format[SideBySideInput],
    terminal: Terminal = PLAIN,
    most_lines: int | None = None,
) -> Iterator[str]:
    """Yield the report in parts; the last part ends in a newline.

    Args:
        compared: The runs.
        form: The format.
        terminal: Layout of text.
        most_lines: Lines of text that a terminal shows; None for all.

    Raises:
        StoreError: A recording cannot be read.
    """
    return form.render(SideBySideInput(compared.report, lambda: read_curves(compared), terminal, most_lines))


def read_curves(compared: ComparedRuns) -> SideCurves:
    """Read the curves of the runs, one recording in memory at a time.

    Raises:
        StoreError: A recording cannot be read.
    """
    letters = [*map(attrgetter("letter"), compared.report.runs)]
    recordings = map(results.load_recording, compared.folders)
    times = tuple(map(make_run_times, compared.results, recordings))
    return overlay_curves(letters, [*map(find_histogram, compared.results)], times)
