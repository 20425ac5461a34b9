"""Workflow runs and what they keep: GitHub Actions, as far as it measured."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import AwareDatetime

from bench.errors import PublishError
from bench.publish.api import Api, done, read
from bench.publish.context import suite_of
from bench.publish.foreign import Foreign

_MOST_ARTIFACTS = 300  # a matrix has 256 jobs at most
_MOST_BYTES = 200_000_000  # packed


class _Repository(Foreign):
    full_name: str


class WorkflowRun(Foreign):
    """A run of a workflow."""

    id: int
    status: str
    created_at: AwareDatetime
    head_repository: _Repository | None = None
    event: str = ""
    display_title: str = ""

    @property
    def suite(self) -> str:
        """What it measured."""
        return suite_of(self.event, self.display_title)


class _Workflow(Foreign):
    created_at: AwareDatetime


class Artifact(Foreign):
    """What a run keeps: a zip archive."""

    id: int
    name: str
    expired: bool


class Runs:
    """The workflow runs of one repository.

    Args:
        repository: `owner/name`.
        api: By which it is asked.
    """

    def __init__(self, repository: str, api: Api) -> None:
        self._api, self._base = api, f"/repos/{repository}/actions"

    def newest(self, workflow: str, query: dict[str, str]) -> WorkflowRun | None:
        """The newest run of a workflow that is as asked for; None when there is none.

        Args:
            workflow: Its file's name.
            query: `head_sha`, `event` or `status`, as GitHub names them.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return next(self._of(workflow, query), None)

    def _of(self, workflow: str, query: dict[str, str]) -> Iterator[WorkflowRun]:
        """The runs of a workflow that are as asked for, the newest first."""
        path = f"{self._base}/workflows/{workflow}/runs"
        return self._api.pages(path, WorkflowRun, query, within="workflow_runs")

    def measured(self, workflow: str, head_sha: str, head_repository: str | None) -> WorkflowRun:
        """The newest run that measured a commit, to its end.

        Raises:
            PublishError: There is none, or it is not done yet.
        """
        for each in self._of(workflow, {"head_sha": head_sha}):
            owner = each.head_repository.full_name if each.head_repository else None
            if owner != head_repository:
                continue
            if each.status != "completed":
                raise PublishError(f"{head_sha[:9]} is still being measured", "wait for its verdict")
            return each
        raise PublishError(f"{head_sha[:9]} was not measured", "/bench run measures it")

    def last_begun(self, workflow: str, event: str) -> datetime:
        """When a workflow was last begun by an event; when it was made, if it never was.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        newest = self.newest(workflow, {"event": event})
        if newest is not None:
            return newest.created_at
        return read(self._api.ask("GET", f"{self._base}/workflows/{workflow}"), _Workflow).created_at

    def fetch(self, run: int, folder: Path) -> list[Path]:
        """The archives of what a run kept, in a folder.

        Args:
            run: Its number.
            folder: Where they go; it is there and empty.

        Raises:
            PublishError: GitHub refused or does not answer, or there is none, too many, or too much.
        """
        path = f"{self._base}/runs/{run}/artifacts"
        found = [
            each
            for each in self._api.pages(path, Artifact, {}, within="artifacts")
            if each.name.startswith("bench-") and not each.expired
        ]
        if not found:
            raise PublishError(f"workflow run {run} keeps no runs of bench", "they are kept for 30 days")
        if len(found) > _MOST_ARTIFACTS:
            raise PublishError(f"workflow run {run} keeps {len(found)} artifacts, which no suite has")
        files = []
        for each in found:
            files.append(folder / f"{each.id}.zip")
            self._api.download(f"{self._base}/artifacts/{each.id}/zip", files[-1], _MOST_BYTES)
        return files

    def run_again(self, run: int) -> None:
        """Do all of a run once more.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        done(self._api.ask("POST", f"{self._base}/runs/{run}/rerun"))

    def begin(self, workflow: str, branch: str, inputs: dict[str, str]) -> None:
        """Begin a run of a workflow on a branch.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        content = {"ref": branch, "inputs": inputs}
        done(self._api.ask("POST", f"{self._base}/workflows/{workflow}/dispatches", json=content))
