import json
from typing import Any

import pytest

from bench.errors import PublishError
from bench.publish.command import Accept, Help, Run, command_of, may_command, parse, read_comment

SHA = "a1b2c3d4e" * 4 + "abcd"


def comment_event(body: str = "/bench run", **changes: Any) -> str:
    """A comment on a pull request, as GitHub tells of it."""
    event: dict[str, Any] = {
        "action": "created",
        "comment": {
            "id": 11,
            "body": body,
            "user": {"login": "octocat", "id": 1, "type": "User"},
            "author_association": "NONE",
        },
        "issue": {"number": 7, "title": "A change", "pull_request": {"url": "https://api.github.com/x"}},
        "repository": {"full_name": "owner/name", "default_branch": "main"},
    }
    return json.dumps(event | changes)


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ("/bench run", Run("pr")),
        ("/bench run nightly", Run("nightly")),
        ("/bench run\r\n\nplease", Run("pr")),
        (f"/bench baseline accept {SHA} the model is another one", Accept(SHA, "the model is another one")),
        ("/bench baseline accept a1b2c3d x", Accept("a1b2c3d", "x")),
        ("/bench help", Help()),
        ("/bench", Help()),
    ],
)
def test_a_command_is_its_first_line(body: str, meant: object) -> None:
    """What stands below it is for people."""
    assert parse(body) == meant


@pytest.mark.parametrize(
    "body",
    [
        "",
        "\n/bench run",
        " /bench run",
        "> /bench run",
        "`/bench run`",
        "/benchmark run",
        "please /bench run",
    ],
)
def test_what_speaks_of_a_command_is_none(body: str) -> None:
    """A quotation, or a word in a sentence."""
    assert parse(body) is None


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("/bench run $(id)", "the name of a suite"),
        ("/bench run a b", "this command does not exist"),
        ("/bench baseline accept main reason", "7 to 40"),
        ("/bench baseline accept", "7 to 40"),
        ("/bench baseline accept a1b2c3d", "a reason is missing"),
        (f"/bench baseline accept a1b2c3d {'x' * 301}", "at most 300"),
        ("/bench baseline drop", "this command does not exist"),
    ],
)
def test_a_command_that_is_none_is_told_how(body: str, said: str) -> None:
    """The answer says what is wrong."""
    meant = parse(body)
    assert isinstance(meant, Help)
    assert said in str(meant.problem)


@pytest.mark.parametrize(
    "event",
    [
        comment_event(action="edited"),
        comment_event(action="deleted"),
        comment_event(issue={"number": 7}),
        comment_event(comment={"id": 1, "body": "/bench run", "user": {"login": "x[bot]", "type": "Bot"}}),
    ],
)
def test_only_a_persons_new_comment_on_a_pull_request_asks(event: str) -> None:
    """Not an edited one, none on an issue, and none of a program's."""
    assert command_of(read_comment(event)) is None


def test_an_event_of_something_else_is_refused() -> None:
    """With the place that is missing."""
    with pytest.raises(PublishError, match="the event is not a comment: action"):
        read_comment("{}")
    with pytest.raises(PublishError, match=r"comment\.user\.login"):
        read_comment(comment_event(comment={"id": 1, "body": "x", "user": {"login": "../x", "type": "User"}}))


def test_who_may_write_may_command() -> None:
    """Triage and read may not; `maintain` is reported as write."""
    assert [may_command(each) for each in ("admin", "write", "read", "triage", "none")] == [
        True, True, False, False, False,
    ]  # fmt: skip
