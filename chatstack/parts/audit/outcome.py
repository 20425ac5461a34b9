"""The outcomes of chat interactions in the audit log."""

ANSWERED = "answered"
REFUSED = "refused"
FAILED = "failed"
CANCELLED = "cancelled"

_CLIENT_ERRORS = range(400, 500)
_TIMEOUT = 408


def outcome_of(status: int) -> str:
    """Return the outcome of a response that is no answer: a time-out is a failure, other 4xx are refusals."""
    return REFUSED if status in _CLIENT_ERRORS and status != _TIMEOUT else FAILED
