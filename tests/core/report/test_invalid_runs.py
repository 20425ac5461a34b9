"""What to change after an invalid run."""

import pytest

from bench.core.report.invalid_runs import suggest_cure


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("the load generator was busy: 125 % of a core, 85 % are allowed", "--workers"),
        ("the load generator of worker 'w1' on far was busy: 99 % of a core, 85 % are allowed", "--workers"),
        ("the machine was not quiet: other guests of the machine had 20 % of its processor time", "programs"),
        ("no request was answered", "address"),
        ("a reason that no table knows", "Remove this cause"),
    ],
)
def test_a_known_cause_has_a_cure(reason: str, words: str) -> None:
    """The next step names what to change; only for an unknown cause it stays general."""
    cure = suggest_cure([reason])
    assert words in cure
    assert cure.endswith("measure again.")
