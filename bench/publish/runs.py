"""Workflow runs of GitHub Actions and their artifacts."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime

from bench.errors import PublishError
from bench.publish.api import Api, done, read
from bench.publish.context import suite_of
from bench.publish.foreign import Foreign, is_same_name

_MOST_ARTIFACTS = 300  # a matrix has 256 jobs at most
_MOST_BYTES = 200_000_000  # packed, of all archives of a workflow run


class _Repository(Foreign):
    full_name: str


class WorkflowRun(Foreign):
    """A run of a workflow."""

    id: int
    status: str
    head_sha: str = ""
    created_at: AwareDatetime
    head_repository: _Repository | None = None
    event: str = ""
    display_title: str = ""

    @property
    def suite(self) -> str:
        """Suite that the run measured."""
        return suite_of(self.event, self.display_title)


class _Workflow(Foreign):
    created_at: AwareDatetime


class Artifact(Foreign):
    """A zip archive that a workflow run keeps."""

    id: int
    name: str
    expired: bool


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

    def measured(self, workflow: str, head_sha: str, head_repository: str | None) -> WorkflowRun:
        """Return the newest completed run that measured a commit.

        Raises:
            PublishError: The commit was not measured, or the run has not ended.
        """
        for run in self.of_workflow(workflow, {"head_sha": head_sha}):
            owner = run.head_repository.full_name if run.head_repository else None
            if not is_same_name(owner, head_repository):
                continue
            if run.status != "completed":
                raise PublishError(f"{head_sha[:9]} is still being measured", "wait for its verdict")
            return run
        raise PublishError(f"{head_sha[:9]} was not measured", "comment /bench run to measure it")

    def last_started(self, workflow: str, event: str) -> datetime:
        """Return the time at which an event last started a workflow; else the time of its creation.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        newest = self.newest(workflow, {"event": event})
        if newest is not None:
            return newest.created_at
        return read(self._api.ask("GET", f"{self._base}/workflows/{workflow}"), _Workflow).created_at

    def fetch(self, run: int, folder: Path, suite: str | None = None) -> list[Path]:
        """Download the archives of a workflow run into a folder, and return their paths; none if it has none.

        Args:
            run: Number of the workflow run.
            folder: An existing, empty folder.
            suite: A suite whose archives are fetched; default: those of all suites.

        Raises:
            PublishError: GitHub refused or does not answer, or the run has too many or too large archives.
        """
        path = f"{self._base}/runs/{run}/artifacts"
        prefix = f"bench-{suite}-" if suite else "bench-"
        artifacts: list[Artifact] = []
        for artifact in self._api.pages(path, Artifact, {}, within="artifacts"):
            if artifact.name.startswith(prefix) and not artifact.expired:
                artifacts.append(artifact)
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
        done(self._api.ask("POST", f"{self._base}/workflows/{workflow}/dispatches", json=content))
