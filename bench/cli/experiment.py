"""`bench experiment`: test claims about variants of a stack."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.cli.live import listen
from bench.cli.outputs import out_option, parse_outputs, write_outputs
from bench.core.experiment.claim_range import ClaimVerdict
from bench.errors import ConfigError, Exit
from bench.render.document.format import ExperimentInput
from bench.render.formats import EXPERIMENT_FORMATS
from bench.usecases.experiment import ExperimentOptions, describe_experiment, list_experiments
from bench.usecases.experiment import experiment as measure_experiment

_EXITS = {
    ClaimVerdict.SUPPORTED: Exit.PASS,
    ClaimVerdict.REFUTED: Exit.REGRESSION,
    ClaimVerdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
}
Name = Annotated[
    str | None,
    typer.Argument(metavar="[EXPERIMENT]", help="Name of an experiment, or the path of its file."),
]
ListAll = Annotated[bool, typer.Option("--list", help="List all experiments and what they expect.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the runs and their duration, and end.")]
Blocks = Annotated[
    str | None,
    typer.Option("--blocks", metavar="LEAST..MOST", help="Number of blocks (default: that of the file)."),
]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the newest unfinished measurement.")]
Out = Annotated[list[str] | None, out_option(EXPERIMENT_FORMATS)]


def experiment(
    name: Name = None,
    *,
    list_all: ListAll = False,
    dry_run: DryRun = False,
    blocks: Blocks = None,
    resume: Resume = False,
    ca: options.Ca = None,
    workers: options.Workers = 1,
    pin: options.Pin = True,
    allow_side_effects: options.AllowSideEffects = False,
    out: Out = None,
    results: options.ResultsFolder = options.DEFAULT_RESULTS,
) -> None:
    """Test claims about variants of a stack.

    A block has one run of the base and one of each variant, each on a stack of its own.
    The blocks end when each claim has a verdict.
    Exits with 0 if all claims are supported, with 1 if one is refuted, and else with 3.
    """
    if list_all:
        _print_list()
        return
    if name is None:
        raise ConfigError("name an experiment", "bench experiment --list")
    outputs = parse_outputs(out, EXPERIMENT_FORMATS)
    chosen = ExperimentOptions(
        blocks=blocks,
        resume=resume,
        ca=ca,
        workers=workers,
        pin=pin,
        allow_side_effects=allow_side_effects,
        results=results,
    )
    with listen(name, live=False) as listener:
        if dry_run:
            print("\n".join(describe_experiment(name, listener=listener, **chosen)))
            return
        measured = measure_experiment(name, listener=listener, **chosen)
    write_outputs(
        outputs,
        lambda form, terminal: form.render(ExperimentInput(measured.result, terminal)),
        Path(measured.folder),
        default=EXPERIMENT_FORMATS["text"],
    )
    say(f"\nwritten to {measured.folder}")
    raise typer.Exit(_EXITS[measured.result.verdict] if measured.result.verdict else Exit.PASS)


def _print_list() -> None:
    for declared in list_experiments():
        print(f"{declared.name:20} {declared.hypothesis}")
