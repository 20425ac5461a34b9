"""What a person sees on the fake GitHub in the end."""

from typing import Any

import pytest

from tests.workflows.hosted import Hosted

_BUSY = "saturated"
_REPLY = "answer-"


def check_at(repository: Hosted, sha: str, name: str = "bench pr") -> dict[str, Any]:
    """Return the newest check of a commit, which counts; skip if this machine was too busy for it."""
    checks = [check for check in repository.github.checks if check["head_sha"] == sha]
    named = [check for check in checks if check["name"] == name]
    assert named, repository.last_log()
    check = named[-1]
    assert [check["status"] for check in named] == ["completed"] * len(named)
    if check["conclusion"] == "neutral" and _BUSY in str(check["output"]):
        pytest.skip(f"this machine was too busy for a verdict: {check['output']['title']}")
    return check


def check_of_pull(repository: Hosted, number: int) -> dict[str, Any]:
    """Return the newest check at the head of a pull request."""
    return check_at(repository, str(repository.pull(number)["head"]["sha"]))


def comment_on(repository: Hosted, number: int) -> str:
    """Return the only comment of bench on a pull request, apart from replies to commands."""
    bodies = []
    for comment in repository.github.comments.get(number, []):
        if comment["user"]["login"] == repository.github.author and _REPLY not in comment["body"]:
            bodies.append(str(comment["body"]))
    assert len(bodies) == 1, bodies
    return bodies[0]


def headline(repository: Hosted, number: int) -> str:
    """Return the first line of the comment that a person reads."""
    lines = [line for line in comment_on(repository, number).splitlines() if not line.startswith("<!--")]
    return lines[0]
