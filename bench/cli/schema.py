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
    """Print the JSON Schema (draft 2020-12) of a kind of file."""
    print_schema(kind)


def print_schema(kind: Kind) -> None:
    """Print the schema of a kind of file, its own address included."""
    import json

    from pydantic import TypeAdapter

    from bench.core.baseline import Baseline
    from bench.core.compare import Comparison
    from bench.core.history import HistoryPoint
    from bench.core.noise import Noise
    from bench.core.recording import Course, RequestLine
    from bench.core.report import Report
    from bench.core.result import RunResult
    from bench.core.scenario import Prompts, Scenario
    from bench.core.stack import Stack
    from bench.core.suite import SuiteReport
    from bench.core.target import Target
    from bench.core.trend import Trend

    models: dict[Kind, Any] = {
        Kind.SCENARIO: Scenario,
        Kind.TARGET: Target,
        Kind.PROMPTS: Prompts,
        Kind.STACK: Stack,
        Kind.RECORDING: Course,
        Kind.RESULT: RunResult,
        Kind.BASELINE: Baseline,
        Kind.COMPARISON: Comparison,
        Kind.REPORT: Report,
        Kind.SUITE: SuiteReport,
        Kind.HISTORY: HistoryPoint,
        Kind.TREND: tuple[Trend, ...],
        Kind.NOISE: Noise,
        Kind.REQUEST: RequestLine,
    }
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **TypeAdapter(models[kind]).json_schema(),
    }
    print(json.dumps(content, indent=2))
