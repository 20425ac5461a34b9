"""Why GitHub refused a request, and what to do. Pure: no request is sent here."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import from_json

STATUS_HINT = "GitHub's status: https://www.githubstatus.com"
PROXY_HINT = "check GITHUB_API_URL, and whether a proxy or a login page answers in place of GitHub"
_LONGEST_WORDS = 300
_DEEPEST = 3
_ERROR_FIELDS = ("resource", "field", "code", "message")
_UNAUTHORIZED = 401
_MAYBE_NOT_PERMITTED = frozenset({403, 404})
_LEGAL = 451
_SERVER_ERROR = 500
# Refusals that no permission of the token would change, and the next step.
_CAUSES = (
    (r"\bSAML\b|\bSSO\b", "authorize the token for the single sign-on of the organization"),
    (
        r"commenting is disabled|more than 2,?500 comments",
        "open a new pull request: GitHub allows 2,500 comments",
    ),
    (r"\bissues?\b.{0,20}\b(disabled|turned off)", "turn on issues in the settings of the repository"),
    (r"\barchived\b|\bread-only\b", "unarchive the repository, then publish again"),
    (r"\block(ed)?\b", "unlock the conversation, then publish again"),
    (
        r"\bprotected\b|\brule violations?\b|\brulesets?\b",
        "allow the token's account to push to this branch, or use --propose",
    ),
    (r"\bIP allow list\b", "add the address of the runner to the IP allow list of the organization"),
    (r"access restrictions", "ask an owner of the organization to approve the app of the token"),
    (
        r"interaction|only .{0,30}collaborators",
        "end the interaction limit of the repository, or wait for its end",
    ),
    (
        r"\bblocked\b|\bsuspended\b|\bflagged\b",
        "use the token of another account: GitHub does not accept this one",
    ),
    (r"\bexpired\b", "measure again: GitHub keeps artifacts for a limited time"),
    (r"repository is empty", "push a first commit to the repository"),
    (r"no commit found", "push the commit to this repository, or open its pull request, before you publish"),
    (r"too long|65,?53[56]", "publish a smaller suite: GitHub allows 65,535 characters"),
    (r"api version|X-GitHub-Api-Version", "update GitHub Enterprise Server to 3.9 or later"),
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
    texts = _error_texts(value.get("errors"))
    details = "; ".join(dict.fromkeys(text for text in texts if text and text not in message))
    return (f"{message}: {details}" if details else message)[:_LONGEST_WORDS]


def _error_texts(error: Any, depth: int = 0) -> Iterator[str]:
    """Yield the words of one error or of several.

    An error is a text, an object with a message, or an object with a field and a code; a server may nest
    them or name them by field.
    """
    if isinstance(error, str):
        yield error
    elif isinstance(error, list) and depth < _DEEPEST:
        for entry in error:
            yield from _error_texts(entry, depth + 1)
    elif isinstance(error, dict):
        yield from _object_texts(error, depth)


def _object_texts(error: dict[str, Any], depth: int) -> Iterator[str]:
    """Yield the words of an error that is an object."""
    texts = {key: error[key] for key in _ERROR_FIELDS if isinstance(error.get(key), str)}
    if "message" in texts:
        yield texts["message"]
    elif texts:
        yield " ".join(texts.values())
    elif depth < _DEEPEST:
        for name, value in error.items():
            yield from (f"{name}: {text}" for text in _error_texts(value, depth + 1))


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
    if status == _LEGAL:
        return "GitHub does not show this repository for legal reasons"
    for pattern, hint in _CAUSES:
        if re.search(pattern, words, re.IGNORECASE):
            return hint
    if status not in _MAYBE_NOT_PERMITTED:
        return None
    needed = headers.get("X-Accepted-GitHub-Permissions", "")[:_LONGEST_WORDS]
    accepted = f" ({needed})" if needed else ""
    return f"check the token's permissions{accepted}: docs/reference/github-actions.md lists them"
