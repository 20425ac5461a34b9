import pytest
from pydantic import ValidationError

from bench.core.config.retry import Retry
from tests.factories import make_scenario


def test_retries_are_declared_as_people_write_them() -> None:
    """Durations and shares have their usual forms, and a scenario has no retries unless it declares them."""
    declared = {"attempts": 4, "backoff": "250ms..4s", "honour_retry_after": False, "budget": "20%"}
    retry = make_scenario(retry=declared).retry
    assert retry == Retry(attempts=4, backoff=(0.25, 4.0), honour_retry_after=False, budget=0.2)
    assert make_scenario(retry={}).retry == Retry()
    assert make_scenario().retry is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"attempts": 1},
        {"attempts": 21},
        {"backoff": "4s..1s"},
        {"budget": "0%"},
        {"budget": "much"},
        {"statuses": [200]},
        {"statuses": []},
        {"retries": 3},
    ],
)
def test_wrong_retries_are_refused(wrong: dict[str, object]) -> None:
    """A declaration that cannot be meant is an error of the field."""
    with pytest.raises(ValidationError):
        make_scenario(retry=wrong)


def test_a_turn_in_python_sends_its_own_retries() -> None:
    """The code of a turn decides what it sends, so a declaration would have no effect."""
    with pytest.raises(ValidationError, match="retry"):
        make_scenario(turn="turn.py", service="backend", prompts=None, target=None, retry={})
