"""`bench run`: run a scenario, store the result and print it."""

from typing import TYPE_CHECKING, Annotated, Unpack

import typer

from bench.cli import options
from bench.cli.console import fail, warn
from bench.cli.live import listen
from bench.core.config.quick_load import is_address
from bench.errors import Exit
from bench.usecases.options import RunOptions
from bench.usecases.run import run as run_scenario

if TYPE_CHECKING:
    from bench.core.run.result import RunResult

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the folder of the run.")]


@options.with_address_options
def run(
    scenario: options.ScenarioOrAddress,
    *,
    live: options.Live = False,
    verbose: options.Verbose = False,
    quiet: Quiet = False,
    **given: Unpack[RunOptions],
) -> None:
    """Run a scenario, store the result and print it.

    An address needs no file: one request recognises OpenAI's, Ollama's and Anthropic's APIs, and plain JSON.
    The last line is the folder of the run. `bench compare FOLDER` judges it.
    Exits with 1 if a threshold is crossed, and with 5 if the run is invalid.
    """
    with listen(scenario, live=live) as listener:
        stored = run_scenario(scenario, listener=listener, **given)
    if quiet:
        _warn(stored.result)
    else:
        # What prints the tables is imported after the load.
        from bench.cli.outputs import count_lines, layout_of_stdout, short_layout  # noqa: PLC0415 - see above
        from bench.render.results import results_text  # noqa: PLC0415 - see above

        command = "report --out html" if is_address(scenario) else "compare"
        next_step = f"next: bench {command} {stored.folder}"
        below = count_lines(["", next_step, str(stored.folder)])
        short = None if verbose else short_layout(stored.folder, below=below)
        print(results_text(stored.result, layout_of_stdout(short)))
        print(next_step)
    print(stored.folder)
    if stored.problem is not None:
        fail(stored.problem)
    raise typer.Exit(_exit_code(stored.result))


def _warn(result: "RunResult") -> None:
    """Print the reason of a failing exit code on stderr."""
    for limit in result.crossed:
        warn(f"threshold crossed: {limit}")
    for reason in result.validity.reasons:
        warn(f"the run is invalid: {reason}")


def _exit_code(result: "RunResult") -> Exit:
    if not result.validity.valid:
        return Exit.MEASUREMENT
    return Exit.REGRESSION if result.crossed else Exit.PASS
