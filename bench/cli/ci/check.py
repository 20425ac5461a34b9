"""`bench ci check`: show on the commit that a measurement is in progress."""

from bench.cli import options
from bench.cli.console import say
from bench.usecases.commit_check import finish_check, start_check

_SHORT = 9  # digits of a commit


def start(suite: options.SuiteName = None) -> None:
    """Show on the commit that the measurement is in progress.

    `bench ci comment` concludes the check.
    """
    check = start_check(suite)
    say(f"{check.name} is in progress at {check.head_sha[:_SHORT]}")


def finish(suite: options.SuiteName = None) -> None:
    """Conclude a check that is still in progress as failed.

    Run it as the last step, so that no check stays in progress after an error.
    """
    check = finish_check(suite)
    state = "is concluded without a verdict" if check.changed else "was concluded before"
    say(f"{check.name} {state} at {check.head_sha[:_SHORT]}")
