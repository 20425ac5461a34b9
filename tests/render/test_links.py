import pytest

from bench.errors import ConfigError
from bench.render.html.links import Links, links_to

OLD, NEW = "a" * 40, "b" * 40


def test_commits_and_workflow_runs_have_addresses() -> None:
    """A known repository and a full SHA give an address."""
    links = links_to("https://github.com", "owner/name")
    assert links.commit(NEW) == f"https://github.com/owner/name/commit/{NEW}"
    assert links.between(OLD, NEW) == f"https://github.com/owner/name/compare/{OLD}...{NEW}"
    assert links.workflow_run(7) == "https://github.com/owner/name/actions/runs/7"
    assert links.workflow_run(None) is links.between(NEW, NEW) is links.between(None, NEW) is None
    assert links_to("https://git.example:8443", "owner/name").commit(NEW)


@pytest.mark.parametrize(
    "name", [None, "", "a" * 39, "A" * 40, f"{OLD}\n", "javascript:alert(1)", f"../{OLD}"]
)
def test_an_invalid_commit_has_no_link(name: str | None) -> None:
    """Any other text in place of a SHA gives no address."""
    links = Links("https://github.com/owner/name")
    assert links.commit(name) is None
    assert links.between(OLD, name) is None
    assert links.between(name, NEW) is None


def test_without_a_repository_there_is_no_link() -> None:
    """No repository and an empty name give no address."""
    for links in (Links(), links_to("https://github.com", None), links_to("https://github.com", "")):
        assert links.commit(NEW) is links.between(OLD, NEW) is links.workflow_run(7) is None


@pytest.mark.parametrize(
    ("server", "repository"),
    [
        ("https://github.com", "owner"),
        ("https://github.com", "owner/name/more"),
        ("https://github.com", "owner/.."),
        ("https://github.com", 'owner/na"me'),
        ("http://github.com", "owner/name"),
        ("javascript:alert(1)//", "owner/name"),
        ("https://user@github.com", "owner/name"),
    ],
)
def test_an_invalid_address_is_refused(server: str, repository: str) -> None:
    """Only https, a server and owner/name are accepted."""
    with pytest.raises(ConfigError):
        links_to(server, repository)
