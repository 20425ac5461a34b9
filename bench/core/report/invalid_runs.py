"""What to change after an invalid run, by the reason why it is invalid."""

from collections.abc import Sequence

_LESS_LOAD = (
    "Use fewer VUs, more load processes such as --workers 4, or a larger machine, then measure again."
)
QUIET_MACHINE = "Stop other programs or use a machine that only you use; then measure again."
"""The next step after a run on a machine that other programs used."""
_CURES = {
    "was busy:": _LESS_LOAD,
    "the load generator was late:": _LESS_LOAD,
    "the load generator is slow on this machine:": QUIET_MACHINE,
    "the load generator was paused": QUIET_MACHINE,
    "the machine was not quiet:": QUIET_MACHINE,
    "no request was answered": "Check the address and the logs of the services; then measure again.",
    "the run ended early: service": "Read the log of the service for the cause; then measure again.",
    "the run ended early: interrupted": "Let the run end; then measure again.",
    "the load ended before it": "Set a longer --duration or an earlier fault; then measure again.",
}
"""What to change, by words of the reason."""


def suggest_cure(reasons: Sequence[str], *, is_busy: bool = False) -> str:
    """Return what to change before the next run, for the first reason.

    Args:
        reasons: Why the run is invalid.
        is_busy: Whether other programs used the machine when the run began.
    """
    reason = next(iter(reasons), "")
    for words, cure in _CURES.items():
        if words in reason:
            return QUIET_MACHINE if is_busy and cure == _LESS_LOAD else cure
    return "Remove this cause and measure again."
