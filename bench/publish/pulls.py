"""Which pull requests get the comment about a commit, and why none does. Pure: no request is sent here."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.publish.check import CLOSED, MERGED
from bench.publish.github import PullRequest

_OPEN = "open"


@dataclass(frozen=True, slots=True)
class Audience:
    """The pull requests that get a comment, or the reason why there is none."""

    pulls: tuple[PullRequest, ...] = ()
    """Open pull requests whose newest commit was measured."""
    state: str | None = None
    """`merged` or `closed` if that happened before the verdict."""
    reason: str | None = None
    """Why there is no comment, in one sentence; `None` if there is one."""


def find_audience(pulls: Sequence[PullRequest], head_sha: str) -> Audience:
    """Return who gets the comment about a commit. It is an ordinary end if no pull request does.

    Args:
        pulls: The pull requests of the commit's branch, the newest first; of any state.
        head_sha: The measured commit.
    """
    short = head_sha[:9]
    current = [pull for pull in pulls if pull.head.sha == head_sha]
    waiting = tuple(pull for pull in current if pull.state == _OPEN)
    if waiting:
        return Audience(waiting)
    if any(pull.state == _OPEN for pull in pulls):
        return Audience(reason=f"the branch has a newer commit than {short}, which gets its own comment")
    if not current:
        return Audience(reason=f"no pull request has {short} as its newest commit")
    state = CLOSED if current[0].merged_at is None else MERGED
    return Audience(state=state, reason=f"pull request #{current[0].number} was {state} before the verdict")
