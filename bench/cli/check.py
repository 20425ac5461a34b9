"""`bench check`: run, compare and report in one."""

from enum import StrEnum
from typing import Annotated

import typer

from bench.cli.console import say
from bench.cli.judging import RunOut, Strict, exit_code, judged, keep, parse_outputs, write_outputs
from bench.cli.live import LiveOption
from bench.cli.measuring import (
    DEFAULT_RESULTS,
    Calibration,
    How,
    Inject,
    Objective,
    Pin,
    ResultsFolder,
    ScenarioName,
    TargetName,
    TargetUrl,
    TransportName,
    TransportOption,
    Workers,
    measure_and_keep,
)
from bench.render.formats import RUN_FORMATS


class Confirm(StrEnum):
    """Whether a run that looks worse is measured again before it fails."""

    AUTO = "auto"
    NEVER = "never"


ConfirmOption = Annotated[
    Confirm, typer.Option("--confirm", help="Measure again what looks worse, and fail only when both agree.")
]


def check(
    scenario: ScenarioName,
    *,
    target: TargetName = None,
    target_url: TargetUrl = None,
    inject: Inject = None,
    workers: Workers = 1,
    transport: TransportOption = TransportName.OWN,
    calibration: Calibration = True,
    objective: Objective = None,
    live: LiveOption = False,
    pin: Pin = True,
    confirm: ConfirmOption = Confirm.AUTO,
    strict: Strict = False,
    out: RunOut = None,
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Run a scenario and judge it against its baseline.

    Exits with 0 when nothing regressed, 1 for a regression or a crossed threshold.
    """
    outputs = parse_outputs(out, RUN_FORMATS)
    how = How(target, target_url, inject, workers, transport, calibration, objective, live, pin)
    result, home = measure_and_keep(scenario, how, results)
    report = judged(result)
    if confirm is Confirm.AUTO and report.comparison.suspect:
        say("it looks worse than the baseline; measuring once more to be sure")
        again, _ = measure_and_keep(scenario, how, results)
        report = judged(result, again=again)
    keep(report, home)
    write_outputs(report, outputs, home)
    raise typer.Exit(exit_code(report, strict=strict))
