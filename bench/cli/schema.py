"""`bench schema`: the JSON Schema of every file that is read or written."""

from enum import StrEnum
from typing import Annotated, Any

import typer


class Kind(StrEnum):
    """A kind of file."""

    SCENARIO = "scenario"
    TARGET = "target"
    PROMPTS = "prompts"
    STACK = "stack"
    RECORDING = "recording"
    RESULT = "result"
    BASELINE = "baseline"
    COMPARISON = "comparison"
    REPORT = "report"
    SUITE = "suite"
    HISTORY = "history"  # of one line
    TREND = "trend"
    NOISE = "noise"
    REQUEST = "request"  # of one line


def schema(kind: Annotated[Kind, typer.Argument(help="The kind of file.")]) -> None:
    """Print the JSON Schema of a kind of file."""
    print_schema(kind)


def print_schema(kind: Kind) -> None:
    """Print the schema of a kind of file, its own address included."""
    import json

    from pydantic import TypeAdapter

    from bench.core.config.prompts import Prompts
    from bench.core.config.scenario import Scenario
    from bench.core.config.stack import Stack
    from bench.core.config.target import Target
    from bench.core.history.history import HistoryPoint
    from bench.core.history.trend import Trend
    from bench.core.report.report import Report
    from bench.core.report.suite import SuiteReport
    from bench.core.run.recording import RecordingFile, request_line_model
    from bench.core.run.result import RunResult
    from bench.core.verdict.baseline import Baseline
    from bench.core.verdict.compare import Comparison
    from bench.core.verdict.noise import Noise

    models: dict[Kind, Any] = {
        Kind.SCENARIO: Scenario,
        Kind.TARGET: Target,
        Kind.PROMPTS: Prompts,
        Kind.STACK: Stack,
        Kind.RECORDING: RecordingFile,
        Kind.RESULT: RunResult,
        Kind.BASELINE: Baseline,
        Kind.COMPARISON: Comparison,
        Kind.REPORT: Report,
        Kind.SUITE: SuiteReport,
        Kind.HISTORY: HistoryPoint,
        Kind.TREND: tuple[Trend, ...],
        Kind.NOISE: Noise,
        Kind.REQUEST: request_line_model(),
    }
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(models[kind]).json_schema(),
    }
    print(json.dumps(content, indent=2))
