"""Show on the measured commit that a measurement is in progress, or that it ended without a verdict."""

from dataclasses import dataclass

from bench.publish.check import Check, KeepCheck
from bench.usecases.job import connect


@dataclass(frozen=True, slots=True)
class ShownCheck:
    """A check on a commit."""

    name: str
    """Name of the check, such as `bench pr`."""
    head_sha: str
    """The commit."""
    changed: bool
    """The check was created or changed; False if it was concluded before."""


def start_check(suite: str | None = None) -> ShownCheck:
    """Show that the commit is being measured. `bench ci comment` concludes the check.

    Args:
        suite: The measured suite; default: the suite that the job names.

    Raises:
        PublishError: This is not a trusted job of GitHub Actions, or GitHub refused.
    """
    context, github = connect()
    summary = "The verdict appears here when the workflow run is complete."
    check = Check(suite or context.suite, None, "Measurement in progress.", summary)
    github.show(context.head_sha, check, context.run_url)
    return ShownCheck(check.name, context.head_sha, changed=True)


def finish_check(suite: str | None = None) -> ShownCheck:
    """Conclude a check that is still in progress as failed: the workflow run produced no verdict.

    Args:
        suite: The measured suite; default: the suite that the job names.

    Raises:
        PublishError: This is not a trusted job of GitHub Actions, or GitHub refused.
    """
    context, github = connect()
    title = "Not measured: the workflow run ended without a verdict."
    summary = f"The [workflow run]({context.run_url}) shows the reason."
    check = Check(suite or context.suite, "failure", title, summary)
    action = github.show(context.head_sha, check, context.run_url, only_open=True)
    return ShownCheck(check.name, context.head_sha, changed=not isinstance(action, KeepCheck))
