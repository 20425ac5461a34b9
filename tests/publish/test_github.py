import secrets
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from bench.errors import PublishError
from bench.publish.api import Api
from bench.publish.check import Annotation, BeginCheck, Check, Conclusion, KeepCheck, UpdateCheck
from bench.publish.github import ACTIONS, GitHub, PullRequest
from bench.publish.plan import Create, Skip, Update
from tests.publish.fake_github import FakeGitHub, Fault, serving

SHA, OTHER_SHA = "a" * 40, "b" * 40
BODY = "<!-- bench:pr -->\n## As ever\n"
BOT = "github-actions[bot]"
NOW, RUN = 1_800_000_000.0, "https://github.com/owner/name/actions/runs/41"


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """Serve a GitHub with one pull request of a fork."""
    github = FakeGitHub()
    github.add_pull(7, SHA, "stranger/name")
    with serving(github) as served:
        yield served


class Client:
    """A client of the fake GitHub that records its waits."""

    def __init__(self, fake: FakeGitHub) -> None:
        self.waited_s: list[float] = []
        token = SecretStr(secrets.token_hex(16))
        self.github = GitHub("owner/name", Api(token, fake.url, self.waited_s.append, lambda: NOW))

    @property
    def pull(self) -> PullRequest:
        """Return the pull request."""
        return self.github.pull_requests(SHA, "stranger/name")[0]


@pytest.fixture
def client(fake: FakeGitHub) -> Client:
    """Return a client of the fake GitHub."""
    return Client(fake)


def bodies(fake: FakeGitHub) -> list[str]:
    """Return the bodies of the comments of the pull request."""
    return [comment["body"] for comment in fake.comments.get(7, [])]


def test_a_pull_request_is_found_by_its_head_commit_on_any_page(fake: FakeGitHub, client: Client) -> None:
    """The client compares commit and repository over all pages, and never uses a given number."""
    for number in range(8, 14):
        fake.add_pull(number, f"{number:040x}", "owner/name")
    assert [pull.number for pull in client.github.pull_requests(f"{13:040x}", "owner/name")] == [13]
    assert client.pull.number == 7


@pytest.mark.parametrize(
    ("sha", "repository"), [(OTHER_SHA, "stranger/name"), (SHA, "owner/name"), (SHA, None)]
)
def test_an_old_head_commit_has_no_pull_request(client: Client, sha: str, repository: str | None) -> None:
    """Another commit, or the same commit of another repository, is not commented on."""
    with pytest.raises(PublishError, match="no open pull request of") as caught:
        client.github.pull_requests(sha, repository)
    assert "its branch has a newer commit" in str(caught.value.hint)


def test_a_deleted_fork_has_no_repository(fake: FakeGitHub, client: Client) -> None:
    """A pull request of a deleted fork is found with the repository None."""
    fake.add_pull(9, OTHER_SHA, None)
    assert [pull.number for pull in client.github.pull_requests(OTHER_SHA, None)] == [9]


def test_a_comment_is_created_once_and_then_updated(fake: FakeGitHub, client: Client) -> None:
    """Each suite has one comment: it is created, skipped if unchanged, and updated in place."""
    assert isinstance(client.github.say(client.pull, BODY, BOT), Create)
    assert isinstance(client.github.say(client.pull, BODY, BOT), Skip)
    assert isinstance(client.github.say(client.pull, f"{BODY}more\n", BOT), Update)
    assert isinstance(client.github.say(client.pull, BODY.replace("pr", "nightly"), BOT), Create)
    assert bodies(fake) == [f"{BODY}more\n", BODY.replace("pr", "nightly")]


def test_the_comment_is_found_on_any_page(fake: FakeGitHub, client: Client) -> None:
    """Comments of deleted users, empty comments and comments of other users are left alone."""
    fake.add_comment(7, "Nice!", None)
    fake.add_comment(7, BODY, "stranger")
    fake.comments[7].append({"id": 1, "body": None, "user": {"login": BOT}})
    own_id = fake.add_comment(7, BODY.replace("\n", "\r\n") + "old", BOT)
    fake.add_comment(7, "Thanks.", "somebody")
    action = client.github.say(client.pull, BODY, BOT)
    assert action == Update(own_id, BODY)
    assert bodies(fake).count(BODY) == 2


def test_repeatable_requests_are_retried(fake: FakeGitHub, client: Client) -> None:
    """Lists and updates of a comment survive occasional errors of GitHub."""
    fake.add_comment(7, f"{BODY}old", BOT)
    fake.faults = [Fault("GET", "/comments", 502, times=2), Fault("PATCH", "/comments/", 503)]
    client.github.say(client.pull, BODY, BOT)
    assert bodies(fake) == [BODY]


@pytest.mark.parametrize("applied", [True, False])
def test_a_comment_is_not_created_twice(fake: FakeGitHub, client: Client, applied: bool) -> None:
    """After a lost response the client looks for the comment before it creates it again."""
    fake.faults = [Fault("POST", "/comments", 502, applied=applied)]
    client.github.say(client.pull, BODY, BOT)
    assert bodies(fake) == [BODY]


def test_repeated_errors_of_github_are_reported(fake: FakeGitHub, client: Client) -> None:
    """After a few attempts the client raises an error, and never creates two comments."""
    fake.faults = [Fault("POST", "/comments", 500, times=99)]
    with pytest.raises(PublishError, match="did not accept the comment"):
        client.github.say(client.pull, BODY, BOT)
    assert [method for method, _ in fake.requests].count("POST") <= 5


@pytest.mark.parametrize("status", [403, 429])
def test_the_client_waits_as_long_as_retry_after(fake: FakeGitHub, client: Client, status: int) -> None:
    """The status 403 or 429 with `Retry-After` delays the next request, also for a POST."""
    fake.faults = [
        Fault("GET", "/pulls", status, {"Retry-After": "0"}),
        Fault("POST", "/comments", status, {"Retry-After": "7"}, times=2),
    ]
    client.github.say(client.pull, BODY, BOT)
    assert client.waited_s == [0.0, 7.0, 7.0]
    assert bodies(fake) == [BODY]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "86400"}, {"Retry-After": "tomorrow"}])
def test_the_client_never_waits_for_ever(fake: FakeGitHub, client: Client, headers: dict[str, str]) -> None:
    """A refusal without a short `Retry-After` is reported, with a hint about the permissions."""
    fake.faults = [Fault("POST", "/comments", 403, headers, times=99)]
    with pytest.raises(PublishError, match="GitHub refused with 403: injected fault") as caught:
        client.github.say(client.pull, BODY, BOT)
    assert "docs/reference/github-actions.md" in str(caught.value.hint)
    assert client.waited_s == []


def test_the_client_gives_up_a_list_after_a_long_retry_after(fake: FakeGitHub, client: Client) -> None:
    """The client does not wait for a day; after a few attempts it reports the refusal."""
    fake.faults = [Fault("GET", "/pulls", 429, {"Retry-After": "86400"}, times=99)]
    with pytest.raises(PublishError, match="429"):
        client.github.pull_requests(SHA, "owner/name")


@pytest.mark.parametrize(
    ("headers", "message", "waited_s"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 9:.0f}"}, "API rate limit exceeded", 9),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW - 9:.0f}"}, "API rate limit exceeded", 0),
        ({}, "You have exceeded a secondary rate limit.", 60),
    ],
)
def test_the_client_waits_until_a_rate_limit_ends(
    fake: FakeGitHub, client: Client, headers: dict[str, str], message: str, waited_s: float
) -> None:
    """Without `Retry-After` the reset time counts, and without a reset time one minute."""
    fake.faults = [Fault("POST", "/comments", 403, headers, value={"message": message})]
    client.github.say(client.pull, BODY, BOT)
    assert client.waited_s == [waited_s]
    assert bodies(fake) == [BODY]


def test_the_login_is_the_owner_of_the_token(fake: FakeGitHub, client: Client) -> None:
    """The token of a person has a login; the token of a workflow may not read its own."""
    assert client.github.login() == ACTIONS
    fake.login = "octocat"
    assert client.github.login() == "octocat"


def check(conclusion: Conclusion | None, title: str = "As ever.", annotations: int = 0) -> Check:
    """Return a check of the suite `pr`."""
    notes = [
        Annotation(f"scenarios/s-{number}.yaml", "failure", f"bench s-{number}", "Slower.")
        for number in range(annotations)
    ]
    return Check("pr", conclusion, title, "In **Markdown**.", tuple(notes))


def test_a_check_is_started_and_completed_on_the_commit(fake: FakeGitHub, client: Client) -> None:
    """The check is in progress first, then completed; an unchanged check is left alone."""
    assert client.github.show(SHA, check(None), RUN) == BeginCheck()
    (check_run,) = fake.checks
    assert (check_run["name"], check_run["head_sha"], check_run["status"]) == ("bench pr", SHA, "in_progress")
    assert client.github.show(SHA, check("neutral"), RUN) == UpdateCheck(1)
    assert (check_run["status"], check_run["conclusion"], check_run["details_url"]) == (
        "completed",
        "neutral",
        RUN,
    )
    assert client.github.show(SHA, check("neutral"), RUN) == KeepCheck()
    assert len(fake.checks) == 1
    assert not fake.statuses


def test_another_verdict_on_a_commit_creates_another_check(fake: FakeGitHub, client: Client) -> None:
    """A completed check stays unchanged, because GitHub would mix the annotations."""
    client.github.show(SHA, check("failure"), RUN)
    assert client.github.show(SHA, check("success"), RUN) == BeginCheck()
    assert [check_run["conclusion"] for check_run in fake.checks] == ["failure", "success"]


def test_untrusted_text_is_one_short_line_in_a_check(fake: FakeGitHub, client: Client) -> None:
    """Titles and messages are cut, have one line, and contain no control characters."""
    text = f"a\nb\u202ec\x1b[31m{'x' * 10_000}"
    client.github.show(SHA, Check("pr", "failure", text, "", (Annotation("p", "failure", "t", text),)), RUN)
    output = fake.checks[0]["output"]
    for shown, max_length in ((output["title"], 200), (output["annotations"][0]["message"], 1000)):
        assert shown.startswith("a b c [31mxx")
        assert len(shown) == max_length


def test_a_job_of_the_same_name_is_left_alone(fake: FakeGitHub, client: Client) -> None:
    """A job of a workflow is a check run too, but not one of bench."""
    job = {"name": "bench pr", "head_sha": SHA, "status": "in_progress", "external_id": "9f", "id": 1}
    fake.checks.append({**job, "conclusion": None, "output": {"title": None}})
    assert client.github.show(SHA, check("success"), RUN) == BeginCheck()
    assert fake.checks[0]["status"] == "in_progress"


def test_annotations_are_sent_fifty_at_once(fake: FakeGitHub, client: Client) -> None:
    """GitHub accepts 50 annotations in a request, and adds those of later requests."""
    client.github.show(SHA, check("failure", annotations=120), RUN)
    (check_run,) = fake.checks
    paths = [annotation["path"] for annotation in check_run["output"]["annotations"]]
    assert paths == [f"scenarios/s-{number}.yaml" for number in range(120)]
    assert [method for method, path in fake.requests if "/repos/owner/name/check-runs" in path] == [
        "POST",
        "PATCH",
        "PATCH",
    ]


@pytest.mark.parametrize("applied", [True, False])
def test_a_check_is_not_created_twice(fake: FakeGitHub, client: Client, applied: bool) -> None:
    """After a lost response the client looks for the check before it creates it again."""
    fake.faults = [Fault("POST", "/check-runs", 502, applied=applied)]
    client.github.show(SHA, check("success"), RUN)
    assert len(fake.checks) == 1


def test_only_open_completes_an_open_check_and_no_other(fake: FakeGitHub, client: Client) -> None:
    """Without an open check `only_open` changes no check and creates none."""
    unfinished = check("neutral", "Cannot tell.")
    assert client.github.show(SHA, unfinished, RUN, only_open=True) == KeepCheck()
    client.github.show(SHA, check(None), RUN)
    assert client.github.show(SHA, unfinished, RUN, only_open=True) == UpdateCheck(1)
    assert client.github.show(SHA, check("failure"), RUN) == BeginCheck()
    assert client.github.show(SHA, unfinished, RUN, only_open=True) == KeepCheck()
    assert [check_run["conclusion"] for check_run in fake.checks] == ["neutral", "failure"]


@pytest.mark.parametrize(
    ("conclusion", "state"), [("failure", "failure"), ("neutral", "success"), (None, "pending")]
)
@pytest.mark.parametrize("refused", [("GET", 403), ("GET", 404), ("POST", 403), ("POST", 404)])
def test_without_permission_for_checks_a_status_is_set(
    fake: FakeGitHub, client: Client, conclusion: Conclusion | None, state: str, refused: tuple[str, int]
) -> None:
    """A token without access to checks still shows the conclusion as a commit status."""
    fake.faults = [Fault(refused[0], "/check-runs", refused[1]), Fault("POST", "/statuses/", 502)]
    client.github.show(SHA, check(conclusion, "x" * 500), RUN)
    (status,) = fake.statuses
    assert (status["sha"], status["state"], status["context"]) == (SHA, state, "bench pr")
    assert len(status["description"]) <= 140


def test_only_open_completes_an_open_status_and_no_other(fake: FakeGitHub, client: Client) -> None:
    """The rule of `only_open` holds for commit statuses too."""
    fake.faults = [Fault("GET", "/check-runs", 403, times=99)]
    unfinished = check("neutral", "Cannot tell.")
    assert client.github.show(SHA, unfinished, RUN, only_open=True) == KeepCheck()
    client.github.show(SHA, check(None), RUN)
    fake.statuses.append({"sha": SHA, "context": "ci", "state": "success"})
    assert client.github.show(SHA, unfinished, RUN, only_open=True) == BeginCheck()
    assert client.github.show(SHA, unfinished, RUN, only_open=True) == KeepCheck()
    assert [status["state"] for status in fake.statuses if status["context"] == "bench pr"] == [
        "pending",
        "success",
    ]


def test_a_token_without_any_permission_is_an_error(fake: FakeGitHub, client: Client) -> None:
    """A token that may create neither checks nor statuses raises an error."""
    fake.faults = [Fault("POST", "/check-runs", 403), Fault("POST", "/statuses/", 403)]
    with pytest.raises(PublishError, match="403"):
        client.github.show(SHA, check("success"), RUN)


@pytest.mark.parametrize(("path", "subject"), [("/check-runs", "the check"), ("/statuses/", "the status")])
def test_a_check_that_github_never_accepts_is_an_error(
    fake: FakeGitHub, client: Client, path: str, subject: str
) -> None:
    """After a few attempts the client raises an error."""
    fake.faults = [Fault("POST", path, 500, times=99)]
    if path == "/statuses/":
        fake.faults.append(Fault("GET", "/check-runs", 403))
    with pytest.raises(PublishError, match=f"GitHub did not accept {subject}"):
        client.github.show(SHA, check("success"), RUN)


def test_an_unreachable_github_is_an_error_without_the_token() -> None:
    """The error does not contain the token."""
    token = secrets.token_hex(16)
    github = GitHub("owner/name", Api(SecretStr(token), "http://127.0.0.1:1", lambda _: None))
    with pytest.raises(PublishError, match="GitHub does not answer") as caught:
        github.login()
    assert token not in str(caught.value)


def test_a_next_page_on_another_host_is_refused(fake: FakeGitHub, client: Client) -> None:
    """Another host would receive the token."""
    link = {"Link": '<http://127.0.0.1:1/x>; rel="next"'}
    fake.faults = [Fault("GET", "/pulls", 200, link, value=[])]
    with pytest.raises(PublishError, match="next page of /repos/owner/name/pulls is on another host"):
        client.github.pull_requests(OTHER_SHA, "owner/name")


def test_a_response_that_is_not_a_list_is_an_error(fake: FakeGitHub, client: Client) -> None:
    """An unexpected response raises a publishing error."""
    fake.faults = [Fault("GET", "/pulls", 200)]
    with pytest.raises(PublishError, match="is not a list"):
        client.github.pull_requests(SHA, "owner/name")


def test_a_post_without_a_server_returns_none() -> None:
    """The client cannot know whether the request was carried out."""
    api = Api(SecretStr(secrets.token_hex(16)), "http://127.0.0.1:1", lambda _: None)
    assert api.post("/x", {}) is None


def test_a_response_of_another_form_is_an_error(fake: FakeGitHub, client: Client) -> None:
    """The error names the field with the unexpected value."""
    fake.faults = [Fault("GET", "/check-runs", 200, value={"check_runs": [{"id": "x"}]})]
    with pytest.raises(PublishError, match=r"an unexpected form: check_runs\.0\.id"):
        client.github.show(SHA, check("success"), RUN)


def test_two_pull_requests_of_one_commit_are_distinguished_by_repository(
    fake: FakeGitHub, client: Client
) -> None:
    """Each run publishes to the pull request of its own repository."""
    fake.add_pull(9, SHA, "owner/name")
    assert [pull.number for pull in client.github.pull_requests(SHA, "owner/name")] == [9]
    assert [pull.number for pull in client.github.pull_requests(SHA, "stranger/name")] == [7]
