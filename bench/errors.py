"""The exit codes of `bench`, and the exceptions that lead to them.

```
BenchError            a run that failed (a failed request is data, not an exception)
├── ConfigError       2  an option, a file or an environment variable is wrong
├── TargetError       4  the stack did not start, stopped, or refused the test user
│   └── BaseUnavailableError  the same of the version that a comparison starts from
├── MeasurementError  5  the run could not be measured, or is invalid
├── StoreError        5  a result, baseline or history could not be read or written
└── PublishError      6  the verdict could not be published
```
"""

from collections.abc import Sequence
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of `bench`; docs/reference/exit-codes.md is written from this table."""

    PASS = 0
    """The run was measured and is not worse, or the command did its work."""
    REGRESSION = 1
    """A metric is worse, drifted or vanished, a threshold was crossed, `bench probe` has a finding, or a
    claim of an experiment is refuted. With `--strict`, also an inconclusive result. Read the report."""
    USAGE = 2
    """An option, a file or an environment variable is wrong. The message names it and suggests a fix."""
    INCONCLUSIVE = 3
    """The result is inconclusive: `bench` cannot tell, for example because there is no baseline. Measure
    again, or use `bench ab`. Or `bench probe` could not probe a promise."""
    TARGET = 4
    """The stack did not start, stopped, or refused the test user; a health check failed; or `bench doctor`
    did not read an answer."""
    MEASUREMENT = 5
    """The run is invalid, or a file or the output could not be read or written. The report or the message
    has the reason."""
    PUBLISH = 6
    """The verdict could not be published to GitHub. The result itself is stored."""
    BUG = 70
    """`bench` has a bug. Please report the printed lines."""
    INTERRUPTED = 130
    """You pressed Ctrl-C, or the process received SIGTERM, SIGHUP or SIGQUIT, or `bench recover` finished a
    run that was killed. Measured requests are stored, and the last line has the next step."""
    CLOSED_PIPE = 141
    """The program that reads the output ended first, such as `head`."""


class BenchError(Exception):
    """A failed command."""

    exit_code = Exit.BUG
    """Exit code of the command."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        """The problem and its place, in one sentence per problem."""
        self.hint = hint
        """The next step for the reader; None if there is no general one."""


class ConfigError(BenchError):
    """An option, a file or an environment variable is wrong."""

    exit_code = Exit.USAGE

    @classmethod
    def of_all(cls, errors: "Sequence[ConfigError]") -> "ConfigError":
        """Return one error for several, each line once; the hint of each error follows its message."""
        if len(errors) == 1:
            return errors[0]
        lines: dict[str, None] = {}
        for error in errors:
            hint = f" ({error.hint})" if error.hint else ""
            lines |= dict.fromkeys(f"{error.message}{hint}".splitlines())
        return cls("\n".join(lines))


class TargetError(BenchError):
    """The stack did not start, stopped, or refused the test user."""

    exit_code = Exit.TARGET

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        service: str | None = None,
        service_exit_code: int | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.service = service
        """The service that failed; None if it is unknown."""
        self.service_exit_code = service_exit_code
        """Exit code of the service; None if it is unknown, or if the service still runs."""


class BaseUnavailableError(TargetError):
    """The version that a comparison starts from cannot be built, did not start, or stopped.

    The other version may be fine, so a baseline can still judge it.
    """


class MeasurementError(BenchError):
    """The run could not be measured, or is invalid."""

    exit_code = Exit.MEASUREMENT


class StoreError(BenchError):
    """A result, baseline or history could not be read or written."""

    exit_code = Exit.MEASUREMENT


class PublishError(BenchError):
    """The verdict could not be published."""

    exit_code = Exit.PUBLISH
