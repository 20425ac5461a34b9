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
    """A GitHub with one pull request, of a fork."""
    github = FakeGitHub()
    github.add_pull(7, SHA, "stranger/name")
    with serving(github) as served:
        yield served


class Client:
    """A client of it, and how long it waited."""

    def __init__(self, fake: FakeGitHub) -> None:
        self.waited_s: list[float] = []
        token = SecretStr(secrets.token_hex(16))
        self.github = GitHub("owner/name", Api(token, fake.url, self.waited_s.append, lambda: NOW))

    @property
    def pull(self) -> PullRequest:
        """The pull request."""
        return self.github.pull_requests(SHA, "stranger/name")[0]


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
    assert [each.number for each in client.github.pull_requests(f"{13:040x}", "owner/name")] == [13]
    assert client.pull.number == 7


@pytest.mark.parametrize(
    ("sha", "repository"), [(OTHER_SHA, "stranger/name"), (SHA, "owner/name"), (SHA, None)]
)
def test_a_head_that_moved_has_no_pull_request(client: Client, sha: str, repository: str | None) -> None:
    """Another commit, or the same commit of another repository, is not commented on."""
    with pytest.raises(PublishError, match="no open pull request of") as caught:
        client.github.pull_requests(sha, repository)
    assert "its branch has a newer commit" in str(caught.value.hint)


def test_a_fork_that_is_gone_has_no_repository(fake: FakeGitHub, client: Client) -> None:
    """A deleted fork is nobody's, and is found as that."""
    fake.add_pull(9, OTHER_SHA, None)
    assert [each.number for each in client.github.pull_requests(OTHER_SHA, None)] == [9]


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
    with pytest.raises(PublishError, match="did not accept the comment"):
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
    assert client.waited_s == [0.0, 7.0, 7.0]
    assert bodies(fake) == [BODY]


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "86400"}, {"Retry-After": "tomorrow"}])
def test_it_does_not_wait_for_ever(fake: FakeGitHub, client: Client, headers: dict[str, str]) -> None:
    """A refusal without an end in sight is told, with what may be missing."""
    fake.faults = [Fault("POST", "/comments", 403, headers, times=99)]
    with pytest.raises(PublishError, match="GitHub refused with 403: as it was told to") as caught:
        client.github.say(client.pull, BODY, BOT)
    assert "docs/reference/github-actions.md" in str(caught.value.hint)
    assert client.waited_s == []


def test_a_list_that_must_be_waited_for_too_long_is_given_up(fake: FakeGitHub, client: Client) -> None:
    """A wait of a day is no wait: after a few attempts the refusal is told."""
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
def test_it_waits_for_the_end_of_a_limit(
    fake: FakeGitHub, client: Client, headers: dict[str, str], message: str, waited_s: float
) -> None:
    """Where GitHub does not say how long, until when is as good; and a minute where it says nothing."""
    fake.faults = [Fault("POST", "/comments", 403, headers, value={"message": message})]
    client.github.say(client.pull, BODY, BOT)
    assert client.waited_s == [waited_s]
    assert bodies(fake) == [BODY]


def test_a_token_says_whose_it_is(fake: FakeGitHub, client: Client) -> None:
    """A person's token has a name; a workflow's own may not ask for it."""
    assert client.github.login() == ACTIONS
    fake.login = "octocat"
    assert client.github.login() == "octocat"


def check(conclusion: Conclusion | None, title: str = "As ever.", annotations: int = 0) -> Check:
    """A check of the suite."""
    notes = [
        Annotation(f"scenarios/s-{number}.yaml", "failure", f"bench s-{number}", "Slower.")
        for number in range(annotations)
    ]
    return Check("pr", conclusion, title, "In **Markdown**.", tuple(notes))


def test_a_check_is_begun_and_concluded_at_the_commit(fake: FakeGitHub, client: Client) -> None:
    """In progress first, then the same one concluded; said again, nothing is done twice."""
    assert client.github.show(SHA, check(None), RUN) == BeginCheck()
    (made,) = fake.checks
    assert (made["name"], made["head_sha"], made["status"]) == ("bench pr", SHA, "in_progress")
    assert client.github.show(SHA, check("neutral"), RUN) == UpdateCheck(1)
    assert (made["status"], made["conclusion"], made["details_url"]) == ("completed", "neutral", RUN)
    assert client.github.show(SHA, check("neutral"), RUN) == KeepCheck()
    assert len(fake.checks) == 1
    assert not fake.statuses


def test_another_verdict_on_a_commit_is_another_check(fake: FakeGitHub, client: Client) -> None:
    """What is concluded stays as it is, for GitHub would mix the annotations; the newest is shown."""
    client.github.show(SHA, check("failure"), RUN)
    assert client.github.show(SHA, check("success"), RUN) == BeginCheck()
    assert [each["conclusion"] for each in fake.checks] == ["failure", "success"]


def test_what_a_target_wrote_is_a_line_of_text_in_a_check(fake: FakeGitHub, client: Client) -> None:
    """A title, a message and a status are neither endless nor on several lines, and read from the left."""
    said = f"a\nb\u202ec\x1b[31m{'x' * 10_000}"
    client.github.show(SHA, Check("pr", "failure", said, "", (Annotation("p", "failure", "t", said),)), RUN)
    output = fake.checks[0]["output"]
    for text, most in ((output["title"], 200), (output["annotations"][0]["message"], 1000)):
        assert text.startswith("a b c [31mxx")
        assert len(text) == most


def test_a_job_of_the_same_name_is_no_check_of_ours(fake: FakeGitHub, client: Client) -> None:
    """A workflow's job is a check as well, and it is left alone."""
    job = {"name": "bench pr", "head_sha": SHA, "status": "in_progress", "external_id": "9f", "id": 1}
    fake.checks.append({**job, "conclusion": None, "output": {"title": None}})
    assert client.github.show(SHA, check("success"), RUN) == BeginCheck()
    assert fake.checks[0]["status"] == "in_progress"


def test_annotations_are_sent_fifty_at_once(fake: FakeGitHub, client: Client) -> None:
    """GitHub refuses more in one request, and adds what comes later."""
    client.github.show(SHA, check("failure", annotations=120), RUN)
    (made,) = fake.checks
    paths = [each["path"] for each in made["output"]["annotations"]]
    assert paths == [f"scenarios/s-{number}.yaml" for number in range(120)]
    assert [method for method, path in fake.asked if "/repos/owner/name/check-runs" in path] == [
        "POST",
        "PATCH",
        "PATCH",
    ]


@pytest.mark.parametrize("done", [True, False])
def test_a_check_is_not_blindly_made_twice(fake: FakeGitHub, client: Client, done: bool) -> None:
    """Where the answer is lost the check is looked for first."""
    fake.faults = [Fault("POST", "/check-runs", 502, done=done)]
    client.github.show(SHA, check("success"), RUN)
    assert len(fake.checks) == 1


def test_what_is_open_is_concluded_and_nothing_else(fake: FakeGitHub, client: Client) -> None:
    """The end of a job closes what it began, and says nothing where there is a verdict or nothing at all."""
    lost = check("neutral", "Cannot tell.")
    assert client.github.show(SHA, lost, RUN, only_open=True) == KeepCheck()
    client.github.show(SHA, check(None), RUN)
    assert client.github.show(SHA, lost, RUN, only_open=True) == UpdateCheck(1)
    assert client.github.show(SHA, check("failure"), RUN) == BeginCheck()
    assert client.github.show(SHA, lost, RUN, only_open=True) == KeepCheck()
    assert [each["conclusion"] for each in fake.checks] == ["neutral", "failure"]


@pytest.mark.parametrize(
    ("conclusion", "state"), [("failure", "failure"), ("neutral", "success"), (None, "pending")]
)
@pytest.mark.parametrize("refused", [("GET", 403), ("GET", 404), ("POST", 403), ("POST", 404)])
def test_where_checks_are_not_permitted_a_status_is_set(
    fake: FakeGitHub, client: Client, conclusion: Conclusion | None, state: str, refused: tuple[str, int]
) -> None:
    """A token without the right to see or make checks still shows the conclusion."""
    fake.faults = [Fault(refused[0], "/check-runs", refused[1]), Fault("POST", "/statuses/", 502)]
    client.github.show(SHA, check(conclusion, "x" * 500), RUN)
    (found,) = fake.statuses
    assert (found["sha"], found["state"], found["context"]) == (SHA, state, "bench pr")
    assert len(found["description"]) <= 140


def test_an_open_status_is_concluded_and_nothing_else(fake: FakeGitHub, client: Client) -> None:
    """Without checks the same holds of statuses."""
    fake.faults = [Fault("GET", "/check-runs", 403, times=99)]
    lost = check("neutral", "Cannot tell.")
    assert client.github.show(SHA, lost, RUN, only_open=True) == KeepCheck()
    client.github.show(SHA, check(None), RUN)
    fake.statuses.append({"sha": SHA, "context": "ci", "state": "success"})
    assert client.github.show(SHA, lost, RUN, only_open=True) == BeginCheck()
    assert client.github.show(SHA, lost, RUN, only_open=True) == KeepCheck()
    assert [each["state"] for each in fake.statuses if each["context"] == "bench pr"] == [
        "pending",
        "success",
    ]


def test_neither_check_nor_status_is_told(fake: FakeGitHub, client: Client) -> None:
    """A token that may do neither is an error."""
    fake.faults = [Fault("POST", "/check-runs", 403), Fault("POST", "/statuses/", 403)]
    with pytest.raises(PublishError, match="403"):
        client.github.show(SHA, check("success"), RUN)


@pytest.mark.parametrize(("path", "said"), [("/check-runs", "the check"), ("/statuses/", "the status")])
def test_a_check_that_nobody_takes_is_told(fake: FakeGitHub, client: Client, path: str, said: str) -> None:
    """After some attempts that is an error."""
    fake.faults = [Fault("POST", path, 500, times=99)]
    if path == "/statuses/":
        fake.faults.append(Fault("GET", "/check-runs", 403))
    with pytest.raises(PublishError, match=f"GitHub did not accept {said}"):
        client.github.show(SHA, check("success"), RUN)


def test_a_github_that_is_not_there_is_told() -> None:
    """Nobody on the other end: an error of publishing, without the token."""
    token = secrets.token_hex(16)
    github = GitHub("owner/name", Api(SecretStr(token), "http://127.0.0.1:1", lambda _: None))
    with pytest.raises(PublishError, match="GitHub does not answer") as caught:
        github.login()
    assert token not in str(caught.value)


def test_pages_lead_nowhere_else(fake: FakeGitHub, client: Client) -> None:
    """A next page at another address would get the token."""
    link = {"Link": '<http://127.0.0.1:1/x>; rel="next"'}
    fake.faults = [Fault("GET", "/pulls", 200, link, value=[])]
    with pytest.raises(PublishError, match="next page of /repos/owner/name/pulls is on another host"):
        client.github.pull_requests(OTHER_SHA, "owner/name")


def test_an_answer_that_is_no_list_is_told(fake: FakeGitHub, client: Client) -> None:
    """What GitHub says is read by models, so that a surprise is an error of publishing."""
    fake.faults = [Fault("GET", "/pulls", 200)]
    with pytest.raises(PublishError, match="is not a list"):
        client.github.pull_requests(SHA, "owner/name")


def test_a_lost_answer_without_a_server_is_an_error_in_the_end() -> None:
    """Nobody knows whether it was done, and nobody is there to be asked."""
    api = Api(SecretStr(secrets.token_hex(16)), "http://127.0.0.1:1", lambda _: None)
    assert api.post("/x", {}) is None


def test_an_answer_that_is_something_else_is_told(fake: FakeGitHub, client: Client) -> None:
    """A name where a number should be is an error of publishing that says where."""
    fake.faults = [Fault("GET", "/check-runs", 200, value={"check_runs": [{"id": "x"}]})]
    with pytest.raises(PublishError, match=r"an unexpected form: check_runs\.0\.id"):
        client.github.show(SHA, check("success"), RUN)


def test_two_pull_requests_of_one_commit_are_told_apart(fake: FakeGitHub, client: Client) -> None:
    """The same commit in a fork and here is two pull requests, and each run speaks of its own."""
    fake.add_pull(9, SHA, "owner/name")
    assert [each.number for each in client.github.pull_requests(SHA, "owner/name")] == [9]
    assert [each.number for each in client.github.pull_requests(SHA, "stranger/name")] == [7]
