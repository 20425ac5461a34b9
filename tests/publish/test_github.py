import secrets
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from bench.errors import PublishError
from bench.publish.github import GitHub, PullRequest
from bench.publish.plan import Create, Skip, Update
from tests.publish.fake_github import FakeGitHub, Fault, serving

SHA, OTHER_SHA = "a" * 40, "b" * 40
BODY = "<!-- bench:pr -->\n## As ever\n"
BOT = "github-actions[bot]"


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A GitHub with one pull request, of a fork."""
    github = FakeGitHub()
    github.add_pull(7, SHA, "stranger/name")
    with serving(github) as served:
        yield served


class Client:
    """A client of it, and how long it waited."""

    def __init__(self, fake: FakeGitHub) -> None:
        self.waited_s: list[float] = []
        self.github = GitHub("owner/name", SecretStr(secrets.token_hex(16)), fake.url, self.waited_s.append)

    @property
    def pull(self) -> PullRequest:
        """The pull request."""
        return self.github.pull_request(SHA, "stranger/name")


@pytest.fixture
def client(fake: FakeGitHub) -> Client:
    """A client of the GitHub."""
    return Client(fake)


def bodies(fake: FakeGitHub) -> list[str]:
    """What the comments of the pull request say."""
    return [each["body"] for each in fake.comments.get(7, [])]


def test_a_pull_request_is_found_by_its_head_on_any_page(fake: FakeGitHub, client: Client) -> None:
    """Not by a number that somebody wrote: by commit and repository, over all pages."""
    for number in range(8, 14):
        fake.add_pull(number, f"{number:040x}", "owner/name")
    assert client.github.pull_request(f"{13:040x}", "owner/name").number == 13
    assert client.pull.number == 7


@pytest.mark.parametrize(
    ("sha", "repository"), [(OTHER_SHA, "stranger/name"), (SHA, "owner/name"), (SHA, None)]
)
def test_a_head_that_moved_has_no_pull_request(client: Client, sha: str, repository: str | None) -> None:
    """Another commit, or the same commit of another repository, is not commented on."""
    with pytest.raises(PublishError, match="no open pull request of") as caught:
        client.github.pull_request(sha, repository)
    assert "pushed to since" in str(caught.value.hint)


def test_a_fork_that_is_gone_has_no_repository(fake: FakeGitHub, client: Client) -> None:
    """A deleted fork is nobody's, and is found as that."""
    fake.add_pull(9, OTHER_SHA, None)
    assert client.github.pull_request(OTHER_SHA, None).number == 9


def test_the_first_time_a_comment_is_made_and_then_it_is_changed(fake: FakeGitHub, client: Client) -> None:
    """One comment of a suite: made, left alone while it says the same, and changed in its place."""
    assert isinstance(client.github.say(client.pull, BODY, BOT), Create)
    assert isinstance(client.github.say(client.pull, BODY, BOT), Skip)
    assert isinstance(client.github.say(client.pull, f"{BODY}more\n", BOT), Update)
    assert isinstance(client.github.say(client.pull, BODY.replace("pr", "nightly"), BOT), Create)
    assert bodies(fake) == [f"{BODY}more\n", BODY.replace("pr", "nightly")]


def test_a_comment_is_found_on_any_page_among_all_kinds(fake: FakeGitHub, client: Client) -> None:
    """Comments of deleted users, empty ones, and others' that begin with the marker are left alone."""
    fake.add_comment(7, "Nice!", None)
    fake.add_comment(7, BODY, "stranger")
    fake.comments[7].append({"id": 1, "body": None, "user": {"login": BOT}})
    ours = fake.add_comment(7, BODY.replace("\n", "\r\n") + "old", BOT)
    fake.add_comment(7, "Thanks.", "somebody")
    action = client.github.say(client.pull, BODY, BOT)
    assert action == Update(ours, BODY)
    assert bodies(fake).count(BODY) == 2


def test_what_can_be_done_twice_is_tried_again(fake: FakeGitHub, client: Client) -> None:
    """A list and a change of a comment survive a GitHub that fails now and then."""
    fake.add_comment(7, f"{BODY}old", BOT)
    fake.faults = [Fault("GET", "/comments", 502, times=2), Fault("PATCH", "/comments/", 503)]
    client.github.say(client.pull, BODY, BOT)
    assert bodies(fake) == [BODY]


@pytest.mark.parametrize("done", [True, False])
def test_making_a_comment_is_not_blindly_done_twice(fake: FakeGitHub, client: Client, done: bool) -> None:
    """Where the answer is lost the comment is looked for first, and made again only if it is not there."""
    fake.faults = [Fault("POST", "/comments", 502, done=done)]
    client.github.say(client.pull, BODY, BOT)
    assert bodies(fake) == [BODY]


def test_a_github_that_takes_nothing_is_told(fake: FakeGitHub, client: Client) -> None:
    """After some attempts that is an error, and no comment twice."""
    fake.faults = [Fault("POST", "/comments", 500, times=99)]
    with pytest.raises(PublishError, match="did not take the comment"):
        client.github.say(client.pull, BODY, BOT)
    assert [method for method, _ in fake.asked].count("POST") <= 5


@pytest.mark.parametrize("status", [403, 429])
def test_it_waits_as_long_as_it_is_told(fake: FakeGitHub, client: Client, status: int) -> None:
    """Who asks too often waits for `Retry-After`, by whichever status that is said, for a POST as well."""
    fake.faults = [
        Fault("GET", "/pulls", status, {"Retry-After": "0"}),
        Fault("POST", "/comments", status, {"Retry-After": "7"}, times=2),
    ]
    client.github.say(client.pull, BODY, BOT)
    assert client.waited_s == [7.0, 7.0]
    assert bodies(fake) == [BODY]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "86400"}, {"Retry-After": "tomorrow"}])
def test_it_does_not_wait_for_ever(fake: FakeGitHub, client: Client, headers: dict[str, str]) -> None:
    """A refusal without an end in sight is told, with what may be missing."""
    fake.faults = [Fault("POST", "/comments", 403, headers, times=99)]
    with pytest.raises(PublishError, match="GitHub refused with 403: as it was told to") as caught:
        client.github.say(client.pull, BODY, BOT)
    assert "pull-requests: write" in str(caught.value.hint)
    assert client.waited_s == []


def test_a_list_that_must_be_waited_for_too_long_is_given_up(fake: FakeGitHub, client: Client) -> None:
    """A wait of a day is no wait: after a few attempts the refusal is told."""
    fake.faults = [Fault("GET", "/pulls", 429, {"Retry-After": "86400"}, times=99)]
    with pytest.raises(PublishError, match="429"):
        client.github.pull_request(SHA, "owner/name")


def test_a_check_is_concluded_at_the_commit(fake: FakeGitHub, client: Client) -> None:
    """Its name, commit, conclusion and summary are what was said."""
    client.github.conclude(SHA, "bench pr", "neutral", "Cannot tell of 1 of 1 scenario: quick.")
    (check,) = fake.checks
    assert (check["name"], check["head_sha"], check["conclusion"]) == ("bench pr", SHA, "neutral")
    assert check["status"] == "completed"
    assert not fake.statuses


@pytest.mark.parametrize(("conclusion", "state"), [("failure", "failure"), ("neutral", "success")])
@pytest.mark.parametrize("status", [403, 404])
def test_where_checks_are_not_permitted_a_status_is_set(
    fake: FakeGitHub, client: Client, conclusion: str, state: str, status: int
) -> None:
    """A token without the right to make checks still shows the conclusion."""
    fake.faults = [Fault("POST", "/check-runs", status)]
    client.github.conclude(SHA, "bench pr", conclusion, "x" * 500)
    (found,) = fake.statuses
    assert (found["sha"], found["state"], found["context"]) == (SHA, state, "bench pr")
    assert len(found["description"]) <= 140


def test_neither_check_nor_status_is_told(fake: FakeGitHub, client: Client) -> None:
    """A token that may do neither is an error."""
    fake.faults = [Fault("POST", "/check-runs", 403), Fault("POST", "/statuses/", 403)]
    with pytest.raises(PublishError, match="403"):
        client.github.conclude(SHA, "bench pr", "success", "As ever.")


def test_a_github_that_is_not_there_is_told() -> None:
    """Nobody on the other end: an error of publishing, without the token."""
    token = secrets.token_hex(16)
    github = GitHub("owner/name", SecretStr(token), "http://127.0.0.1:1", lambda _: None)
    with pytest.raises(PublishError, match="GitHub does not answer") as caught:
        github.conclude(SHA, "bench pr", "success", "As ever.")
    assert token not in str(caught.value)


def test_pages_lead_nowhere_else(fake: FakeGitHub, client: Client) -> None:
    """A next page at another address would get the token."""
    link = {"Link": '<http://127.0.0.1:1/x>; rel="next"'}
    fake.faults = [Fault("GET", "/pulls", 200, link, value=[])]
    with pytest.raises(PublishError, match="next page of /pulls is elsewhere"):
        client.github.pull_request(OTHER_SHA, "owner/name")


def test_an_answer_that_is_no_list_is_told(fake: FakeGitHub, client: Client) -> None:
    """What GitHub says is read by models, so that a surprise is an error of publishing."""
    fake.faults = [Fault("GET", "/pulls", 200)]
    with pytest.raises(PublishError, match="something else than a list"):
        client.github.pull_request(SHA, "owner/name")
