"""`bench github-check`: the check at the measured commit, begun before its verdict and never left open."""

import typer

from bench.cli.console import say
from bench.cli.publishing import SuiteName, connected

app = typer.Typer(
    help="Show at the commit that it is measured, and that it no longer is.", no_args_is_help=True
)


@app.command(epilog="Example: bench github-check start")
def start(suite: SuiteName = None) -> None:
    """Show that the commit is being measured; `bench comment` concludes it."""
    from bench.publish.check import Check

    context, github = connected()
    check = Check(
        suite or context.suite,
        None,
        "Being measured.",
        "The verdict stands here when the workflow run is done.",
    )
    github.show(context.head_sha, check, context.run_url)
    say(f"{check.name} is in progress at {context.head_sha[:9]}")


@app.command(epilog="Example: bench github-check finish")
def finish(suite: SuiteName = None) -> None:
    """Conclude what is still in progress as neutral: nobody could say what came of it."""
    from bench.publish.check import Check, Leave

    context, github = connected()
    title = "Cannot tell: there is no verdict."
    check = Check(
        suite or context.suite, "neutral", title, f"Why stands in the [workflow run]({context.run_url})."
    )
    action = github.show(context.head_sha, check, context.run_url, only_open=True)
    done = "was concluded before" if isinstance(action, Leave) else "is concluded without a verdict"
    say(f"{check.name} {done} at {context.head_sha[:9]}")
