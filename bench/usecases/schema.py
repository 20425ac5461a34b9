"""Return the JSON Schema of a kind of file."""

from typing import Any

from pydantic import TypeAdapter

from bench.core.config.file_schema import allow_inheritance, allow_variables
from bench.core.config.inheritance import Inheriting
from bench.core.config.prompts import Prompts
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.config.target import Target
from bench.core.experiment.experiment import Experiment
from bench.core.experiment.experiment_result import ExperimentResult
from bench.core.history.history import HistoryPoint
from bench.core.history.trend import Trend
from bench.core.probe.probe_result import ProbeReport
from bench.core.report.report import Report
from bench.core.report.side_by_side import SideBySide
from bench.core.report.suite import SuiteReport
from bench.core.run.job import SuiteJob
from bench.core.run.recording import RecordingFile, request_line_model
from bench.core.run.result import RunResult
from bench.core.values.nearest import suggest
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison
from bench.core.verdict.noise import Noise
from bench.errors import ConfigError

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS: dict[str, Any] = {
    "scenario": Scenario,
    "target": Target,
    "prompts": Prompts,
    "stack": Stack,
    "experiment": Experiment,
    "recording": RecordingFile,
    "result": RunResult,
    "baseline": Baseline,
    "comparison": Comparison,
    "report": Report,
    "side-by-side": SideBySide,
    "suite": SuiteReport,
    "job": SuiteJob,
    "history": HistoryPoint,  # one line of the file
    "trend": tuple[Trend, ...],
    "noise": Noise,
    "probe": ProbeReport,
    "experiment-result": ExperimentResult,
    "request": request_line_model(),  # one line of the file
}
"""The type of each kind of file."""


def schema(name: str) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a kind of file.

    Raises:
        ConfigError: The kind is unknown.
    """
    if name not in SCHEMAS:
        raise ConfigError(f"there is no schema '{name}'", suggest(name, SCHEMAS))
    kind = SCHEMAS[name]
    content = TypeAdapter(kind).json_schema()
    if isinstance(kind, type) and issubclass(kind, Inheriting):
        content = allow_inheritance(allow_variables(content))
    return {"$schema": DIALECT, **content}
