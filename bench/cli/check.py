"""`bench check`: run, compare and report in one."""

from enum import StrEnum
from typing import Annotated

import typer

from bench.cli.console import say
from bench.cli.judging import Format, FormatOption, Strict, exit_code, judged, rendered
from bench.cli.live import LiveOption
from bench.cli.measuring import (
    DEFAULT_RESULTS,
    Certificate,
    How,
    Inject,
    Objective,
    ResultsFolder,
    ScenarioName,
    TargetName,
    TargetUrl,
    TransportName,
    TransportOption,
    Workers,
    measure_and_keep,
)


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
    certificate: Certificate = True,
    objective: Objective = None,
    live: LiveOption = False,
    confirm: ConfirmOption = Confirm.AUTO,
    strict: Strict = False,
    form: FormatOption = Format.TEXT,
    results: ResultsFolder = DEFAULT_RESULTS,
) -> None:
    """Run a scenario, judge it by its baseline, and print the report.

    Exits with 0 when nothing regressed, 1 for a regression or a crossed threshold.
    """
    from bench.store.files import write_text

    how = How(target, target_url, inject, workers, transport, certificate, objective, live)
    result, home = measure_and_keep(scenario, how, results)
    report = judged(result)
    if confirm is Confirm.AUTO and report.comparison.suspect:
        say("it looks worse than the baseline; measuring once more to be sure")
        again, _ = measure_and_keep(scenario, how, results)
        report = judged(result, again=again)
    print(rendered(report, form), end="", flush=True)
    write_text(home / "comparison.json", report.comparison.model_dump_json(indent=1) + "\n")
    write_text(home / "report.md", rendered(report, Format.MARKDOWN))
    say(f"\nwritten to {home}")
    raise typer.Exit(exit_code(report, strict=strict))
