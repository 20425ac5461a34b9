"""Propose the baselines of a suite in a pull request."""

from collections.abc import Sequence

from bench.core.run.result import RunResult
from bench.core.verdict.acceptance import AcceptRequest
from bench.publish.branches import Branches, Proposal
from bench.publish.github import GitHub
from bench.render.effect import effect_markdown
from bench.usecases.accept import change_baselines
from bench.usecases.job import connect_api, read_repository


def propose(runs: Sequence[RunResult], suite: str, request: AcceptRequest) -> str | None:
    """Open a pull request that accepts runs; return its address, or None if all were accepted before.

    Args:
        runs: The results to accept.
        suite: The suite that has the scenarios of all runs.
        request: Who accepts the runs, why, and into which level.

    Raises:
        BenchError: As for `change_baselines`, or GitHub refused or does not answer.
    """
    repository = read_repository()
    api = connect_api()
    branches = Branches(repository, api)
    default = GitHub(repository, api).default_branch()
    head = branches.head(default)

    def read(path: str) -> str | None:
        return branches.text(path, head or default)

    changes = change_baselines(runs, suite, read, request)
    if not changes.files:
        return None
    title = f"Accept the runs of suite {suite}: {request.reason}"
    proposal = Proposal(
        branch=f"bench-baseline/{suite}-{runs[0].provenance.run_id}",
        base=default,
        at=head,
        title=title,
        body=f"{len(runs)} runs, accepted by `{request.by}`.\n\n{effect_markdown(changes.effect)}",
    )
    return branches.propose(proposal, changes.files, f"{title}\n\n{request.by}\n")
