"""Change the baselines of a suite on GitHub: in a pull request, or on the default branch."""

from bench.core.verdict.acceptance import AcceptRequest
from bench.errors import PublishError
from bench.publish.branches import Branches, Proposal
from bench.publish.github import GitHub
from bench.publish.session import RETRIES
from bench.render.effect import effect_markdown
from bench.usecases.accept import BaselineChanges, change_baselines
from bench.usecases.job import connect_api, read_repository
from bench.usecases.stored_runs import StoredSuite


def propose(stored: StoredSuite, suite: str, request: AcceptRequest) -> str | None:
    """Open a pull request that accepts runs; return its address, or None if no baseline changes.

    Args:
        stored: The results to accept, with the pairs of those that compare two versions.
        suite: The suite that has the scenarios of all runs.
        request: Who accepts the runs, why, and into which level.

    Raises:
        BenchError: As for `change_baselines`, or GitHub refused or does not answer.
    """
    default, branches = _connect_branches()
    head = branches.head(default)
    changes = _change_on(branches, head or default, stored, suite, request)
    if not changes.files:
        return None
    title = f"Accept the runs of suite {suite}: {request.reason}"
    proposal = Proposal(
        branch=f"bench-baseline/{suite}-{stored.results[0].provenance.run_id}",
        base=default,
        at=head,
        title=title,
        body=f"{len(stored.results)} runs, accepted by `{request.by}`.\n\n{effect_markdown(changes.effect)}",
    )
    return branches.propose(proposal, changes.files, f"{title}\n\n{request.by}\n")


def commit_to_default(stored: StoredSuite, suite: str, request: AcceptRequest) -> BaselineChanges:
    """Commit the baselines with accepted runs to the default branch, and return the changes.

    Args:
        stored: The results to accept, with the pairs of those that compare two versions.
        suite: The suite that has the scenarios of all runs.
        request: Who accepts the runs, why, and into which level.

    Raises:
        BenchError: As for `change_baselines`, or GitHub refused or does not answer.
    """
    default, branches = _connect_branches()
    title = f"Add the runs of suite {suite} to its baselines: {request.reason}"
    for _ in range(RETRIES):  # another job may have committed in between
        head = branches.head(default)
        changes = _change_on(branches, head or default, stored, suite, request)
        message = f"{title}\n\n{request.by}\n"
        if not changes.files or branches.commit(default, head, changes.files, message):
            return changes
    raise PublishError(
        f"GitHub did not accept a commit to branch {default}",
        "allow the workflow to push to it, or use --propose",
    )


def _connect_branches() -> tuple[str, Branches]:
    """Return the name of the default branch, and all branches."""
    repository = read_repository()
    api = connect_api()
    return GitHub(repository, api).default_branch(), Branches(repository, api)


def _change_on(
    branches: Branches, commit: str, stored: StoredSuite, suite: str, request: AcceptRequest
) -> BaselineChanges:
    """Return the changes of the baselines of a commit."""

    def read(path: str) -> str | None:
        return branches.text(path, commit)

    return change_baselines(stored, suite, read, request)
