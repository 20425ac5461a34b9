"""Every way a command can end, and the exceptions that say why.

```
BenchError            a failed run, never a failed request (that is data)
├── ConfigError       2  a scenario, option or file of the user's is wrong
├── TargetError       4  the stack under test is not there, or refuses us
├── MeasurementError  5  the measurement itself could not be made or believed
├── StoreError        5  a result or baseline could not be read or written
└── PublishError      6  the verdict could not be published
```
"""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `bench`; docs/reference/exit-codes.md is written from this table."""

    PASS = 0
    """No regression was found, or the command did its work."""
    REGRESSION = 1
    """A metric regressed or vanished, a threshold was crossed, or a metric drifted. Read the report."""
    USAGE = 2
    """An option, a file or an environment variable is wrong. The message names it and suggests a fix."""
    INCONCLUSIVE = 3
    """The result is inconclusive and you passed `--strict`. Measure again, or use `bench ab`."""
    TARGET = 4
    """The stack did not start, stopped, or refused the test user; or a health check failed."""
    MEASUREMENT = 5
    """The run is invalid or could not be stored. The reason is in the report or the message."""
    PUBLISH = 6
    """The verdict could not be published to GitHub. The result itself is stored."""
    BUG = 70
    """`bench` has a bug. Please report the printed lines."""
    INTERRUPTED = 130
    """You pressed Ctrl-C, or the process received SIGTERM. Measured requests are stored."""


class BenchError(Exception):
    """A run that failed: what is wrong and where, and what to do about it.

    Attributes:
        message: One sentence that names the place.
        hint: What the reader can do next; None when there is nothing to suggest.
    """

    exit_code = Exit.BUG

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigError(BenchError):
    """Something the user wrote is wrong: a scenario, an option, an environment variable."""

    exit_code = Exit.USAGE


class TargetError(BenchError):
    """The stack under test did not start, stopped, or refused the test user."""

    exit_code = Exit.TARGET


class MeasurementError(BenchError):
    """The measurement could not be made, or cannot be believed."""

    exit_code = Exit.MEASUREMENT


class StoreError(BenchError):
    """A file of ours could not be read or written."""

    exit_code = Exit.MEASUREMENT


class PublishError(BenchError):
    """The verdict could not be published."""

    exit_code = Exit.PUBLISH
