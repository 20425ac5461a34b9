import pytest

from bench.errors import PublishError
from bench.publish.addresses import Renames, is_below, redirected
from bench.publish.plan import Create, Update
from tests.publish.conftest import SHA, Client
from tests.publish.fake_github import FakeGitHub, Fault, serving

BODY = "<!-- bench:pr -->\n## As ever\n"
BOT = "github-actions[bot]"
API = "https://api.github.com"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/comments"), ("POST", "/comments"), ("PATCH", "/comments/")]
)
def test_a_redirect_on_the_same_host_is_followed(
    fake: FakeGitHub, client: Client, status: int, method: str, path: str
) -> None:
    """The method and the body stay the same for reads and writes; the address may be relative."""
    own_id = fake.add_comment(7, f"{BODY}old", BOT) if method == "PATCH" else None
    places = {"POST": "issues/7/comments", "GET": "issues/7/comments", "PATCH": f"issues/comments/{own_id}"}
    address = f"{fake.url if status > 302 else ''}/repositories/5/{places[method]}"
    fake.faults = [Fault(method, path, status, {"Location": address}, value={})]
    action = client.github.say(client.pull, BODY, BOT)
    assert isinstance(action, Update if method == "PATCH" else Create)
    assert [comment["body"] for comment in fake.comments[7]] == [BODY]


def test_a_renamed_repository_is_redirected_once(fake: FakeGitHub, client: Client) -> None:
    """After the first permanent redirect the client uses the new address, also for writes."""
    pull = client.pull
    fake.new_name = "owner/new"
    client.github.say(pull, BODY, BOT)
    client.github.say(pull, f"{BODY}more", BOT)
    assert [comment["body"] for comment in fake.comments[7]] == [f"{BODY}more"]
    assert len([path for _, path in fake.requests if path.startswith("/repos/owner/name/issues")]) == 1


def test_a_write_to_a_renamed_repository_keeps_its_body(fake: FakeGitHub, client: Client) -> None:
    """GitHub redirects a write with 307, which changes no later address."""
    fake.new_name = "owner/new"
    client.github.react(11, "rocket")
    client.github.react(12, "rocket")
    assert fake.reactions == [(11, "rocket"), (12, "rocket")]


def test_both_names_of_a_renamed_repository_are_its_own(fake: FakeGitHub, client: Client) -> None:
    """The new name is asked for once, and only after a redirect."""
    assert client.github.is_own("Owner/Name")
    assert not client.github.is_own("owner/new")
    assert fake.requests == []
    fake.new_name = "owner/new"
    fake.add_pull(8, "c" * 40, "owner/new")
    assert [pull.number for pull in client.github.pull_requests("c" * 40, "owner/name")] == [8]
    assert client.github.is_own("owner/new")
    assert not client.github.is_own("stranger/name")
    assert not client.github.is_own(None)


def test_a_query_stays_with_a_redirect_that_has_none(fake: FakeGitHub, client: Client) -> None:
    """Otherwise the list would contain other pull requests."""
    for number in range(8, 13):
        fake.add_pull(number, f"{number:040x}", "owner/name")
    fake.new_name = "owner/new"
    client.github.pull_requests(SHA, "stranger/name", "feature")
    assert len(fake.requests) == 2


def test_redirects_in_a_loop_are_an_error(fake: FakeGitHub, client: Client) -> None:
    """The client stops at the first address that it has sent before."""
    there = {"Location": f"{fake.url}/repositories/5/pulls"}
    fake.faults = [Fault("GET", "/pulls", 301, there, times=99)]
    with pytest.raises(PublishError, match=r"has moved to .*/repositories/5/pulls, the end of a loop"):
        client.github.pull_requests(SHA, "stranger/name")
    assert len(fake.requests) == 2


def test_a_sixth_redirect_is_an_error(fake: FakeGitHub, client: Client) -> None:
    """A server that always names another address is not followed without end."""
    fake.faults = [
        Fault("GET", "/pulls", 302, {"Location": f"{fake.url}/repositories/{number}/pulls"})
        for number in range(9)
    ]
    with pytest.raises(PublishError, match="or of 5 redirects"):
        client.github.pull_requests(SHA, "stranger/name")
    assert len(fake.requests) == 6


@pytest.mark.parametrize(
    "address",
    [
        "https://login.example/",
        "//login.example/",
        "http://api.github.com/repositories/5",
        "https://api.github.com:8443/repositories/5",
        "https://token@api.github.com/repositories/5",
        "https://api.github.com.example/repositories/5",
        "file:///etc/passwd",
    ],
)
def test_a_redirect_to_another_server_is_an_error(address: str) -> None:
    """The client sends its token to no other server."""
    with pytest.raises(PublishError, match="GET /repos/o/n has moved to ") as caught:
        redirected("GET /repos/o/n", f"{API}/repos/o/n", address, API)
    assert "GITHUB_API_URL" in str(caught.value.hint)


def test_a_proxy_that_redirects_is_an_error(fake: FakeGitHub, client: Client) -> None:
    """The request is not sent again."""
    fake.faults = [Fault("POST", "/comments", 307, {"Location": "https://login.example/"})]
    with pytest.raises(PublishError, match=r"has moved to https://login\.example/") as caught:
        client.github.say(client.pull, BODY, BOT)
    assert "whether a proxy or a login page answers" in str(caught.value.hint)
    assert 7 not in fake.comments


def test_a_login_page_of_an_enterprise_server_receives_no_token() -> None:
    """It has the same host, but not the path of the API."""
    api = "https://ghes.example/api/v3"
    assert is_below(f"{api}/repositories/5/pulls", f"{api}/")
    assert is_below("https://GHES.example:443/api/v3/x", api)
    assert not is_below("https://ghes.example/login", api)
    assert not is_below("https://ghes.example/api/v34/x", api)


def test_a_redirect_to_a_malformed_address_is_an_error(fake: FakeGitHub, client: Client) -> None:
    """The address is read before the client sees the answer."""
    fake.faults = [Fault("GET", "/pulls", 301, {"Location": "http://["})]
    with pytest.raises(PublishError, match="GitHub does not answer at "):
        client.github.pull_requests(SHA, "stranger/name")


@pytest.mark.parametrize("location", ["https://api.github.com:port/x", "http://api.github.com:99999/x"])
def test_a_redirect_to_an_impossible_port_is_an_error(
    fake: FakeGitHub, client: Client, location: str
) -> None:
    """The error is one sentence."""
    fake.faults = [Fault("GET", "/pulls", 301, {"Location": location})]
    with pytest.raises(PublishError):
        client.github.pull_requests(SHA, "stranger/name")


@pytest.mark.parametrize("status", [300, 301, 303, 304])
def test_another_status_of_a_redirect_is_no_success(fake: FakeGitHub, client: Client, status: int) -> None:
    """A redirect without an address, and one that changes the method, are refusals."""
    fake.faults = [Fault("POST", "/comments", status, {"Location": fake.url} if status == 303 else {})]
    with pytest.raises(PublishError, match=f"with {status}"):
        client.github.say(client.pull, BODY, BOT)


def test_only_the_address_of_a_repository_is_remembered() -> None:
    """The rest of the address is that of the request; a temporary redirect changes no later address."""
    renames = Renames()
    base = f"{API}/repos/o/n"
    renames.learn(f"{base}/pulls", f"{API}/repositories/5/pulls?page=1", 302)
    assert renames.has_any
    assert renames.current(f"{base}/pulls") == f"{base}/pulls"
    renames.learn(f"{base}/pulls", f"{API}/elsewhere", 301)
    assert renames.current(f"{base}/pulls") == f"{base}/pulls"
    renames.learn(f"{base}/pulls", f"{API}/repositories/5/pulls?page=1", 301)
    assert renames.current(f"{base}/issues/7?page=2") == f"{API}/repositories/5/issues/7?page=2"
    assert renames.current(f"{API}/repos/o/nn/issues") == f"{API}/repos/o/nn/issues"
    assert renames.current(f"{API}/user") == f"{API}/user"
    renames.learn(base, f"{API}/repositories/6", 308)
    assert renames.current(base) == f"{API}/repositories/6"


def test_an_enterprise_server_has_its_api_below_a_path() -> None:
    """Lists have several pages, a managed user has a fork, and the repository was renamed."""
    github = FakeGitHub(root="/api/v3", new_name="owner/new")
    github.add_pull(7, SHA, "jane_acme/name")
    for number in range(3):
        github.add_comment(7, f"comment {number}", "jane_acme")
    own_id = github.add_comment(7, f"{BODY}old", BOT)
    with serving(github):
        client = Client(github, "ghs_").github
        (pull,) = client.pull_requests(SHA, "Jane_Acme/name", "feature")
        assert client.say(pull, BODY) == Update(own_id, BODY)
        assert client.permission("jane_acme") == "read"
    assert github.url.endswith("/api/v3")
