"""Write the report of a judged run."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from bench.core.report.report import Report
from bench.core.report.series import RunSeries, make_series
from bench.errors import StoreError
from bench.render.document.format import PLAIN, Format, RunInput, Terminal
from bench.render.formats import RUN_FORMATS, find_format
from bench.store import baselines, results
from bench.store.files import write_chunks, write_text
from bench.usecases.compare import JudgedRun, compare

STORED_FORMATS = ("markdown", "html")
"""Formats that every judged run has in its folder."""


def report(run: Path | str, form: str = "text", *, baseline: Path | str | None = None) -> str:
    """Judge a stored run and return its report as text.

    Args:
        run: The run's folder, or its result.json.
        form: Name of the format: text, markdown, json, junit, csv or html.
        baseline: A baseline file; default: the one under `baselines/`.

    Raises:
        ConfigError: The format is unknown.
        StoreError: The run or the baseline cannot be read.
    """
    renderer = find_format(RUN_FORMATS, form)
    return "".join(render_run(compare(run, baseline=baseline), renderer))


def render_run(judged: JudgedRun, form: Format[RunInput], terminal: Terminal = PLAIN) -> Iterator[str]:
    """Yield the report of a run in parts; the last part ends in a newline.

    Raises:
        StoreError: The recording or the baseline cannot be read.
    """
    return form.render(
        RunInput(
            report=judged.report,
            series=lambda: read_series(judged.report, judged.folder, judged.baseline),
            samples=lambda: results.requests(judged.folder),
            terminal=terminal,
        )
    )


def write_run(judged: JudgedRun, form: Format[RunInput], path: Path) -> None:
    """Write the report of a run to a file; the file is complete or does not exist.

    Raises:
        StoreError: The file cannot be written, or the recording or the baseline cannot be read.
    """
    write_chunks(path, (part.encode() for part in render_run(judged, form)))


def store_reports(judged: JudgedRun) -> None:
    """Write the comparison and the reports that every judged run has into the run's folder.

    Raises:
        StoreError: As for `write_run`.
    """
    comparison = judged.report.comparison.model_dump_json(indent=1)
    write_text(judged.folder / results.COMPARISON, f"{comparison}\n")
    for name in STORED_FORMATS:
        form = RUN_FORMATS[name]
        write_run(judged, form, judged.folder / form.file)


def store_judgement(
    judged: JudgedRun, problem: StoreError | None, more: Mapping[str, str] | None = None
) -> JudgedRun:
    """Write the reports of a run, and return the run with the error if it or they could not be stored.

    Args:
        judged: The run.
        problem: The error if the run itself could not be stored.
        more: Text of further files in the run's folder, by their name.
    """
    try:
        for name, text in (more or {}).items():
            write_text(judged.folder / name, text)
        store_reports(judged)
    except StoreError as error:
        problem = problem or error
    return replace(judged, problem=problem)


def read_series(report: Report, folder: Path, baseline: Path | None = None) -> RunSeries:
    """Read the curves of a run for its page.

    Args:
        report: The judged run.
        folder: The run's folder.
        baseline: A baseline file; default: the one under `baselines/`.

    Raises:
        StoreError: The recording or the baseline cannot be read.
    """
    recording = results.load_recording(folder)
    if report.comparison.base_name is not None:  # another version, not a baseline
        return make_series(report.result, recording, None)
    expected = baselines.read(baseline) if baseline else baselines.load(report.result)
    return make_series(report.result, recording, expected)
