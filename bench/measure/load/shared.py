"""What all VUs of a load generator share."""

from dataclasses import dataclass, field

from bench.core.load.retry_budget import RetryBudget
from bench.core.response.remarks import Remarks
from bench.measure.http.turn_limit import TurnLimit
from bench.measure.load.deadlines import Deadlines
from bench.measure.load.retry_room import RetryRoom
from bench.timing.pacing import LoopTimer


@dataclass(slots=True)
class Shared:
    """What all VUs of a load generator share."""

    remarks: Remarks = field(default_factory=Remarks)
    """Counts observations about answers."""
    deadlines: Deadlines = field(default_factory=Deadlines)
    """Checks the requests in progress."""
    turn: TurnLimit = field(default_factory=TurnLimit)
    """Limits the time of reading in one turn of the loop."""
    trace_prefix: bytes | None = None
    """Beginning of the trace ids of the requests; `None` to send no `traceparent`."""
    retry_room: RetryRoom = field(default_factory=lambda: RetryRoom(RetryBudget(), 0, LoopTimer()))
    """Budget and timer of retries."""
