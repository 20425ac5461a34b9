"""The exit code of a verdict."""

from typing import assert_never

from bench.core.verdict.compare import Decision
from bench.errors import Exit


def exit_code(decision: Decision, *, strict: bool) -> Exit:
    """Return the exit code of a verdict: 0 only for a run that was measured and is not worse.

    Args:
        decision: The verdict.
        strict: An inconclusive result is a failure: it exits with 1 instead of 3.
    """
    match decision:
        case Decision.PASS:
            return Exit.PASS
        case Decision.FAIL:
            return Exit.REGRESSION
        case Decision.INCONCLUSIVE:
            return Exit.REGRESSION if strict else Exit.INCONCLUSIVE
        case Decision.INVALID:
            return Exit.MEASUREMENT
        case _:
            assert_never(decision)
