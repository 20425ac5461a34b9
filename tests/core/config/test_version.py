import pytest

from bench.core.config.version import Version, parse_version
from bench.errors import ConfigError

DIGEST = f"registry/backend@sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("embedded", Version("embedded")),
        ("embedded@main", Version("embedded", "main")),
        ("embedded@feature+fix", Version("embedded", "feature+fix")),
        ("mine@./release-1", Version("mine", folder="./release-1")),
        ("mine@/srv/mine+A=1", Version("mine", folder="/srv/mine", variables={"A": "1"})),
        ("mine@..", Version("mine", folder="..")),
        ("mine@v2+PACKAGE=server==1.2", Version("mine", "v2", variables={"PACKAGE": "server==1.2"})),
        ("compose+BACKEND_IMAGE=a:1.2", Version("compose", variables={"BACKEND_IMAGE": "a:1.2"})),
        (f"compose+BACKEND_IMAGE={DIGEST}", Version("compose", variables={"BACKEND_IMAGE": DIGEST})),
        ("compose+A=x=y+B=2", Version("compose", variables={"A": "x=y", "B": "2"})),
    ],
)
def test_a_version_is_a_stack_with_files_and_variables(text: str, version: Version) -> None:
    """`@` names a commit or a folder, `+NAME=VALUE` a variable; names and values may have both characters."""
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("compose+A=1+A=2", "variable A is given twice"),
        ("embedded@", "is not a version"),
        ("@main", "is not a version"),
    ],
)
def test_a_contradicting_version_is_refused(text: str, problem: str) -> None:
    """A variable has one value, and a version has a stack."""
    with pytest.raises(ConfigError, match=problem):
        parse_version(text)
