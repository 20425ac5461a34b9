import json
from typing import Any

import pytest

from bench.publish.refusals import hint_of, words_of

RIGHTS = "check the token's permissions"


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        (None, "Validation Failed"),
        ([], "Validation Failed"),
        ("No commits", "Validation Failed: No commits"),
        (["No commits", "No commits"], "Validation Failed: No commits"),
        ([{"message": "too long"}, {"message": "no base"}], "Validation Failed: too long; no base"),
        (
            [{"resource": "Issue", "field": "title", "code": "missing_field"}],
            "Validation Failed: Issue title missing_field",
        ),
        ([{"code": 5}, 7, None, {}, [[[["deep"]]]]], "Validation Failed"),
        ([{"message": "Validation Failed"}], "Validation Failed"),
        ({"base": ["No commits", "no branch"]}, "Validation Failed: base: No commits; base: no branch"),
        ([["No commits"]], "Validation Failed: No commits"),
        ({"code": "invalid", "field": "sha"}, "Validation Failed: sha invalid"),
    ],
)
def test_the_words_of_a_refusal_contain_its_errors(errors: Any, expected: str) -> None:
    """Errors are texts, objects with a message, or objects with a field and a code."""
    content = json.dumps({"message": "Validation Failed", "errors": errors}).encode()
    assert words_of(content, "Unprocessable Entity") == expected


@pytest.mark.parametrize(
    "content", [b"", b"<html>", b"[]", b"7", b"{}", b'{"message": 7}', b"\xff", b"[" * 9999]
)
def test_a_body_without_a_message_has_the_reason_of_the_status(content: bytes) -> None:
    """Every body has words."""
    assert words_of(content, "Forbidden") == "Forbidden"
    assert words_of(content, None) == "no reason"


def test_the_words_of_a_refusal_are_short() -> None:
    """A long message is cut."""
    assert len(words_of(json.dumps({"message": "x" * 10_000}).encode(), "")) == 300


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        ("Resource not accessible by integration", RIGHTS),
        ("Not Found", RIGHTS),
        ("Must have admin rights to Repository.", RIGHTS),
        ("Unable to create comment because issue is locked.", "unlock the conversation"),
        ("Commenting is disabled on issues with more than 2500 comments", "open a new pull request"),
        ("Repository was archived so is read-only.", "unarchive the repository"),
        ("User is blocked", "use the token of another account"),
        ("Sorry. Your account was suspended.", "use the token of another account"),
        ("Resource protected by organization SAML enforcement.", "single sign-on"),
        ("Issues are disabled for this repo", "turn on issues in the settings"),
        ("Issues has been disabled in this repository.", "turn on issues in the settings"),
        ("Cannot delete this branch: protected branch", "allow the token's account to push"),
        ("`acme` organization has an IP allow list enabled", "IP allow list"),
        ("the `acme` organization has enabled OAuth App access restrictions", "approve the app"),
        ("Git Repository is empty.", "push a first commit"),
        ("No commit found for SHA: abc", "push the commit to this repository"),
        ("Artifact has expired", "measure again"),
    ],
)
def test_the_next_step_follows_from_the_words(words: str, hint: str) -> None:
    """A refusal with another cause has no hint about permissions."""
    for status in (403, 404, 410, 422):
        if status in {403, 404} or hint != RIGHTS:
            assert hint in str(hint_of(status, words, {}))
        assert status > 404 or (RIGHTS in str(hint_of(status, words, {}))) == (hint == RIGHTS)


def test_the_next_step_follows_from_the_status() -> None:
    """A wrong token, a server error and other refusals have different next steps."""
    assert "has expired" in str(hint_of(401, "Bad credentials", {}))
    assert "githubstatus.com" in str(hint_of(503, "Service Unavailable", {}))
    assert "65,535 characters" in str(hint_of(422, "Validation Failed: Body is too long", {}))
    assert hint_of(422, "Validation Failed: title is missing", {}) is None
    assert "legal reasons" in str(hint_of(451, "Repository access blocked", {}))


def test_the_permission_that_github_names_is_in_the_hint() -> None:
    """GitHub names the permissions that the request needs in a header."""
    hint = hint_of(403, "Resource not accessible", {"X-Accepted-GitHub-Permissions": "pull_requests=write"})
    assert hint is not None
    assert hint.startswith(f"{RIGHTS} (pull_requests=write)")
