"""How the reply of an exchange is read, and the functions that an exchange calls."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.measure.http.wire import Reply

MAX_BODY_BYTES = 16 * 1024 * 1024
"""Largest size of a body, by default."""
MAX_HEAD_BYTES = 100 * 1024
"""Largest size of the headers, and of the trailers."""
ONE_EXCHANGE = "a connection carries one exchange at a time"
"""Message of the error of a second exchange at the same time."""
OnBody = Callable[[bytes, float], None]
"""Called with each part of a body and the time at which it was read."""
OnHead = Callable[[Reply], None]
"""Called with the reply when its headers are complete."""
OnEnd = Callable[[BaseException | None], None]
"""Called once when an exchange ends, with the error if its reply is not complete."""
OnFailure = Callable[[BaseException], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How replies are read. Make it once for many exchanges."""

    on_body: OnBody | None = None
    """Gets each part of the body; `None` if the reply gets the body. An exception ends the exchange."""
    on_head: OnHead | None = None
    """Gets the reply when its headers are complete. An exception ends the exchange."""
    max_body: int = MAX_BODY_BYTES
    """Largest size of the body in bytes."""
    is_over: Callable[[], bool] | None = None
    """Returns whether the reply has ended: on a WebSocket, its messages decide that."""

    @property
    def is_whole(self) -> bool:
        """Whether the reply is used only when it is complete."""
        return self.on_body is None and self.on_head is None


NO_READING = Reading()
"""The reading of a connection without an exchange."""
