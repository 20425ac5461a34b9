"""How a measurement ended that has no verdict: the word, and the sentence for people."""

from enum import StrEnum

from bench.core.report.words import Tone, Word


class Ending(StrEnum):
    """The end of a measurement without a verdict. Each value is GitHub's word for it."""

    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    STARTUP_FAILURE = "startup_failure"
    ACTION_REQUIRED = "action_required"
    STALE = "stale"
    NEUTRAL = "neutral"
    FAILURE = "failure"
    """The workflow run failed before it had a verdict."""


ENDINGS = {
    Ending.SKIPPED: Word("Skipped", Tone.QUIET),
    Ending.CANCELLED: Word("Cancelled", Tone.QUIET),
    Ending.TIMED_OUT: Word("Timed out", Tone.INVALID),
    Ending.STARTUP_FAILURE: Word("Not started", Tone.INVALID),
    Ending.ACTION_REQUIRED: Word("Waiting for approval", Tone.QUIET),
    Ending.STALE: Word("Not finished", Tone.INVALID),
    Ending.NEUTRAL: Word("Neutral", Tone.QUIET),
    Ending.FAILURE: Word("Not measured", Tone.INVALID),
}
"""The first word of the comment and of the check."""
_REASONS = {
    Ending.SKIPPED: "the workflow skipped the measurement",
    Ending.CANCELLED: "the workflow run was cancelled before it had a verdict",
    Ending.TIMED_OUT: "the workflow run exceeded its time limit",
    Ending.STARTUP_FAILURE: "GitHub could not start the workflow run; its file may be invalid",
    Ending.ACTION_REQUIRED: "a maintainer must approve the workflow run",
    Ending.STALE: "the workflow run did not end within 14 days",
    Ending.NEUTRAL: "the workflow run ended with the conclusion neutral",
    Ending.FAILURE: "the workflow run ended without a verdict",
}


def describe_ending(ending: Ending, reason: str | None = None) -> str:
    """Return the sentence about an end without a verdict: `Skipped: the label bench:skip is set.`.

    Args:
        ending: The end.
        reason: Why, without a full stop; default: a general reason.
    """
    return f"{ENDINGS[ending].text}: {reason or _REASONS[ending]}."
