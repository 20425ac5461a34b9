"""The `bench` command."""

import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import typer

from bench.cli import (
    ab,
    auth,
    baseline,
    check,
    comment,
    compare,
    github_check,
    github_command,
    github_issue,
    health,
    history,
    matrix,
    merge,
    monitor,
    noise,
    report,
    run,
    scenarios,
    schema,
    site,
    stack,
    trend,
)
from bench.cli.console import fail, say
from bench.errors import BenchError, Exit

app = typer.Typer(
    name="bench",
    help="Benchmark a chat stack, compare it with its baseline, and say what regressed.",
    epilog="Example: bench check quick",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog="Example: bench check quick --inject model.slowdown=1.3")(check.check)
app.command(epilog="Example: bench run quick --stack external --url http://127.0.0.1:3000")(run.run)
app.command(epilog="Example: bench ab embedded@main embedded --scenario quick")(ab.ab)
app.command(epilog="Example: bench noise quick --runs 20")(noise.noise)
app.command(epilog="Example: bench compare results/RUN --strict")(compare.compare)
app.command(epilog="Example: bench health --url http://127.0.0.1:3000")(health.health)
app.command(epilog="Example: bench monitor --duration 300 --health-checks")(monitor.monitor)
app.command(epilog="Example: bench matrix pr")(matrix.matrix)
app.command(epilog="Example: bench merge results/RUN results/OTHER")(merge.merge)
app.command(epilog="Example: bench comment results/RUN --suite pr --dry-run")(comment.comment)
app.command("github-command", epilog="Example: bench github-command  # in an issue_comment job")(
    github_command.github_command
)
app.command(epilog="Example: bench report results/RUN --format markdown")(report.report)
app.command(epilog="Example: bench trend quick")(trend.trend)
app.command(epilog="Example: bench site --history history --output site")(site.site)
app.command(epilog="Example: bench schema result > result.schema.json")(schema.schema)
app.add_typer(baseline.app, name="baseline")
app.add_typer(github_check.app, name="github-check")
app.add_typer(github_issue.app, name="github-issue")
app.add_typer(history.app, name="history")
app.add_typer(scenarios.app, name="scenarios")
app.add_typer(stack.app, name="stack")
app.add_typer(auth.app, name="auth")


def _version(*, wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"bench {version('chatbench')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Benchmark a chat stack, compare it with its baseline, and say what regressed.

    Exit codes: 0 pass, 1 regression or crossed threshold, 2 usage, 3 inconclusive (--strict), 4 the stack
    failed, 5 the measurement failed, 6 publishing failed, 70 a bug, 130 interrupted.
    """


def main(command: Callable[[], object] = app) -> None:
    """Run the command line and exit with the code that says how it ended."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        command()
    except BenchError as error:
        fail(error)
    except Exception:  # noqa: BLE001 - whatever it is, it is ours, and says so
        traceback.print_exc()
        say("error: this is a bug in bench; please report the lines above")
        sys.exit(Exit.BUG)


def _terminated(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
    """SIGTERM cleans up as Ctrl-C does."""
    raise KeyboardInterrupt
