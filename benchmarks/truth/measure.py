"""Run each tool against the server, and compare its report with the server's own times."""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.errors import StoreError
from bench.store.results import load_recording
from benchmarks.engine.commands import Setup
from benchmarks.engine.journal import Stream, Timing
from benchmarks.engine.server import Server

from .tools import QUANTILES, TOOLS, Reported, Streams, TruthTool, run_folder

LEVELS = (Streams(10, 15), Streams(50, 6), Streams(200, 5), Streams(1000, 3))
_TIMING = Timing()
_TIMEOUT_S = 300


@dataclass
class Errors:
    """Reported minus true percentiles of one tool at one number of streams, in ms: a value for each round."""

    first_token: dict[str, list[float]] = field(default_factory=dict)
    total: dict[str, list[float]] = field(default_factory=dict)
    problem: str | None = None
    """Why the tool has no numbers."""


@dataclass
class Truth:
    """The truth table."""

    errors: dict[str, dict[str, Errors]] = field(default_factory=dict)
    """By number of streams, then by tool."""
    request_errors: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    """Error of single requests of `bench` in ms, by number of streams and percentile."""
    facts: dict[str, str] = field(default_factory=dict)


def measure_truth(
    server: Server, programs: dict[str, Path], core: int, repeat: int, say: Callable[[str], None]
) -> Truth:
    """Measure all tools at all numbers of streams."""
    truth = Truth()
    for streams in LEVELS:
        errors = truth.errors.setdefault(str(streams.users), {})
        request_errors = truth.request_errors.setdefault(str(streams.users), {})
        for number in range(repeat):
            for tool in TOOLS:
                if tool.program is None or tool.program in programs:
                    say(f"{streams.users} streams, {tool.name}: round {number + 1} of {repeat}")
                    kept = errors.setdefault(tool.name, Errors())
                    _one_run(server, programs, core, streams, tool, kept, request_errors)
    return truth


def _one_run(  # noqa: PLR0913, PLR0917 - one run depends on all of these
    server: Server, programs: dict[str, Path], core: int, streams: Streams, tool: TruthTool, errors: Errors,
    request_errors: dict[str, list[float]],
) -> None:  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server.journal.reset(_TIMING)
        command = tool.command(Setup(server, folder, programs), streams)
        try:
            _run(command, core, folder, tool)
            report = tool.read(folder)
            written = _written(server, streams)
        except (OSError, RuntimeError, KeyError, ValueError, StoreError) as error:
            errors.problem = f"{type(error).__name__}: {error}"
            return
        _add(errors.first_token, report.first_token, [stream.first_token_ms for stream in written])
        _add(errors.total, report.total, [stream.total_ms for stream in written])
        if tool.program is None:
            _add_requests(request_errors, folder, written)


def _written(server: Server, streams: Streams) -> list[Stream]:
    """Return the server's times; a tool that sent fewer or more streams did other work."""
    written = server.journal.streams()
    if len(written) != streams.requests:
        raise RuntimeError(f"{len(written)} streams instead of {streams.requests}")
    return written


def _run(command: list[str], core: int, folder: Path, tool: TruthTool) -> None:
    log = folder / "tool.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            ["taskset", "-c", str(core), *command],
            cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            env={**os.environ, **tool.environment},
        )  # fmt: skip
        try:
            process.wait(_TIMEOUT_S)
        except subprocess.TimeoutExpired as error:
            os.killpg(process.pid, 9)
            process.wait()
            raise RuntimeError(f"no result after {_TIMEOUT_S} s:\n{_tail(log)}") from error
    if process.returncode and tool.program is not None:
        raise RuntimeError(_tail(log))


def _tail(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-1000:]


def _add(errors: dict[str, list[float]], reported: Reported, true_ms: list[float]) -> None:
    for quantile in QUANTILES:
        error_ms = reported[quantile] - float(np.percentile(true_ms, quantile))
        errors.setdefault(f"{quantile:g}", []).append(error_ms)


def _add_requests(request_errors: dict[str, list[float]], folder: Path, written: list[Stream]) -> None:
    """Add the errors of single requests: each request has a message of its own, which the server knows."""
    recording = load_recording(run_folder(folder))
    if recording is None:
        return
    true_ms = {stream.user: stream.first_token_ms for stream in written}
    errors_ms = []
    for sample in recording.samples:
        if sample.sent_s is not None and sample.first_token_s is not None:
            reported_ms = (sample.first_token_s - sample.sent_s) * 1000
            errors_ms.append(abs(reported_ms - true_ms[int(sample.prompt)]))
    for quantile in QUANTILES:
        request_errors.setdefault(f"{quantile:g}", []).append(float(np.percentile(errors_ms, quantile)))


def median_of(values: list[float]) -> float | None:
    """Return the median over the rounds; None without a round."""
    return statistics.median(values) if values else None
