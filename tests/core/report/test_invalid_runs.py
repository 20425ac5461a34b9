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
        ("the run ended early: service 'chat' ended with code 9: out of memory", "log of the service"),
        ("the run ended early: interrupted", "Let the run end"),
        ("a reason that no table knows", "Remove this cause"),
    ],
)
def test_a_known_cause_has_a_cure(reason: str, words: str) -> None:
    """The next step names what to change; only for an unknown cause it stays general."""
    cure = suggest_cure([reason])
    assert words in cure
    assert cure.endswith("measure again.")


def test_a_busy_machine_is_not_cured_by_less_load() -> None:
    """If other programs used the machine before the run, they are the cause, and not the number of VUs."""
    late = ["the load generator was late: 95 % of requests were sent up to 82 ms after their planned time"]
    assert "fewer VUs" in suggest_cure(late)
    assert suggest_cure(late, is_busy=True).startswith("Stop other programs")
