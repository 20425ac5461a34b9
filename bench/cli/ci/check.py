"""`bench ci check`: the check at the measured commit, begun before its verdict and never left open."""

from bench.cli.console import say
from bench.cli.publishing import SuiteName, connected


def start(suite: SuiteName = None) -> None:
    """Show on the commit that the measurement is in progress."""
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


def finish(suite: SuiteName = None) -> None:
    """Conclude a check that is still in progress as neutral."""
    from bench.publish.check import Check, KeepCheck

    context, github = connected()
    title = "Cannot tell: there is no verdict."
    check = Check(
        suite or context.suite, "neutral", title, f"Why stands in the [workflow run]({context.run_url})."
    )
    action = github.show(context.head_sha, check, context.run_url, only_open=True)
    done = "was concluded before" if isinstance(action, KeepCheck) else "is concluded without a verdict"
    say(f"{check.name} {done} at {context.head_sha[:9]}")
