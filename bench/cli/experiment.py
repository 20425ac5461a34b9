"""`bench experiment`: test claims about variants of a stack."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bench.cli import options
from bench.cli.console import say
from bench.cli.live import listen
from bench.cli.outputs import Output, out_option, parse_outputs, write_outputs
from bench.core.experiment.claim_range import ClaimVerdict
from bench.errors import ConfigError, Exit
from bench.render.document.format import ExperimentInput
from bench.render.formats import EXPERIMENT_FORMATS
from bench.usecases.experiment import (
    ExperimentOptions,
    MeasuredExperiment,
    describe_experiment,
    list_experiments,
    read_experiment,
)
from bench.usecases.experiment import experiment as measure_experiment

_EXITS = {
    ClaimVerdict.SUPPORTED: Exit.PASS,
    ClaimVerdict.REFUTED: Exit.REGRESSION,
    ClaimVerdict.INCONCLUSIVE: Exit.INCONCLUSIVE,
}
Name = Annotated[
    str | None,
    typer.Argument(metavar="[NAME]", help="Name or file of an experiment, or a result's folder."),
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
    workers: options.Workers = "1",
    pin: options.Pin = True,
    allow_side_effects: options.AllowSideEffects = False,
    out: Out = None,
    results: options.ResultsFolder = options.DEFAULT_RESULTS,
) -> None:
    """Test claims about variants of a stack.

    A block has one run of the base and one of each variant, each on a stack of its own.
    The blocks end when each claim has a verdict. A folder with a result is not measured again.
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
    if dry_run:
        with listen(name, live=False) as listener:
            print("\n".join(describe_experiment(name, listener=listener, **chosen)))
        return
    _end(_measure_or_read(name, chosen), outputs)


def _measure_or_read(name: str, chosen: ExperimentOptions) -> MeasuredExperiment:
    """Return the stored result in a folder, or measure an experiment."""
    if Path(name).is_dir():
        return MeasuredExperiment(read_experiment(name), Path(name))
    with listen(name, live=False) as listener:
        return measure_experiment(name, listener=listener, **chosen)


def _end(measured: MeasuredExperiment, outputs: Sequence[Output[ExperimentInput]]) -> NoReturn:
    """Print the report, name the folder, and exit with the code of the verdict."""
    result = measured.result
    write_outputs(
        outputs,
        lambda form, terminal: form.render(ExperimentInput(result, terminal)),
        measured.folder,
        default=EXPERIMENT_FORMATS["text"],
    )
    say(f"\nwritten to {measured.folder}")
    raise typer.Exit(_EXITS[result.verdict] if result.verdict else Exit.PASS)


def _print_list() -> None:
    for declared in list_experiments():
        print(f"{declared.name:20} {declared.hypothesis}")
