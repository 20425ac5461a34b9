"""Check that a pull request has the reason for which its job was skipped."""

from collections.abc import Sequence
from pathlib import Path

from bench.measure.run.checkout import find_repository
from bench.publish.github import GitHub, PullRequest
from bench.publish.trigger import SKIP_LABEL
from bench.store import scenarios
from bench.store.folders import SCENARIOS

UNCONFIRMED = (
    "Not measured: the job was skipped, but the pull request has no label, draft or path that explains it"
)
"""Title of the check if the reason of the job is not true."""


def is_skip_confirmed(suite: str, pulls: Sequence[PullRequest], github: GitHub) -> bool:
    """Return whether GitHub and the files of the default branch confirm that a suite is skipped.

    The job runs code of the pull request, which can skip the measurement of a slow change.

    Args:
        suite: The suite.
        pulls: The open pull requests of the commit, at least one.
        github: The repository.

    Raises:
        ConfigError: The suite does not exist.
        PublishError: GitHub refused, or does not answer.
    """
    for pull in pulls:
        labels = {label.name for label in pull.labels}
        if (
            not pull.draft
            and SKIP_LABEL not in labels
            and _is_measured(suite, github.changed_files(pull.number))
        ):
            return False
    return True


def _is_measured(suite: str, changed: Sequence[str] | None) -> bool:
    if changed is None:  # a file that is not listed may matter
        return True
    repository = find_repository()
    place = Path() if repository is None else repository.place
    return scenarios.find_suite(suite).measures(changed, f"{(place / SCENARIOS).as_posix()}/")
