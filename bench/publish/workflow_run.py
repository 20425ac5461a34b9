"""A run of a GitHub Actions workflow, and which of two attempts is newer. Pure: no request is sent here."""

import re
from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import AwareDatetime, StringConstraints

from bench.core.config.target import NAME
from bench.core.run.job import CommitId
from bench.publish.foreign import Foreign, RepositoryName

SUITE = "pr"
"""The suite of a pull request."""
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9.:/_-]{1,500}$")]
# GitHub limits a branch to 255 bytes.
_Branch = Annotated[str, StringConstraints(min_length=1, max_length=255)]
_TITLE = re.compile(f"bench ({NAME})")
_ATTEMPT = re.compile(r"(\d{1,12})\.(\d{1,20})\.(\d{1,6})", re.ASCII)


@dataclass(frozen=True, order=True, slots=True)
class RunAttempt:
    """An attempt of a workflow run. The attempt that started later is the greater one."""

    started_at: int
    """Seconds since 1970."""
    run: int
    """Number of the workflow run."""
    number: int
    """Number of the attempt; a re-run has the next one."""

    def __str__(self) -> str:
        """Return the form that `parse` reads."""
        return f"{self.started_at}.{self.run}.{self.number}"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the attempt that a text names; `None` if it names none."""
        match = _ATTEMPT.fullmatch(text)
        return cls(int(match[1]), int(match[2]), int(match[3])) if match else None


def is_newer(attempt: RunAttempt | None, other: RunAttempt | None) -> bool:
    """Check that an attempt began after another one; False if one of them is unknown."""
    return attempt is not None and other is not None and attempt > other


class NamedRepository(Foreign):
    """A repository."""

    full_name: RepositoryName


class WorkflowRun(Foreign):
    """An attempt of a workflow run, as an event and the API show it."""

    id: int
    head_sha: CommitId
    created_at: AwareDatetime
    run_attempt: int | None = None
    run_started_at: AwareDatetime | None = None
    status: str | None = None
    conclusion: str | None = None
    event: str | None = None
    head_branch: _Branch | None = None
    head_repository: NamedRepository | None = None
    display_title: str | None = None
    html_url: Url | None = None

    @property
    def attempt(self) -> RunAttempt:
        """The attempt."""
        started = self.run_started_at or self.created_at
        return RunAttempt(int(started.timestamp()), self.id, self.run_attempt or 1)

    def only_attempt(self, ended: str | None) -> int | None:
        """Return the only attempt whose results count; `None` if the newest results of each job do.

        A job that succeeded has stored its results, so older ones are of jobs that a re-run did not repeat.
        After another end, older results may be those that the re-run should have replaced.

        Args:
            ended: GitHub's word for the end of the measuring job; `None` if it is unknown.
        """
        return None if ended == "success" or self.run_attempt == 1 else self.run_attempt

    @property
    def owner(self) -> str | None:
        """Repository of the commit; `None` if it was deleted."""
        return self.head_repository.full_name if self.head_repository else None

    @property
    def named_suite(self) -> str | None:
        """The suite that a maintainer named when starting the run; `None` if no maintainer named one.

        Other titles come from the branch, which may belong to a stranger.
        """
        match = _TITLE.fullmatch(self.display_title or "")
        return match[1] if match and self.event == "workflow_dispatch" else None

    @property
    def suite(self) -> str:
        """The suite that the run measured, as far as its title shows it."""
        return self.named_suite or SUITE
