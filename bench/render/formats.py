"""The output formats: one table for each subject, from the name in `--out` to the renderer.

To add a format, write one file with a function from the subject's input to text, and add one line here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

from bench.core.samples.samples import Samples
from bench.errors import ConfigError
from bench.render import json_, junit, markdown, samples_csv, samples_jsonl, text
from bench.render.document.format import (
    ExperimentInput,
    Format,
    ProbeInput,
    RunInput,
    SideBySideInput,
    SuiteInput,
    TrendInput,
)
from bench.render.html import page
from bench.render.html.side_by_side import page as side_page
from bench.render.probe import json_ as probe_json
from bench.render.probe import junit as probe_junit
from bench.render.probe import markdown as probe_markdown
from bench.render.probe import sarif
from bench.render.probe import text as probe_text
from bench.render.side_by_side import csv_ as side_csv
from bench.render.side_by_side import json_ as side_json
from bench.render.side_by_side import markdown as side_markdown
from bench.render.side_by_side import text as side_text

Renderer = TypeVar("Renderer")

RUN_FORMATS: dict[str, Format[RunInput]] = {
    "text": Format("text", "report.txt", text.render_run),
    "markdown": Format("markdown", "report.md", markdown.render_run),
    "json": Format("json", "report.json", json_.render_run),
    "junit": Format("junit", "junit.xml", junit.render_run),
    "csv": Format("csv", "samples.csv", samples_csv.render_run),
    "html": Format("html", "report.html", page.render_run, printable=False),
}
"""Formats of one judged run."""

PAIR_FORMATS = {name: form for name, form in RUN_FORMATS.items() if name != "csv"}
"""Formats of `bench ab`, which has requests of two versions and no table of them."""

SAMPLE_FORMATS: dict[str, Callable[[Callable[[], Iterable[Samples]]], Iterator[str]]] = {
    "jsonl": samples_jsonl.render_pages,
    "csv": samples_csv.render_pages,
}
"""Formats of the requests of a run."""

SUITE_FORMATS: dict[str, Format[SuiteInput]] = {
    "text": Format("text", "suite.txt", text.render_suite),
    "markdown": Format("markdown", "suite.md", markdown.render_suite),
    "json": Format("json", "suite.json", json_.render_suite),
    "junit": Format("junit", "junit.xml", junit.render_suite),
    "html": Format("html", "suite.html", page.render_suite, printable=False),
}
"""Formats of several judged runs of one version."""

SIDE_BY_SIDE_FORMATS: dict[str, Format[SideBySideInput]] = {
    "text": Format("text", "runs.txt", side_text.render_side_by_side),
    "markdown": Format("markdown", "runs.md", side_markdown.render_side_by_side),
    "json": Format("json", "runs.json", side_json.render_side_by_side),
    "csv": Format("csv", "runs.csv", side_csv.render_side_by_side),
    "html": Format("html", "runs.html", side_page.render_side_by_side, printable=False),
}
"""Formats of several runs side by side."""

TREND_FORMATS: dict[str, Format[TrendInput]] = {
    "text": Format("text", "trend.txt", text.render_trends),
    "markdown": Format("markdown", "trend.md", markdown.render_trends),
    "json": Format("json", "trend.json", json_.render_trends),
}
"""Formats of histories."""

PROBE_FORMATS: dict[str, Format[ProbeInput]] = {
    "text": Format("text", "probe.txt", probe_text.render_probe),
    "markdown": Format("markdown", "probe.md", probe_markdown.render_probe),
    "json": Format("json", "probe.json", probe_json.render_probe),
    "junit": Format("junit", "probe.xml", probe_junit.render_probe),
    "sarif": Format("sarif", "probe.sarif", sarif.render_probe),
}
"""Formats of the probes of a chat service."""

EXPERIMENT_FORMATS: dict[str, Format[ExperimentInput]] = {
    "text": Format("text", "report.txt", text.render_experiment),
    "markdown": Format("markdown", "report.md", markdown.render_experiment),
    "json": Format("json", "report.json", json_.render_experiment),
}
"""Formats of experiments."""


def find_format(formats: Mapping[str, Renderer], name: str) -> Renderer:
    """Return the format of a name.

    Raises:
        ConfigError: The table has no format of this name.
    """
    if name not in formats:
        raise ConfigError(f"unknown format '{name}'", f"formats: {', '.join(formats)}")
    return formats[name]
