"""The account of a token: comments, checks and issues of other accounts are never changed."""

from pydantic import ValidationError
from pydantic_core import from_json

from bench.errors import PublishError
from bench.publish.api import NOT_PERMITTED, Api, read
from bench.publish.foreign import Foreign
from bench.publish.refusals import STATUS_HINT
from bench.publish.session import RETRIES, Answer

ACTIONS = "github-actions[bot]"
"""Account of a workflow's own token."""
SEEN = "eyes"
"""Reaction to a comment or an issue that bench has seen."""


class _User(Foreign):
    login: str


class _App(Foreign):
    slug: str


class _Written(Foreign):
    """An object that the token's own request has written. GitHub names its author in one of these fields."""

    user: _User | None = None
    creator: _User | None = None
    app: _App | None = None


class Identity:
    """The account of a token. The token of an app may not ask for its own name.

    Therefore bench reads the name from GitHub's answers to what it writes: a check, a status, a comment, an
    issue or a reaction.

    Args:
        repository: `owner/name`.
        api: GitHub's REST API.
    """

    def __init__(self, repository: str, api: Api) -> None:
        self._api = api
        self._base = f"/repos/{repository}"
        self._login: str | None = None
        self._may_ask = not api.is_of_app

    def learn(self, answer: Answer) -> None:
        """Learn the name from the answer to a request that created an object, or changed an own check."""
        try:
            written = _Written.model_validate(from_json(answer.content))
        except (ValidationError, ValueError):
            return  # the caller reads the fields that it needs, and reports errors
        if written.app is not None:
            self._login = f"{written.app.slug}[bot]"
        for author in (written.user, written.creator):
            if author is not None:
                self._login = author.login

    def login(self, seen: str | None = None) -> str:
        """Return the name of the account.

        If no answer has named it yet, ask for it. GitHub refuses this to an app's token, which then reacts
        with 👀 to `seen`: the answer names the account.

        Args:
            seen: `issues/NUMBER` or `issues/comments/ID`; without it, an app is taken for a workflow's token.

        Raises:
            PublishError: GitHub does not answer, or a rate limit lasts too long.
        """
        if self._login is None and self._may_ask:
            answer = self._api.ask("GET", "/user")
            if answer.status_code in NOT_PERMITTED:
                self._may_ask = False
            else:
                self._login = read(answer, _User).login
        if self._login is None and seen is not None:
            self._react(seen)
        return self._login or ACTIONS

    def _react(self, seen: str) -> None:
        """React and learn the name. A repeated reaction changes nothing, so a lost answer is harmless."""
        for _ in range(RETRIES):
            answer = self._api.post(f"{self._base}/{seen}/reactions", {"content": SEEN})
            if answer is not None:
                if answer.ok:  # the conversation may be locked
                    self.learn(answer)
                return
        raise PublishError("GitHub did not accept a reaction", STATUS_HINT)
