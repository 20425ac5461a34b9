import pytest

from bench.errors import PublishError
from bench.publish.check import Check
from bench.publish.identity import ACTIONS
from bench.publish.issues import CloseIssue, KeepIssue, OpenIssue, UpdateIssue, WatchProblem, show_issue
from bench.publish.plan import Create, Skip, Update
from tests.publish.conftest import SHA, Client
from tests.publish.fake_github import FakeGitHub, Fault

BODY = "<!-- bench:pr -->\n## As ever\n"
APP = "acme-bench[bot]"
RUN = "https://github.com/owner/name/actions/runs/41"
CHECK = Check("pr", "success", "As ever.", "In **Markdown**.")
PROBLEM = WatchProblem("bench pr: slower", "By 40 %.")


@pytest.fixture(params=["", "ghs_"])
def prefix(request: pytest.FixtureRequest) -> str:
    """Return the start of the token: that of an app's token is known, but need not be there."""
    return str(request.param)


def test_a_person_may_ask_for_the_own_name(fake: FakeGitHub) -> None:
    """The name is asked for once, and no reaction is written."""
    fake.login = fake.author = "octocat"
    client = Client(fake)
    assert [client.github.login("issues/7"), client.github.login()] == ["octocat", "octocat"]
    assert fake.requests == [("GET", "/user")]


def test_the_token_of_a_workflow_does_not_ask(fake: FakeGitHub) -> None:
    """Its start shows that GitHub would refuse."""
    assert Client(fake, "ghs_").github.login() == ACTIONS
    assert fake.requests == []
    assert Client(fake).github.login() == ACTIONS


def test_an_app_updates_its_comment_on_each_push(fake: FakeGitHub, prefix: str) -> None:
    """Each push is another process with a token that may not ask for its name."""
    fake.author = APP
    actions = []
    for push in range(3):
        github = Client(fake, prefix).github
        (pull,) = github.pull_requests(SHA, "stranger/name")
        actions.append(github.say(pull, f"{BODY}{push // 2}"))
    assert [type(action) for action in actions] == [Create, Skip, Update]
    assert [comment["body"] for comment in fake.comments[7]] == [f"{BODY}1"]


def test_the_check_names_the_app(fake: FakeGitHub, prefix: str) -> None:
    """After a check no other request is needed to know the name."""
    fake.author = APP
    fake.add_comment(7, f"{BODY}old", APP)
    github = Client(fake, prefix).github
    github.show(SHA, CHECK, RUN)
    assert github.login() == APP
    assert isinstance(github.say(github.pull_requests(SHA, "stranger/name")[0], BODY), Update)
    assert fake.reactions == []
    assert ("GET", "/user") not in fake.requests


def test_a_status_names_the_account(fake: FakeGitHub) -> None:
    """A personal token may not write checks."""
    fake.author = "octocat"
    fake.faults = [Fault("POST", "/check-runs", 403)]
    github = Client(fake).github
    github.show(SHA, CHECK, RUN)
    assert github.login() == "octocat"


@pytest.mark.parametrize("author", ["acme-other[bot]", "octocat", None])
def test_a_comment_of_another_account_is_not_changed(
    fake: FakeGitHub, prefix: str, author: str | None
) -> None:
    """Its first line is the same, but the reaction names another account."""
    fake.author = APP
    fake.add_comment(7, BODY, author)
    github = Client(fake, prefix).github
    assert isinstance(github.say(github.pull_requests(SHA, "stranger/name")[0], BODY), Create)
    assert fake.comments[7][0]["body"] == BODY


def test_a_locked_conversation_leaves_the_workflows_own_name(fake: FakeGitHub) -> None:
    """GitHub refuses the reaction, so the usual account is assumed."""
    own_id = fake.add_comment(7, BODY, ACTIONS)
    fake.faults = [Fault("POST", "/reactions", 403)]
    github = Client(fake, "ghs_").github
    assert github.say(github.pull_requests(SHA, "stranger/name")[0], BODY) == Skip(own_id)


def test_a_lost_reaction_is_repeated(fake: FakeGitHub) -> None:
    """A repeated reaction changes nothing."""
    fake.author = APP
    fake.faults = [Fault("POST", "/reactions", 502, applied=True)]
    assert Client(fake, "ghs_").github.login("issues/7") == APP
    fake.faults = [Fault("POST", "/reactions", 502, times=99)]
    with pytest.raises(PublishError, match="did not accept a reaction"):
        Client(fake, "ghs_").github.login("issues/7")


def test_a_rate_limit_hides_no_name(fake: FakeGitHub) -> None:
    """The client reports the limit, and never takes another account for its own."""
    fake.faults = [Fault("POST", "/reactions", 403, {"Retry-After": "3600"})]
    with pytest.raises(PublishError, match="rate limit"):
        Client(fake, "ghs_").github.login("issues/7")


def show(fake: FakeGitHub, problem: WatchProblem | None, prefix: str = "ghs_") -> object:
    """Show the problem as another night's job does, and return the action."""
    client = Client(fake, prefix)
    return show_issue(client.api, "owner/name", client.github.identity, "trend-pr", problem)


def test_an_app_has_one_issue_for_all_nights(fake: FakeGitHub, prefix: str) -> None:
    """The issue is opened, kept, changed, closed, and opened again."""
    fake.author = APP
    assert show(fake, PROBLEM, prefix) == OpenIssue()
    assert show(fake, PROBLEM, prefix) == KeepIssue()
    assert show(fake, WatchProblem(PROBLEM.title, "By 50 %."), prefix) == UpdateIssue(50)
    assert show(fake, None, prefix) == CloseIssue(50)
    assert show(fake, None, prefix) == KeepIssue()
    assert show(fake, PROBLEM, prefix) == OpenIssue()
    assert [issue["state"] for issue in fake.issues] == ["closed", "open"]


def test_an_issue_is_found_by_its_label_among_many(fake: FakeGitHub) -> None:
    """The client does not read the other issues."""
    show(fake, PROBLEM)
    fake.issues += [{"number": number, "state": "open", "title": "x", "body": "x", "user": None}
                    for number in range(100, 400)]  # fmt: skip
    fake.requests.clear()
    assert show(fake, PROBLEM) == KeepIssue()
    assert len(fake.requests) == 2


def test_an_issue_without_its_label_is_found_among_the_newest(fake: FakeGitHub) -> None:
    """A person may remove the label, and GitHub drops it if the token may not set labels."""
    show(fake, PROBLEM)
    fake.issues[0]["labels"] = []
    assert show(fake, PROBLEM) == KeepIssue()


def test_an_issue_of_another_account_is_not_changed(fake: FakeGitHub) -> None:
    """Its text may be the same."""
    body = f"<!-- bench:trend-pr -->\n{PROBLEM.body}"
    issue = {"number": 9, "title": PROBLEM.title, "body": body, "state": "open", "user": {"login": "octocat"}}
    fake.issues = [issue]
    assert show(fake, None) == KeepIssue()
    assert show(fake, PROBLEM) == OpenIssue()


def test_issues_that_are_turned_off_are_an_error(fake: FakeGitHub) -> None:
    """GitHub refuses the list with the status 410."""
    fake.faults = [Fault("GET", "/issues", 410, value={"message": "Issues are disabled for this repo"})]
    with pytest.raises(PublishError, match="with 410: Issues are disabled") as caught:
        show(fake, PROBLEM)
    assert "turn on issues" in str(caught.value.hint)


def test_a_reaction_waits_for_no_rate_limit(fake: FakeGitHub, client: Client) -> None:
    """It is optional, so it is left out if GitHub refuses it or few requests remain."""
    fake.faults = [Fault("POST", "/reactions", 403, {"Retry-After": "60"})]
    client.github.react(11, "rocket")
    assert client.waited_s == []
    fake.faults = [Fault("GET", "/pulls", 200, {"X-RateLimit-Remaining": "49"}, value=[])]
    client.api.ask("GET", "/repos/owner/name/pulls")
    client.github.react(11, "rocket")
    assert fake.reactions == []
