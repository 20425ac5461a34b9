"""What is said on GitHub, and where: a comment on a pull request, and a check at its commit."""

from bench.errors import PublishError
from bench.publish.api import NOT_FOUND, NOT_PERMITTED, RETRIES, Answer, Api, done, read
from bench.publish.check import (
    Begin,
    Change,
    Check,
    CheckRun,
    Leave,
    check_contents,
    plan_check,
    status_content,
)
from bench.publish.foreign import Foreign
from bench.publish.plan import Comment, Create, Skip, Update, plan_comment

# Whose a workflow's own token is: it may not ask who it is.
ACTIONS = "github-actions[bot]"
_ITS_STATUS = "its status: https://www.githubstatus.com"


class _Repository(Foreign):
    full_name: str


class _Head(Foreign):
    sha: str
    ref: str = ""
    repo: _Repository | None

    @property
    def owner(self) -> str | None:
        """Whose it is; None when that repository is gone."""
        return self.repo.full_name if self.repo else None


class PullRequest(Foreign):
    """A pull request."""

    number: int
    head: _Head
    state: str = "open"


class _User(Foreign):
    login: str


class _Settings(Foreign):
    default_branch: str


class _Permission(Foreign):
    permission: str


class _Checks(Foreign):
    check_runs: list[CheckRun]


class _Made(Foreign):
    id: int


class _Status(Foreign):
    context: str
    state: str


class GitHub:
    """One repository on GitHub.

    Args:
        repository: `owner/name`.
        api: By which it is asked.
    """

    def __init__(self, repository: str, api: Api) -> None:
        self._api, self._base = api, f"/repos/{repository}"

    def login(self) -> str:
        """Whose the token is, and so the comments that are made with it.

        Raises:
            PublishError: GitHub does not answer.
        """
        answer = self._api.ask("GET", "/user")
        return ACTIONS if answer.status_code in NOT_PERMITTED else read(answer, _User).login

    def pull_requests(self, head_sha: str, head_repository: str | None) -> tuple[PullRequest, ...]:
        """The open pull requests whose head this is now: one, or more to several branches.

        Raises:
            PublishError: There is none, for the branch was pushed to since, or the pull request closed.
        """
        found = tuple(
            each
            for each in self._api.pages(f"{self._base}/pulls", PullRequest, {"state": "open"})
            if (each.head.sha, each.head.owner) == (head_sha, head_repository)
        )
        if found:
            return found
        whose = head_repository or "a fork that is gone"
        raise PublishError(
            f"no open pull request of {whose} has {head_sha[:9]} as its head",
            "it was pushed to since, or closed: the newer commit gets a comment of its own",
        )

    def pull(self, number: int) -> PullRequest:
        """A pull request by its number, as it is now.

        Raises:
            PublishError: There is none, GitHub refused, or does not answer.
        """
        return read(self._api.ask("GET", f"{self._base}/pulls/{number}"), PullRequest)

    def default_branch(self) -> str:
        """The branch that others come from.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        return read(self._api.ask("GET", self._base), _Settings).default_branch

    def permission(self, login: str) -> str:
        """What somebody may do here: `admin`, `write`, `read` or `none`.

        Raises:
            PublishError: GitHub does not answer.
        """
        answer = self._api.ask("GET", f"{self._base}/collaborators/{login}/permission")
        return "none" if answer.status_code == NOT_FOUND else read(answer, _Permission).permission

    def react(self, comment: int, content: str) -> None:
        """Put a reaction to a comment; one that is there stays. A reaction that fails fails nothing."""
        self._api.post(f"{self._base}/issues/comments/{comment}/reactions", {"content": content})

    def say(self, pull: PullRequest, body: str, author: str) -> Create | Update | Skip:
        """Make a pull request have this comment, once. Returns what had to be done.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        path = f"{self._base}/issues/{pull.number}/comments"
        for _ in range(RETRIES):
            action = plan_comment(self._api.pages(path, Comment, {}), body, author)
            match action:
                case Skip():
                    return action
                case Update(comment, text):
                    changed = f"{self._base}/issues/comments/{comment}"
                    done(self._api.ask("PATCH", changed, json={"body": text}))
                    return action
                case Create(text):
                    # It may be there although the answer was lost: then the next look finds it.
                    answer = self._api.post(path, {"body": text})
                    if answer is not None:
                        done(answer)
                        return action
        raise PublishError("GitHub did not take the comment", _ITS_STATUS)

    def show(
        self, head_sha: str, check: Check, run_url: str, *, only_open: bool = False
    ) -> Begin | Change | Leave:
        """Make a commit have this check, or where the token may not, a status. Returns what had to be done.

        Args:
            head_sha: The commit.
            check: What is to be shown.
            run_url: Where the details are.
            only_open: Conclude what is in progress, and begin nothing.

        Raises:
            PublishError: GitHub takes neither.
        """
        first, *more = check_contents(check, run_url)
        query = {"check_name": check.name, "per_page": "100"}
        for _ in range(RETRIES):
            known = self._api.ask("GET", f"{self._base}/commits/{head_sha}/check-runs", params=query)
            if known.status_code in NOT_PERMITTED:
                return self._show_status(head_sha, check, run_url, only_open=only_open)
            action = plan_check(read(known, _Checks).check_runs, check, only_open=only_open)
            answer: Answer | None
            match action:
                case Leave():
                    return action
                case Change(number):
                    answer = self._api.ask("PATCH", f"{self._base}/check-runs/{number}", json=first)
                case Begin():
                    # As with a comment.
                    answer = self._api.post(f"{self._base}/check-runs", {"head_sha": head_sha, **first})
            if answer is not None and answer.status_code in NOT_PERMITTED:
                return self._show_status(head_sha, check, run_url, only_open=only_open)
            if answer is not None:
                made = f"{self._base}/check-runs/{read(answer, _Made).id}"
                for content in more:
                    done(self._api.ask("PATCH", made, json=content))
                return action
        raise PublishError("GitHub did not take the check", _ITS_STATUS)

    def _show_status(
        self, head_sha: str, check: Check, run_url: str, *, only_open: bool
    ) -> Begin | Change | Leave:
        if only_open:
            known = self._api.pages(f"{self._base}/commits/{head_sha}/statuses", _Status, {})
            newest = next((each for each in known if each.context == check.name), None)  # they come so
            if newest is None or newest.state != "pending":
                return Leave()
        for _ in range(RETRIES):
            # A status takes the place of the one before: to set it twice is to set it once.
            answer = self._api.post(f"{self._base}/statuses/{head_sha}", status_content(check, run_url))
            if answer is not None:
                done(answer)
                return Begin()
        raise PublishError("GitHub did not take the status", _ITS_STATUS)
