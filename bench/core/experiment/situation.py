"""The situations of a stack that a change may help with."""

from enum import StrEnum


class Situation(StrEnum):
    """A situation that a run shows. An experiment names those that its variants may help with."""

    WAITING = "waiting"
    """Requests wait for the model most of the time."""
    PREFILL = "prefill"
    """The model reads the prompt most of the time."""
    DECODE = "decode"
    """The model writes the answer most of the time."""
    LOADING = "loading"
    """The model is loaded during requests."""
    BUSY_SERVICE = "busy-service"
    """A service takes most of the time, and its processor is busy."""
    REFUSED = "refused"
    """Requests are refused because too many arrive."""
    REPEATED = "repeated"
    """Users send equal messages."""
