"""Lines about a wait, so that a terminal shows what `bench` waits for."""

from bench.core.values.escape import one_line

_SILENT_S = 1.0  # a service that starts quickly needs no line
_REPEAT_S = 10.0


class WaitNotes:
    """Decides when a wait gets a line: after a second, for each new reason, and every ten seconds.

    Args:
        name: Service that is waited for.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._reason: str | None = None
        self._next_s = _SILENT_S

    def line(self, waited_s: float, reason: str) -> str | None:
        """Return a line about a wait; `None` if none is due.

        Args:
            waited_s: Seconds since the wait began.
            reason: Why the service is not ready, such as `404`.
        """
        is_new = reason != self._reason and waited_s >= _SILENT_S
        if not is_new and waited_s < self._next_s:
            return None
        self._reason = reason
        self._next_s = waited_s + _REPEAT_S
        return f"waiting for {self._name}: {one_line(reason)} ({waited_s:.0f} s)"
