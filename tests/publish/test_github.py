import secrets

import pytest
from pydantic import SecretStr

from bench.errors import PublishError
from bench.publish.api import Api
from bench.publish.check import Annotation, BeginCheck, Check, Conclusion, KeepCheck, UpdateCheck
from bench.publish.github import GitHub
from bench.publish.plan import Create, Skip, Update
from tests.publish.conftest import NOW, SHA, Client
from tests.publish.fake_github import FakeGitHub, Fault

OTHER_SHA = "b" * 40
BODY = "<!-- bench:pr -->\n## As ever\n"
BOT = "github-actions[bot]"
RUN = "https://github.com/owner/name/actions/runs/41"


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
    ("sha", "repository"), [(OTHER_SHA, "stranger/other"), (SHA, "owner/name"), (SHA, None)]
)
def test_another_repository_has_no_pull_request(client: Client, sha: str, repository: str | None) -> None:
    """The same commit of another repository is not commented on."""
    assert client.github.pull_requests(sha, repository) == ()


def test_the_pull_requests_of_a_branch_are_found_in_any_state(fake: FakeGitHub, client: Client) -> None:
    """A merged pull request explains why there is no comment."""
    fake.pulls[0] |= {"state": "closed", "merged_at": "2026-01-01T00:00:00Z"}
    fake.add_pull(9, OTHER_SHA, "stranger/name")
    pulls = client.github.pull_requests(SHA, "stranger/name", "feature")
    assert sorted(pull.number for pull in pulls) == [7, 9]


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


def test_a_refusal_is_reported_at_once(fake: FakeGitHub, client: Client) -> None:
    """A refusal that is no rate limit names the request, with a hint about the permissions."""
    fake.faults = [Fault("POST", "/comments", 403, times=99)]
    place = "POST /repos/owner/name/issues/7/comments"
    with pytest.raises(PublishError, match=f"GitHub refused {place} with 403: injected fault") as caught:
        client.github.say(client.pull, BODY, BOT)
    assert "docs/reference/github-actions.md" in str(caught.value.hint)
    assert client.waited_s == []


@pytest.mark.parametrize(("status", "method"), [(403, "GET"), (429, "GET"), (403, "POST"), (429, "POST")])
@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "1800"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 1800:.0f}"}],
)
def test_a_long_rate_limit_is_an_error_that_names_its_end(
    fake: FakeGitHub, client: Client, status: int, method: str, headers: dict[str, str]
) -> None:
    """The client does not wait for half an hour, and gives no hint about permissions."""
    value = {"message": "API rate limit exceeded for installation"}
    fake.faults = [Fault(method, "/comments", status, headers, times=99, value=value)]
    limited = f"{status} until 2001-09-09 02:16:40 UTC: API rate limit exceeded"
    with pytest.raises(PublishError, match=limited) as caught:
        client.github.say(client.pull, BODY, BOT)
    assert "publish again after that time" in str(caught.value.hint)
    assert client.waited_s == []
    assert [sent for sent, path in fake.requests if "/comments" in path].count(method) == 1


def test_a_rate_limit_that_never_ends_is_an_error(fake: FakeGitHub, client: Client) -> None:
    """The client waits four times and then gives up."""
    fake.faults = [Fault("POST", "/comments", 429, {"Retry-After": "9"}, times=99)]
    with pytest.raises(PublishError, match="429 until 2001-09-09 01:46:49 UTC: injected fault"):
        client.github.say(client.pull, BODY, BOT)
    assert client.waited_s == [9.0] * 4
    assert [method for method, _ in fake.requests].count("POST") == 5


LONG_LIMIT = {"Retry-After": "3600"}


def test_a_rate_limit_is_no_missing_permission(fake: FakeGitHub, client: Client) -> None:
    """During a rate limit the client neither guesses its login nor replaces the check by a status."""
    fake.faults = [Fault("GET", "/user", 403, LONG_LIMIT), Fault("GET", "/check-runs", 403, LONG_LIMIT)]
    with pytest.raises(PublishError, match="rate limit"):
        client.github.login()
    with pytest.raises(PublishError, match="rate limit"):
        client.github.show(SHA, check("success"), RUN)
    assert not fake.statuses


def test_a_reaction_is_optional_during_a_rate_limit(fake: FakeGitHub, client: Client) -> None:
    """A refused reaction does not stop the command."""
    fake.faults = [Fault("POST", "/reactions", 403, LONG_LIMIT)]
    client.github.react(1, "eyes")
    assert not fake.reactions


@pytest.mark.parametrize(
    ("headers", "message", "waited_s"),
    [
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW + 9:.0f}"}, "API rate limit exceeded", 9),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOW - 9:.0f}"}, "API rate limit exceeded", 0),
        ({}, "You have exceeded a secondary rate limit.", 60),
        ({}, "You have exceeded a Secondary Rate Limit", 60),
        ({}, "You have triggered an abuse detection mechanism.", 60),
        ({"Retry-After": "1.5"}, "Slow down.", 1.5),
        ({"Retry-After": "Sun, 09 Sep 2001 01:46:49 GMT"}, "Slow down.", 9),
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


def test_the_status_429_is_a_rate_limit_without_any_header(fake: FakeGitHub, client: Client) -> None:
    """The client waits one minute, as GitHub advises."""
    fake.faults = [Fault("POST", "/comments", 429)]
    client.github.say(client.pull, BODY, BOT)
    assert client.waited_s == [60]
    assert bodies(fake) == [BODY]


@pytest.mark.parametrize("body", ["<html>Please log in</html>", "", "[" * 9999])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/comments"), ("POST", "/comments"), ("PATCH", "/comments/")]
)
def test_a_page_of_a_proxy_is_an_error(
    fake: FakeGitHub, client: Client, method: str, path: str, body: str
) -> None:
    """The status 200 is no success without an answer in JSON."""
    if method == "PATCH":
        fake.add_comment(7, f"{BODY}old", BOT)
    fake.faults = [Fault(method, path, 200, value=body)]
    with pytest.raises(PublishError, match=f"answer to {method} /repos/owner/name/.* is not JSON") as caught:
        client.github.say(client.pull, BODY, BOT)
    assert "whether a proxy or a login page answers" in str(caught.value.hint)


def test_a_refusal_quotes_the_errors_of_single_fields(fake: FakeGitHub, client: Client) -> None:
    """Validation errors have their cause in a list below the message."""
    error = {"resource": "IssueComment", "code": "unprocessable", "message": "Body is too long"}
    value = {"message": "Validation Failed", "errors": [error]}
    fake.faults = [Fault("POST", "/comments", 422, value=value)]
    with pytest.raises(PublishError, match="with 422: Validation Failed: Body is too long"):
        client.github.say(client.pull, BODY, BOT)
    assert client.waited_s == []


def test_logins_and_repositories_ignore_capitals(fake: FakeGitHub, client: Client) -> None:
    """GitHub has no two accounts or repositories whose names differ only by capitals."""
    own_id = fake.add_comment(7, BODY, "GitHub-Actions[bot]")
    (pull,) = client.github.pull_requests(SHA, "Stranger/Name")
    assert client.github.say(pull, BODY, BOT) == Skip(own_id)


def test_a_comment_is_found_behind_a_byte_order_mark(fake: FakeGitHub, client: Client) -> None:
    """The mark stands before the first line, and is no difference."""
    own_id = fake.add_comment(7, "\ufeff" + BODY.replace("\n", "\r\n"), BOT)
    assert client.github.say(client.pull, BODY, BOT) == Skip(own_id)


def test_a_list_without_an_end_is_an_error(fake: FakeGitHub, client: Client) -> None:
    """The client never takes the first pages for the whole list."""
    link = {"Link": f'<{fake.url}/repos/owner/name/pulls?page=1>; rel="next"'}
    fake.faults = [Fault("GET", "/pulls", 200, link, times=999, value=[])]
    with pytest.raises(PublishError, match="/pulls has more than 100 pages"):
        client.github.pull_requests(OTHER_SHA, "owner/name")
    assert len(fake.requests) == 100


def test_repeated_server_errors_are_reported_with_the_status_page(fake: FakeGitHub, client: Client) -> None:
    """A page in HTML has no message: the reason of the status line is quoted."""
    fake.faults = [Fault("GET", "/pulls", 502, times=99, value="<html>Unicorn!</html>")]
    with pytest.raises(PublishError, match="with 502: Bad Gateway") as caught:
        client.github.pull_requests(SHA, "stranger/name")
    assert "githubstatus.com" in str(caught.value.hint)


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


@pytest.mark.parametrize(
    ("conclusion", "state"),
    [
        ("failure", "failure"),
        ("neutral", "error"),
        ("cancelled", "error"),
        ("skipped", "success"),
        (None, "pending"),
    ],
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
    with pytest.raises(PublishError, match=r"GitHub does not answer at 127\.0\.0\.1:1: ") as caught:
        github.login()
    assert token not in str(caught.value)
    assert "check GITHUB_API_URL and the network" in str(caught.value.hint)


@pytest.mark.parametrize("url", ["api.github.com", "https://", "ftp://api.github.com"])
def test_a_wrong_address_of_the_api_is_named(url: str) -> None:
    """The hint names the variable that has the address."""
    github = GitHub("owner/name", Api(SecretStr(secrets.token_hex(16)), url, lambda _: None))
    with pytest.raises(PublishError, match="GitHub does not answer at ") as caught:
        github.login()
    assert "check GITHUB_API_URL: it is an address like" in str(caught.value.hint)


def test_a_refusing_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint names the variable that has the address of the proxy."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    url = "https://github.invalid"
    github = GitHub("owner/name", Api(SecretStr(secrets.token_hex(16)), url, lambda _: None))
    with pytest.raises(PublishError, match=r"at github\.invalid: ProxyError") as caught:
        github.login()
    assert "check HTTPS_PROXY" in str(caught.value.hint)


def test_a_next_page_on_another_host_is_refused(fake: FakeGitHub, client: Client) -> None:
    """Another host would receive the token."""
    link = {"Link": '<http://127.0.0.1:1/x>; rel="next"'}
    fake.faults = [Fault("GET", "/pulls", 200, link, value=[])]
    with pytest.raises(PublishError, match=r"next page of /repos/owner/name/.*/pulls is on another host"):
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
