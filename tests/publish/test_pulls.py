from bench.publish.github import PullRequest
from bench.publish.pulls import Audience, find_audience

SHA, NEWER = "a" * 40, "b" * 40


def pull(number: int, sha: str = SHA, state: str = "open", merged_at: str | None = None) -> PullRequest:
    """Return a pull request."""
    head = {"sha": sha, "ref": "feature", "repo": {"full_name": "owner/name"}}
    fields = {"number": number, "head": head, "state": state, "merged_at": merged_at}
    return PullRequest.model_validate(fields)


def test_every_open_pull_request_of_the_commit_gets_the_comment() -> None:
    """A branch may have pull requests to several other branches, and closed ones of earlier times."""
    pulls = [pull(9), pull(8, NEWER), pull(7), pull(6, state="closed")]
    assert find_audience(pulls, SHA) == Audience((pulls[0], pulls[2]))


def test_a_pull_request_that_ended_before_the_verdict_has_a_state() -> None:
    """GitHub calls both states closed; only a merged one has a time of the merge."""
    merged = find_audience([pull(7, state="closed", merged_at="2026-01-01T00:00:00Z")], SHA)
    assert (merged.pulls, merged.state) == ((), "merged")
    assert merged.reason == "pull request #7 was merged before the verdict"
    assert find_audience([pull(7, state="closed")], SHA).state == "closed"


def test_an_older_commit_and_a_branch_without_a_pull_request_have_a_reason() -> None:
    """The verdict of an older commit stays as it is; a closed pull request of another commit is not meant."""
    newer = find_audience([pull(7, NEWER)], SHA)
    assert (newer.state, "has a newer commit than aaaaaaaaa" in str(newer.reason)) == (None, True)
    for pulls in ([], [pull(7, NEWER, "closed")]):
        none = find_audience(pulls, SHA)
        assert (none.state, none.reason) == (None, "no pull request has aaaaaaaaa as its newest commit")
