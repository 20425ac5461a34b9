import pytest

from bench.errors import (
    BenchError,
    ConfigError,
    Exit,
    MeasurementError,
    PublishError,
    StoreError,
    TargetError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BenchError, Exit.BUG),
        (ConfigError, Exit.USAGE),
        (TargetError, Exit.TARGET),
        (MeasurementError, Exit.MEASUREMENT),
        (StoreError, Exit.MEASUREMENT),
        (PublishError, Exit.PUBLISH),
    ],
)
def test_each_failure_ends_with_its_own_code(error: type[BenchError], code: Exit) -> None:
    """The kind of the failure decides the exit code."""
    assert error("it failed").exit_code is code


@pytest.mark.parametrize("hint", [None, "try again"])
def test_an_error_has_a_message_and_a_hint(hint: str | None) -> None:
    """`str()` returns the message; the hint is separate and optional."""
    error = ConfigError("the file is wrong", hint)
    assert str(error) == error.message == "the file is wrong"
    assert error.hint == hint


def test_exit_codes_are_those_that_are_documented() -> None:
    """Scripts rely on the codes, so they are fixed; only 1 means a regression."""
    assert {code.name: code.value for code in Exit} == {
        "PASS": 0,
        "REGRESSION": 1,
        "USAGE": 2,
        "INCONCLUSIVE": 3,
        "TARGET": 4,
        "MEASUREMENT": 5,
        "PUBLISH": 6,
        "BUG": 70,
        "INTERRUPTED": 130,
        "CLOSED_PIPE": 141,
    }
