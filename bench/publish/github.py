"""Pull requests, comments and checks of one repository on GitHub."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, assert_never
from urllib.parse import quote

from bench.errors import PublishError
from bench.publish.api import NOT_FOUND, NOT_PERMITTED, Api, read
from bench.publish.check import (
    BeginCheck,
    Check,
    CheckAction,
    CheckRun,
    KeepCheck,
    UpdateCheck,
    check_contents,
    plan_check,
    status_content,
)
from bench.publish.foreign import Foreign, is_same_name
from bench.publish.identity import Identity
from bench.publish.plan import Comment, Create, Skip, Update, plan_comment, with_marker
from bench.publish.refusals import STATUS_HINT
from bench.publish.session import RETRIES, Answer

_MOST_FILES = 3_000  # of a pull request, that GitHub lists


class _Repository(Foreign):
    full_name: str


class _Head(Foreign):
    sha: str
    ref: str = ""
    repo: _Repository | None

    @property
    def owner(self) -> str | None:
        """Repository of the commit; `None` if it was deleted."""
        return self.repo.full_name if self.repo else None


class _Label(Foreign):
    name: str


class PullRequest(Foreign):
    """A pull request."""

    number: int
    head: _Head
    state: str = "open"
    merged_at: str | None = None
    draft: bool | None = False
    labels: tuple[_Label, ...] = ()


class _ChangedFile(Foreign):
    filename: str
    previous_filename: str | None = None


class _Settings(Foreign):
    full_name: str
    default_branch: str


class _Permission(Foreign):
    permission: str


class _Checks(Foreign):
    check_runs: list[CheckRun]


class _Made(Foreign):
    id: int


class GitHub:
    """One repository on GitHub.

    Args:
        repository: `owner/name`.
        api: GitHub's REST API.
    """

    def __init__(self, repository: str, api: Api) -> None:
        self._api = api
        self._repository = repository
        self._base = f"/repos/{repository}"
        self._settings: _Settings | None = None
        self.identity = Identity(repository, api)
        """The account of the token."""

    def login(self, seen: str | None = None) -> str:
        """Return the account of the token, which writes the comments: see `Identity.login`.

        Raises:
            PublishError: GitHub does not answer.
        """
        return self.identity.login(seen)

    def is_own(self, name: str | None) -> bool:
        """Check that a name is the name of this repository, or its new name after it was renamed.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        if is_same_name(name, self._repository):
            return True
        return self._api.has_renames and is_same_name(name, self._read_settings().full_name)

    def pull_requests(
        self, head_sha: str, head_repository: str | None, head_branch: str | None = None
    ) -> tuple[PullRequest, ...]:
        """Return the pull requests of a branch, the newest first; also those that were merged or closed.

        Args:
            head_sha: Commit.
            head_repository: Repository of the commit; `None` if it was deleted.
            head_branch: Branch of the commit; without it, GitHub lists the pull requests of the commit.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        pulls: list[PullRequest] = []
        for pull in self._list_pulls(head_sha, head_repository, head_branch):
            if self._is_of(pull, head_repository):
                pulls.append(pull)
        return tuple(pulls)

    def _list_pulls(
        self, head_sha: str, head_repository: str | None, head_branch: str | None
    ) -> Iterator[PullRequest]:
        path = f"{self._base}/pulls"
        if head_repository is not None and head_branch:
            owner = head_repository.partition("/")[0]
            query = {"state": "all", "head": f"{owner}:{head_branch}"}
            return self._api.pages(path, PullRequest, query)
        if self.is_own(head_repository):
            return self._api.pages(f"{self._base}/commits/{head_sha}/pulls", PullRequest, {})
        # GitHub does not find the commit of a fork by its name.
        return self._api.pages(path, PullRequest, {"state": "open", "sort": "updated", "direction": "desc"})

    def _is_of(self, pull: PullRequest, head_repository: str | None) -> bool:
        owner = pull.head.owner
        return is_same_name(owner, head_repository) or (self.is_own(owner) and self.is_own(head_repository))

    def pull(self, number: int) -> PullRequest:
        """Return a pull request by its number.

        Raises:
            PublishError: It does not exist, or GitHub refused or does not answer.
        """
        return read(self._api.ask("GET", f"{self._base}/pulls/{number}"), PullRequest)

    def changed_files(self, number: int) -> list[str] | None:
        """Return the paths of the files that a pull request changes; also the old paths of moved files.

        `None` if GitHub lists only a part of them.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        paths: list[str] = []
        listed = list(self._api.pages(f"{self._base}/pulls/{number}/files", _ChangedFile, {}))
        for file in listed:
            paths.append(file.filename)
            if file.previous_filename is not None:
                paths.append(file.previous_filename)
        return paths if len(listed) < _MOST_FILES else None

    def default_branch(self) -> str:
        """Return the default branch.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return self._read_settings().default_branch

    def _read_settings(self) -> _Settings:
        if self._settings is None:
            self._settings = read(self._api.ask("GET", self._base), _Settings)
        return self._settings

    def permission(self, login: str) -> str:
        """Return the permission of an account: `admin`, `write`, `read` or `none`.

        Raises:
            PublishError: GitHub does not answer.
        """
        answer = self._api.ask("GET", f"{self._base}/collaborators/{quote(login)}/permission")
        return "none" if answer.status_code == NOT_FOUND else read(answer, _Permission).permission

    def react(self, comment: int, content: str) -> None:
        """React to a comment. The reaction is optional: a failed request is ignored."""
        path = f"{self._base}/issues/comments/{comment}/reactions"
        answer = self._api.post_optional(path, {"content": content})
        if answer is not None:
            self.identity.learn(answer)

    def say(self, pull: PullRequest, body: str, author: str | None = None) -> Create | Update | Skip:
        """Create or update the comment on a pull request, and return the action.

        Args:
            pull: Pull request.
            body: Text. Its first line is the marker by which the comment is found again.
            author: Account that comments; default: the account of the token.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        path = f"{self._base}/issues/{pull.number}/comments"
        for _ in range(RETRIES):
            action = self._plan_comment(path, body, author)
            match action:
                case Skip():
                    return action
                case Update(comment, text):
                    changed = f"{self._base}/issues/comments/{comment}"
                    read(self._api.ask("PATCH", changed, json={"body": text}), _Made)
                    return action
                case Create(text):
                    # If the answer is lost, the comment may exist: the next round looks for it.
                    answer = self._api.post(path, {"body": text})
                    if answer is not None:
                        read(answer, _Made)
                        self.identity.learn(answer)
                        return action
        raise PublishError("GitHub did not accept the comment", STATUS_HINT)

    def has_said(self, number: int, marker: str) -> bool:
        """Check that the account of the token has written a comment whose first line is this marker.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        path = f"{self._base}/issues/{number}/comments"
        return not isinstance(self._plan_comment(path, marker, None), Create)

    def _plan_comment(self, path: str, body: str, author: str | None) -> Create | Update | Skip:
        """Plan the comment. Only if a comment with its marker exists, the name of the account is needed."""
        marked = with_marker(self._api.pages(path, Comment, {}), body)
        first = next(marked, None)
        if first is None:
            return Create(body)
        author = author or self.login(f"issues/comments/{first.id}")
        return plan_comment(chain([first], marked), body, author)

    def show(self, head_sha: str, check: Check, run_url: str, *, only_open: bool = False) -> CheckAction:
        """Show a check at a commit, or a status if the token may not write checks; return the action.

        Args:
            head_sha: Commit.
            check: Check to show.
            run_url: Address of the details.
            only_open: Conclude a check that is in progress, but create none.

        Raises:
            PublishError: GitHub accepts neither.
        """
        first, *more = check_contents(check, run_url)
        for _ in range(RETRIES):
            checks = self._ask_checks(head_sha, check)
            if checks.status_code in NOT_PERMITTED:
                return KeepCheck() if only_open else self._show_status(head_sha, check, run_url)
            action = plan_check(read(checks, _Checks).check_runs, check, only_open=only_open)
            if isinstance(action, KeepCheck):
                return action
            answer = self._send_check(action, head_sha, first)
            if answer is None:
                continue
            if answer.status_code in NOT_PERMITTED:
                return self._show_status(head_sha, check, run_url)
            address = f"{self._base}/check-runs/{read(answer, _Made).id}"
            self.identity.learn(answer)
            for content in more:
                if not self._api.is_short:
                    read(self._api.ask("PATCH", address, json=content), _Made)
            return action
        raise PublishError("GitHub did not accept the check", STATUS_HINT)

    def last_check(self, head_sha: str, suite: str) -> CheckRun | None:
        """Return the newest concluded check of a suite at a commit; `None` without one.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        wanted = Check(suite, None, "", "")
        listed = read(self._ask_checks(head_sha, wanted), _Checks).check_runs
        concluded = [check for check in listed if check.is_of(suite) and check.status == "completed"]
        return max(concluded, key=lambda check: check.id, default=None)

    def _ask_checks(self, head_sha: str, check: Check) -> Answer:
        query = {"check_name": check.name, "per_page": "100"}
        return self._api.ask("GET", f"{self._base}/commits/{head_sha}/check-runs", params=query)

    def _send_check(
        self, action: BeginCheck | UpdateCheck, head_sha: str, content: dict[str, Any]
    ) -> Answer | None:
        """Create or update a check. If the answer is lost, the next round looks whether the check exists."""
        match action:
            case UpdateCheck(number):
                return self._api.ask("PATCH", f"{self._base}/check-runs/{number}", json=content)
            case BeginCheck():
                return self._api.post(f"{self._base}/check-runs", {"head_sha": head_sha, **content})
            case _:
                assert_never(action)

    def _show_status(self, head_sha: str, check: Check, run_url: str) -> CheckAction:
        for _ in range(RETRIES):
            # A status replaces the previous one, so a repeated request is harmless.
            answer = self._api.post(f"{self._base}/statuses/{head_sha}", status_content(check, run_url))
            if answer is not None:
                read(answer, _Made)
                self.identity.learn(answer)
                return BeginCheck()
        raise PublishError("GitHub did not accept the status", STATUS_HINT)
