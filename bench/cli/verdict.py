"""The exit code of a verdict."""

from typing import assert_never

from bench.core.verdict.compare import Decision
from bench.errors import Exit


def exit_code(decision: Decision, *, strict: bool) -> Exit:
    """Return the exit code of a verdict.

    Args:
        decision: The verdict.
        strict: An inconclusive result exits with 3 instead of 0.
    """
    match decision:
        case Decision.PASS:
            return Exit.PASS
        case Decision.FAIL:
            return Exit.REGRESSION
        case Decision.INCONCLUSIVE:
            return Exit.INCONCLUSIVE if strict else Exit.PASS
        case Decision.INVALID:
            return Exit.MEASUREMENT
        case _:
            assert_never(decision)
