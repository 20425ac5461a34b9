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
    """What went wrong decides on the exit code."""
    assert error("it failed").exit_code is code


@pytest.mark.parametrize("hint", [None, "try again"])
def test_an_error_says_what_is_wrong_and_what_to_do(hint: str | None) -> None:
    """The message is what str() gives; the hint is separate, and there may be none."""
    error = ConfigError("the file is wrong", hint)
    assert str(error) == error.message == "the file is wrong"
    assert error.hint == hint


def test_exit_codes_are_those_that_are_documented() -> None:
    """Scripts rely on the codes, so they are fixed; 1 says regression and nothing else does."""
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
    }
