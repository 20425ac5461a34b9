"""`bench check`: run a scenario and judge it against its baseline."""

from enum import StrEnum
from typing import Annotated, Unpack

import typer

from bench.cli import options
from bench.cli.console import say
from bench.cli.live import listen
from bench.cli.outputs import RunOut, parse_outputs, write_outputs
from bench.cli.verdict import exit_code
from bench.render.formats import RUN_FORMATS
from bench.usecases.check import check as check_scenario
from bench.usecases.options import RunOptions
from bench.usecases.report import render_run


class Confirm(StrEnum):
    """When a run is repeated."""

    AUTO = "auto"
    NEVER = "never"


ConfirmOption = Annotated[
    Confirm, typer.Option("--confirm", help="Repeat a run that looks worse, before it fails.")
]


@options.with_run_options
def check(
    scenario: options.ScenarioName,
    *,
    live: options.Live = False,
    confirm: ConfirmOption = Confirm.AUTO,
    strict: options.Strict = False,
    out: RunOut = None,
    **given: Unpack[RunOptions],
) -> None:
    """Run a scenario and judge it against its baseline.

    Exits with 0 for a pass, and with 1 for a regression or a crossed threshold.
    """
    outputs = parse_outputs(out, RUN_FORMATS)
    with listen(scenario, live=live) as listener:
        judged = check_scenario(scenario, confirm=confirm is Confirm.AUTO, listener=listener, **given)
    write_outputs(
        outputs,
        lambda form, terminal: render_run(judged, form, terminal),
        judged.folder,
        default=RUN_FORMATS["text"],
    )
    if judged.problem is not None:
        raise judged.problem
    say(f"\nwritten to {judged.folder}")
    raise typer.Exit(exit_code(judged.decision, strict=strict))
