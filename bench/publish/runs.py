"""Workflow runs of GitHub Actions and their artifacts."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime

from bench.errors import PublishError
from bench.publish.api import Api, done, read
from bench.publish.foreign import Foreign, is_same_name
from bench.publish.workflow_run import WorkflowRun

_MOST_ARTIFACTS = 300  # a matrix has 256 jobs at most
_MOST_BYTES = 200_000_000  # packed, of all archives of a workflow run
_MEASURING = frozenset({"pull_request", "workflow_dispatch", "deployment_status", "push"})
_SKIPPED = "skipped"  # conclusion of a run without a job
_PREFIX = "bench-"
# `bench-SUITE-ATTEMPT`, and for a job of a matrix `bench-SUITE-ATTEMPT-PART`.
_ATTEMPT = re.compile(r"(?P<suite>.+?)-(?P<attempt>\d{1,6})(?P<part>-.+)?", re.ASCII)


class _Workflow(Foreign):
    created_at: AwareDatetime


class Artifact(Foreign):
    """A zip archive that a workflow run keeps."""

    id: int
    name: str
    expired: bool


def newest_attempts(artifacts: Iterable[Artifact], only: int | None = None) -> list[Artifact]:
    """Return the artifacts of the newest attempt of each job; GitHub keeps those of all attempts.

    Args:
        artifacts: The artifacts of a workflow run.
        only: The only attempt that counts; default: each one.
    """
    newest: dict[str, tuple[int, Artifact]] = {}
    for artifact in artifacts:
        match = _ATTEMPT.fullmatch(artifact.name)
        job = f"{match['suite']} {match['part']}" if match else artifact.name
        attempt = int(match["attempt"]) if match else 0
        counts = only is None or attempt == only
        if counts and (job not in newest or newest[job][0] < attempt):
            newest[job] = (attempt, artifact)
    return [artifact for _, artifact in newest.values()]


def _is_of(artifact: str, suite: str | None) -> bool:
    """Return whether an artifact has results of a suite; `None` stands for any."""
    if suite is None:
        return artifact.startswith(_PREFIX)
    prefix = f"{_PREFIX}{suite}-"
    if not artifact.startswith(prefix):
        return False
    begins_with_attempt = artifact[len(prefix) :].partition("-")[0].isdecimal()
    return begins_with_attempt or not _ATTEMPT.fullmatch(artifact)  # `bench-pr-long-1` is not of `pr`


class Runs:
    """The workflow runs of one repository.

    Args:
        repository: `owner/name`.
        api: GitHub's REST API.
    """

    def __init__(self, repository: str, api: Api) -> None:
        self._api = api
        self._base = f"/repos/{repository}/actions"

    def newest(self, workflow: str, query: dict[str, str]) -> WorkflowRun | None:
        """Return the newest run of a workflow that matches a query; `None` without one.

        Args:
            workflow: Name of the workflow's file.
            query: GitHub's parameters `head_sha`, `event` or `status`.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return next(self.of_workflow(workflow, query), None)

    def of_workflow(self, workflow: str, query: dict[str, str]) -> Iterator[WorkflowRun]:
        """Yield the runs of a workflow that match a query, the newest first.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        path = f"{self._base}/workflows/{workflow}/runs"
        return self._api.pages(path, WorkflowRun, query, within="workflow_runs")

    def get(self, run: int) -> WorkflowRun:
        """Return the newest attempt of a workflow run.

        Raises:
            PublishError: It does not exist, or GitHub refused or does not answer.
        """
        return read(self._api.ask("GET", f"{self._base}/runs/{run}"), WorkflowRun)

    def measured(self, workflow: str, head_sha: str, head_repository: str | None) -> WorkflowRun:
        """Return the completed run that measured a commit last: the run whose newest attempt began last.

        A run without a job, which another label or a new title starts, measured nothing.

        Raises:
            PublishError: The commit was not measured, or the run has not ended.
        """
        runs: list[WorkflowRun] = []
        for run in self.of_workflow(workflow, {"head_sha": head_sha}):
            is_measuring = run.event in _MEASURING and run.conclusion != _SKIPPED
            if is_measuring and is_same_name(run.owner, head_repository):
                runs.append(run)
        newest = max(runs, key=lambda run: run.attempt, default=None)
        if newest is None:
            raise PublishError(f"{head_sha[:9]} was not measured", "comment /bench run to measure it")
        if newest.status != "completed":
            raise PublishError(f"{head_sha[:9]} is still being measured", "wait for its verdict")
        return newest

    def last_started(self, workflow: str, event: str) -> datetime:
        """Return the time at which an event last started a workflow; else the time of its creation.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        newest = self.newest(workflow, {"event": event})
        if newest is not None:
            return newest.created_at
        return read(self._api.ask("GET", f"{self._base}/workflows/{workflow}"), _Workflow).created_at

    def fetch(
        self, run: int, folder: Path, suite: str | None = None, only_attempt: int | None = None
    ) -> list[Path]:
        """Download the archives of a workflow run into a folder, and return their paths; none if it has none.

        Each job counts with its newest attempt that stored an archive.

        Args:
            run: Number of the workflow run.
            folder: An existing, empty folder.
            suite: A suite whose archives are fetched; default: those of all suites.
            only_attempt: The only attempt whose archives count; default: each one.

        Raises:
            PublishError: GitHub refused or does not answer, or the run has too many or too large archives.
        """
        path = f"{self._base}/runs/{run}/artifacts"
        listed: list[Artifact] = []
        for artifact in self._api.pages(path, Artifact, {}, within="artifacts"):
            if _is_of(artifact.name, suite) and not artifact.expired:
                listed.append(artifact)
        artifacts = newest_attempts(listed, only_attempt)
        if len(artifacts) > _MOST_ARTIFACTS:
            raise PublishError(
                f"workflow run {run} has {len(artifacts)} artifacts, a suite has at most {_MOST_ARTIFACTS}"
            )
        files: list[Path] = []
        left_bytes = _MOST_BYTES
        for artifact in artifacts:
            file = folder / f"{artifact.id}.zip"
            self._api.download(f"{self._base}/artifacts/{artifact.id}/zip", file, left_bytes)
            left_bytes -= file.stat().st_size
            files.append(file)
        return files

    def run_again(self, run: int) -> None:
        """Repeat all jobs of a workflow run.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        done(self._api.ask("POST", f"{self._base}/runs/{run}/rerun"))

    def start(self, workflow: str, branch: str, inputs: dict[str, str]) -> None:
        """Start a workflow on a branch.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        content = {"ref": branch, "inputs": inputs}
        answer = self._api.ask("POST", f"{self._base}/workflows/{workflow}/dispatches", json=content)
        try:
            done(answer)
        except PublishError as error:
            hint = f"{workflow} needs `workflow_dispatch` with the input `suite` on the default branch"
            raise PublishError(error.message, error.hint or hint) from error
