import json
from typing import Any

import pytest

from bench.errors import PublishError
from bench.publish.command import Accept, Help, Run, command_of, may_command, parse, read_comment

SHA = "a1b2c3d4e" * 4 + "abcd"
DIGEST = "sha256:" + "5" * 32


def comment_event(body: str = "/bench run", **changes: Any) -> str:
    """Return the event that GitHub sends for a comment on a pull request."""
    event: dict[str, Any] = {
        "action": "created",
        "comment": {
            "id": 11,
            "body": body,
            "user": {"login": "octocat", "id": 1, "type": "User"},
            "created_at": "2026-01-02T00:00:00Z",
            "author_association": "NONE",
        },
        "issue": {"number": 7, "title": "A change", "pull_request": {"url": "https://api.github.com/x"}},
        "repository": {"full_name": "owner/name", "default_branch": "main"},
    }
    return json.dumps(event | changes)


COMMENT = {"id": 1, "body": "/bench run", "created_at": "2026-01-02T00:00:00Z"}


@pytest.mark.parametrize(
    ("body", "command"),
    [
        ("/bench run", Run("pr")),
        ("/bench run nightly", Run("nightly")),
        ("/bench run\r\n\nplease", Run("pr")),
        (f"/bench baseline accept {SHA} the model is another one", Accept(SHA, "the model is another one")),
        (f"/bench baseline accept {SHA.upper()} x", Accept(SHA, "x")),
        (f"/bench baseline accept {SHA[:12]} {DIGEST} a b", Accept(SHA[:12], "a b", DIGEST)),
        (f"/bench baseline accept {SHA} {DIGEST} x", Accept(SHA, "x", DIGEST)),
        (f"/bench baseline accept {SHA} {DIGEST}5 x", Accept(SHA, f"{DIGEST}5 x")),
        ("/bench help", Help()),
        ("/bench", Help()),
    ],
)
def test_the_command_is_the_first_line_of_a_comment(body: str, command: object) -> None:
    """The text below the first line is for people."""
    assert parse(body) == command


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
def test_a_mention_of_a_command_is_not_a_command(body: str) -> None:
    """Quoted commands and commands inside a sentence are ignored."""
    assert parse(body) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("/bench run $(id)", "the name of a suite"),
        ("/bench run a b", "this command does not exist"),
        ("/bench baseline accept main reason", "all 40 digits"),
        ("/bench baseline accept", "all 40 digits"),
        (f"/bench baseline accept {SHA[:39]} reason", "all 40 digits"),
        (f"/bench baseline accept {SHA[:11]} {DIGEST} reason", "by 12 and the digest"),
        (f"/bench baseline accept {SHA}", "a reason is missing"),
        (f"/bench baseline accept {SHA[:12]} {DIGEST}", "a reason is missing"),
        (f"/bench baseline accept {SHA} {'x' * 301}", "at most 300"),
        ("/bench baseline drop", "this command does not exist"),
    ],
)
def test_a_wrong_command_gets_help_with_the_problem(body: str, message: str) -> None:
    """The answer names the problem."""
    command = parse(body)
    assert isinstance(command, Help)
    assert message in str(command.problem)


@pytest.mark.parametrize(
    "event",
    [
        comment_event(action="edited"),
        comment_event(action="deleted"),
        comment_event(issue={"number": 7}),
        comment_event(comment=COMMENT | {"user": {"login": "x[bot]", "type": "Bot"}}),
    ],
)
def test_only_a_new_comment_of_a_person_on_a_pull_request_is_read(event: str) -> None:
    """Edited comments, comments on issues and comments of bots are ignored."""
    assert command_of(read_comment(event)) is None


def test_an_event_that_is_not_a_comment_is_refused() -> None:
    """The error names the missing or malformed field."""
    with pytest.raises(PublishError, match="the event is not a comment: action"):
        read_comment("{}")
    with pytest.raises(PublishError, match=r"comment\.user\.login"):
        read_comment(comment_event(comment=COMMENT | {"user": {"login": "../x", "type": "User"}}))


def test_a_command_needs_write_access() -> None:
    """Triage and read access are not enough; GitHub reports `maintain` as write."""
    assert [may_command(permission) for permission in ("admin", "write", "read", "triage", "none")] == [
        True, True, False, False, False,
    ]  # fmt: skip
