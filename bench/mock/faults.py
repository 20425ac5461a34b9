"""The requests that fail: a fixed share of them, in an order without a period."""

from enum import Enum, auto

from bench.mock.behaviour import MockBehaviour

# Multiples of the golden ratio are spread evenly over 0 to 1, so that a short run has the same share.
_GOLDEN = 0.618_033_988_749_894_9
# The seed moves the begin of these multiples.
_PLASTIC = 0.754_877_666_246_692_8
_SEEDS = 10_000


class MockFault(Enum):
    """A fault of one answer."""

    STATUS = auto()
    """An HTTP error instead of an answer."""
    STREAM_ERROR = auto()
    """An error after half of the tokens, in the format of the API."""
    CUT = auto()
    """The end of the connection after half of the tokens."""
    HANG = auto()
    """No further token after half of them, on an open connection."""


def fault_of(behaviour: MockBehaviour, number: int) -> MockFault | None:
    """Return the fault of the request with this number, counted from 0 for each model."""
    position = ((behaviour.seed % _SEEDS) * _PLASTIC + number * _GOLDEN) % 1.0
    shares = (
        (MockFault.STATUS, behaviour.error_ratio),
        (MockFault.STREAM_ERROR, behaviour.stream_error_ratio),
        (MockFault.CUT, behaviour.cut_ratio),
        (MockFault.HANG, behaviour.hang_ratio),
    )
    for fault, share in shares:
        if position < share:
            return fault
        position -= share
    return None
