"""Why GitHub refused a request, and what to do. Pure: no request is sent here."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import from_json

STATUS_HINT = "GitHub's status: https://www.githubstatus.com"
PROXY_HINT = "check GITHUB_API_URL, and whether a proxy or a login page answers in place of GitHub"
_LONGEST_WORDS = 300
_UNAUTHORIZED = 401
_MAYBE_NOT_PERMITTED = frozenset({403, 404})
_SERVER_ERROR = 500
# Refusals that no permission of the token would change, and the next step.
_CAUSES = (
    (r"\blocked\b", "unlock the conversation, then publish again"),
    (r"commenting is disabled", "open a new pull request: this one accepts no more comments"),
    (r"\barchived\b", "unarchive the repository, then publish again"),
    (r"\bblocked\b|\bsuspended\b", "use the token of another account: GitHub does not accept this one"),
    (r"\bSAML\b", "authorize the token for the single sign-on of the organization"),
)


def words_of(content: bytes, reason: str | None) -> str:
    """Return GitHub's explanation of a refusal with the errors of single fields, in 300 characters at most.

    Args:
        content: Body of the answer.
        reason: Reason of the status line, for a body without an explanation.
    """
    try:
        value = from_json(content)
    except ValueError:
        value = None
    message = value.get("message") if isinstance(value, dict) else None
    if not isinstance(message, str):
        return reason or "no reason"
    errors = value.get("errors")
    texts = [_error_text(error) for error in (errors if isinstance(errors, list) else [errors])]
    details = "; ".join(dict.fromkeys(text for text in texts if text and text not in message))
    return (f"{message}: {details}" if details else message)[:_LONGEST_WORDS]


def _error_text(error: Any) -> str:
    """Return the words of one error: a text, an object with a message, or one with a field and a code."""
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    if isinstance(error.get("message"), str):
        return str(error["message"])
    names = [error.get(key) for key in ("resource", "field", "code")]
    return " ".join(name for name in names if isinstance(name, str))


def hint_of(status: int, words: str, headers: Mapping[str, str]) -> str | None:
    """Return the next step after a refusal; `None` if GitHub's words are all that is known.

    Args:
        status: Status of the answer.
        words: GitHub's explanation.
        headers: Headers of the answer; GitHub names the permissions that a request needs.
    """
    if status >= _SERVER_ERROR:
        return STATUS_HINT
    if status == _UNAUTHORIZED:
        return "GITHUB_TOKEN is wrong or has expired: set a new token"
    if status not in _MAYBE_NOT_PERMITTED:
        return None
    for pattern, hint in _CAUSES:
        if re.search(pattern, words, re.IGNORECASE):
            return hint
    needed = headers.get("X-Accepted-GitHub-Permissions", "")[:_LONGEST_WORDS]
    accepted = f" ({needed})" if needed else ""
    return f"check the token's permissions{accepted}: docs/reference/github-actions.md lists them"
