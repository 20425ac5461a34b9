"""GitHub's REST interface, as far as it is needed. The only place that knows github3.

github3's own models ask for fields that a deleted user does not have, and it has no retries; so its session
is used, with an adapter that retries, and the answers are read by models of ours.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import requests
from github3.session import GitHubSession
from pydantic import BaseModel, ConfigDict, SecretStr, TypeAdapter, ValidationError
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from bench.errors import PublishError
from bench.publish.plan import Comment, Create, Skip, Update, plan_comment

_TIMEOUT_S = (5.0, 30.0)
_RETRIES = 4
_LONGEST_WAIT_S = 120.0
_MOST_PAGES = 100
_LIMITED = frozenset({403, 429})
_SERVER_ERROR = 500
Model = TypeVar("Model", bound=BaseModel)


class _Foreign(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Repository(_Foreign):
    full_name: str


class _Head(_Foreign):
    sha: str
    repo: _Repository | None


class PullRequest(_Foreign):
    """An open pull request."""

    number: int
    head: _Head


class _Retry(Retry):
    """GitHub says with 403 as well that it was asked too often."""

    RETRY_AFTER_STATUS_CODES = frozenset({413, 429, 503, *_LIMITED})

    def get_retry_after(self, response: Any) -> float | None:
        """Seconds to wait; None when that would be too long to wait at all."""
        wait_s: float | None = super().get_retry_after(response)
        return wait_s if wait_s is not None and wait_s <= _LONGEST_WAIT_S else None


class GitHub:
    """One repository on GitHub.

    Args:
        repository: `owner/name`.
        token: Whose rights are used.
        api_url: Of the REST interface.
        sleep: Waits so many seconds.
    """

    def __init__(
        self, repository: str, token: SecretStr, api_url: str, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self._base, self._sleep = f"{api_url.rstrip('/')}/repos/{repository}", sleep
        self._session = GitHubSession()
        self._session.token_auth(token.get_secret_value())
        self._session.headers["Accept"] = "application/vnd.github+json"
        again = _Retry(
            total=_RETRIES,
            backoff_factor=0.5,
            status_forcelist=(500, 502, 503, 504),
            allowed_methods=frozenset({"GET", "PATCH"}),  # to do these twice is to do them once
            raise_on_status=False,
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(max_retries=again))

    def pull_request(self, head_sha: str, head_repository: str | None) -> PullRequest:
        """The open pull request whose head this is now.

        Raises:
            PublishError: There is none, for the branch was pushed to since, or the pull request closed.
        """
        for each in self._pages("/pulls", PullRequest, {"state": "open"}):
            owner = each.head.repo.full_name if each.head.repo else None
            if (each.head.sha, owner) == (head_sha, head_repository):
                return each
        whose = head_repository or "a fork that is gone"
        raise PublishError(
            f"no open pull request of {whose} has {head_sha[:9]} as its head",
            "it was pushed to since, or closed: the newer commit gets a comment of its own",
        )

    def say(self, pull: PullRequest, body: str, author: str) -> Create | Update | Skip:
        """Make a pull request have this comment, once. Returns what had to be done.

        Raises:
            PublishError: GitHub refused, or does not answer.
        """
        path = f"/issues/{pull.number}/comments"
        for _ in range(_RETRIES):
            action = plan_comment(self._pages(path, Comment, {}), body, author)
            match action:
                case Skip():
                    return action
                case Update(comment, text):
                    self._done(self._ask("PATCH", f"/issues/comments/{comment}", {"body": text}))
                    return action
                case Create(text):
                    # A comment may be there although the answer was lost: then the next look finds it.
                    if self._posted(path, {"body": text}):
                        return action
        raise PublishError("GitHub did not take the comment", "its status: https://www.githubstatus.com")

    def conclude(self, head_sha: str, name: str, conclusion: str, summary: str) -> None:
        """Show a conclusion at a commit: as a check, or where the token may not, as a status.

        Args:
            head_sha: The commit.
            name: Of the check.
            conclusion: `success`, `failure` or `neutral`.
            summary: In a sentence.

        Raises:
            PublishError: GitHub takes neither.
        """
        check = {
            "name": name,
            "head_sha": head_sha,
            "status": "completed",
            "conclusion": conclusion,
            "output": {"title": summary[:200], "summary": summary},
        }
        answer = self._ask("POST", "/check-runs", check)
        if answer.status_code in {403, 404}:
            state = "failure" if conclusion == "failure" else "success"
            status = {"state": state, "context": name, "description": summary[:140]}
            answer = self._ask("POST", f"/statuses/{head_sha}", status)
        self._done(answer)

    def _pages(self, path: str, model: type[Model], query: Mapping[str, str]) -> Iterator[Model]:
        """All of a list, page by page."""
        url, more = f"{self._base}{path}", dict(query) | {"per_page": "100"}
        for _ in range(_MOST_PAGES):
            answer = self._done(self._send("GET", url, params=more))
            try:
                yield from TypeAdapter(list[model]).validate_python(answer.json())  # type: ignore[valid-type]
            except (ValidationError, ValueError) as error:
                raise PublishError(f"GitHub answered {path} with something else than a list") from error
            url, more = answer.links.get("next", {}).get("url", ""), {}
            if not url:
                return
            if not url.startswith(self._base.partition("/repos/")[0] + "/"):
                raise PublishError(f"GitHub's next page of {path} is elsewhere: {url}")

    def _posted(self, path: str, content: Mapping[str, Any]) -> bool:
        """Whether something was made for certain: a POST is never blindly done twice."""
        try:
            answer = self._ask("POST", path, content)
        except PublishError:
            return False
        if answer.status_code >= _SERVER_ERROR:
            return False
        self._done(answer)
        return True

    def _ask(self, method: str, path: str, content: Mapping[str, Any]) -> requests.Response:
        """Send, and wait as long as GitHub asks to: what it refused for being too much was not done."""
        answer = self._send(method, f"{self._base}{path}", json=content)
        for _ in range(_RETRIES):
            wait = answer.headers.get("Retry-After", "")
            if answer.status_code not in _LIMITED or not wait.isdigit() or int(wait) > _LONGEST_WAIT_S:
                break
            self._sleep(float(wait))
            answer = self._send(method, f"{self._base}{path}", json=content)
        return answer

    def _send(self, method: str, url: str, **parts: Any) -> requests.Response:
        try:
            answer: requests.Response = self._session.request(
                method, url, timeout=_TIMEOUT_S, allow_redirects=False, **parts
            )
        except requests.RequestException as error:
            what = type(error).__name__
            raise PublishError(f"GitHub does not answer: {what}", "try again later") from error
        return answer

    def _done(self, answer: requests.Response) -> requests.Response:
        """The answer, when GitHub did what was asked."""
        if answer.ok:
            return answer
        hint = None
        if answer.status_code in {401, 403, 404}:
            hint = "has the token the rights `pull-requests: write` and `checks: write`?"
        raise PublishError(f"GitHub refused with {answer.status_code}: {_said(answer)}", hint)


def _said(answer: requests.Response) -> str:
    """GitHub's own words, short."""
    try:
        return str(answer.json()["message"])[:200]
    except (ValueError, KeyError, TypeError):
        return answer.reason or "no reason given"
