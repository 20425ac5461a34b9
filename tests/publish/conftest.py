import secrets
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from bench.publish.api import Api
from bench.publish.github import GitHub, PullRequest
from tests.publish.fake_github import FakeGitHub, serving

SHA = "a" * 40
# More than a day before any clock, because the fake names the real time in its header `Date`.
NOW = 1_000_000_000.0


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """Serve a GitHub with one pull request of a fork."""
    github = FakeGitHub()
    github.add_pull(7, SHA, "stranger/name")
    with serving(github) as served:
        yield served


class Client:
    """A client of the fake GitHub that records its waits."""

    def __init__(self, fake: FakeGitHub, prefix: str = "") -> None:
        self.waited_s: list[float] = []
        token = SecretStr(prefix + secrets.token_hex(16))
        self.api = Api(token, fake.url, self.waited_s.append, lambda: NOW)
        self.github = GitHub("owner/name", self.api)

    @property
    def pull(self) -> PullRequest:
        """Return the pull request."""
        return self.github.pull_requests(SHA, "stranger/name")[0]


@pytest.fixture
def client(fake: FakeGitHub) -> Client:
    """Return a client of the fake GitHub."""
    return Client(fake)
