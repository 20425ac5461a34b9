"""A sliding window over the requests of each user, in this process."""

from collections import OrderedDict, deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Admission:
    """The decision about one request."""

    is_admitted: bool
    remaining: int
    """Number of requests that the user may still send at once."""
    wait_s: float
    """Seconds until the user may send one more request than now."""


class SlidingWindow:
    """Admits at most a number of requests of each user in any period of this length.

    A refused request does not count, so a user who waits as long as told is admitted.

    Args:
        limit: Most requests in a period.
        window_s: Length of the period, in seconds.
    """

    def __init__(self, limit: int, window_s: float) -> None:
        self._limit = limit
        self._window_s = window_s
        # The user whose newest request is the oldest comes first, so idle users are forgotten from the front.
        self._admitted_s: OrderedDict[str, deque[float]] = OrderedDict()

    def admit(self, user: str, now_s: float) -> Admission:
        """Decide whether a request of a user may pass, and count it if it may.

        Args:
            user: Id of the user.
            now_s: Time of the request, on a clock that never goes back.
        """
        self._forget(now_s)
        times_s = self._admitted_s.setdefault(user, deque())
        while times_s and now_s - times_s[0] >= self._window_s:
            times_s.popleft()
        is_admitted = len(times_s) < self._limit
        if is_admitted:
            times_s.append(now_s)
            self._admitted_s.move_to_end(user)
        remaining = self._limit - len(times_s)
        return Admission(is_admitted, remaining, times_s[0] + self._window_s - now_s)

    def __len__(self) -> int:
        """Return the number of users with a request in the window."""
        return len(self._admitted_s)

    def _forget(self, now_s: float) -> None:
        """Forget the users whose newest request has left the window."""
        while self._admitted_s:
            user, times_s = next(iter(self._admitted_s.items()))
            if now_s - times_s[-1] < self._window_s:
                return
            del self._admitted_s[user]
