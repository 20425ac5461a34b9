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
        ("embedded@", Version("embedded", "")),
        ("compose+BACKEND_IMAGE=a:1.2", Version("compose", None, {"BACKEND_IMAGE": "a:1.2"})),
        (f"compose+BACKEND_IMAGE={DIGEST}", Version("compose", None, {"BACKEND_IMAGE": DIGEST})),
        ("compose+A=x=y+B=2", Version("compose", None, {"A": "x=y", "B": "2"})),
    ],
)
def test_a_version_is_a_stack_at_a_commit_or_with_images(text: str, version: Version) -> None:
    """`@` names a commit, `+NAME=VALUE` a variable; names and images may have both characters."""
    assert parse_version(text) == version


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("compose@main+BACKEND_IMAGE=x", "the images of a commit must be built first"),
        ("compose+A=1+A=2", "variable A is given twice"),
    ],
)
def test_a_contradicting_version_is_refused(text: str, problem: str) -> None:
    """The images of a commit do not exist yet, and a variable has one value."""
    with pytest.raises(ConfigError, match=problem):
        parse_version(text)
