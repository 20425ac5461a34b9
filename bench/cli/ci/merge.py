"""`bench ci merge`: judge runs of several scenarios together."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import is_actions_job, print_command
from bench.cli.outputs import find_printed, out_option, parse_outputs, short_layout, write_outputs
from bench.cli.verdict import exit_code
from bench.publish.actions import annotations
from bench.render.formats import SUITE_FORMATS
from bench.usecases.merge import merge as merge_runs
from bench.usecases.merge import render_suite

Suite = Annotated[
    str | None, typer.Option("--suite", metavar="NAME", help="Require all scenarios of this suite.")
]
Out = Annotated[list[str] | None, out_option(SUITE_FORMATS)]
_TEXT = SUITE_FORMATS["text"]


def merge(
    runs: options.RunFolders,
    *,
    suite: Suite = None,
    allow_side_effects: options.AllowSideEffects = False,
    strict: options.Strict = False,
    verbose: options.Verbose = False,
    out: Out = None,
) -> None:
    """Judge runs of several scenarios together.

    If a scenario appears twice, the second run is the confirmation run. A valid run replaces an invalid
    one. The verdict takes into account that one of many scenarios looks worse by chance, and that a slower
    machine slows down all scenarios.
    Exits with 0 for a pass, and with 1 for a regression or a crossed threshold.
    """
    outputs = parse_outputs(out, SUITE_FORMATS)
    judged = merge_runs(runs, suite=suite, allow_side_effects=allow_side_effects)
    printed = find_printed(outputs)
    prints_text = printed is None or printed.form is _TEXT
    if prints_text and is_actions_job():
        print_command(annotations(judged.report))
    write_outputs(
        outputs,
        lambda form, terminal: render_suite(judged, form, terminal),
        folder=None,
        default=_TEXT,
        short=None if verbose else short_layout(None),
    )
    raise typer.Exit(exit_code(judged.decision, strict=strict))
