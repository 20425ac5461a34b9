"""Finds load generators that do not run: paused ones, and ones that are silent for too long."""

import signal
from collections.abc import Iterable

from bench.core.samples.sample import Stall

PULSE_S = 0.5
"""Time between two signs of life of a load generator."""
SHORTEST_PAUSE_S = 2.0
"""A load generator that did not run for this long makes the run invalid."""
CHECK_S = 1.0
"""Time between two checks for silent load generators."""
LONGEST_SILENCE = 15
"""Number of checks in a row without a sign of life after which a load generator is lost."""
LONGEST_START = 120
"""The same before the first sign of life: a new process first loads its modules, slowly on a busy machine."""


class Pulse:
    """Finds the pauses of one process, from its own clocks at regular beats.

    Args:
        at_s: Time of the run's clock.
        real_s: Time of a clock that also counts while the machine sleeps.
    """

    def __init__(self, at_s: float, real_s: float) -> None:
        self._at_s = at_s
        self._real_s = real_s

    def beat(self, at_s: float, real_s: float) -> Stall | None:
        """Note a beat; return the pause since the previous one, if it was too long."""
        pause = Stall(at_s=self._at_s, length_s=max(at_s - self._at_s, real_s - self._real_s))
        self._at_s = at_s
        self._real_s = real_s
        return pause if pause.length_s >= SHORTEST_PAUSE_S else None


class Silence:
    """Counts for how many checks each process was silent.

    It counts checks instead of seconds: a machine that slept, or a watching process that was paused, must not
    make the others look silent.

    Args:
        pids: Ids of the processes.
    """

    def __init__(self, pids: Iterable[int]) -> None:
        self._checks = dict.fromkeys(pids, LONGEST_SILENCE - LONGEST_START)

    def note(self, pid: int) -> None:
        """Note a sign of life."""
        self._checks[pid] = 0

    def remove(self, pid: int) -> None:
        """Forget a process that ended."""
        self._checks.pop(pid, None)

    def check(self) -> list[int]:
        """Count one more check; return the processes that are lost."""
        for pid in self._checks:
            self._checks[pid] += 1
        return [pid for pid, checks in self._checks.items() if checks >= LONGEST_SILENCE]


def describe_loss(exit_code: int, *, is_stalled: bool, is_out_of_memory: bool) -> str:
    """Return a sentence about a load generator that ended before its load did.

    Args:
        exit_code: Its exit code; negative for the number of a signal.
        is_stalled: Whether `bench` ended it, because it was silent.
        is_out_of_memory: Whether the kernel ended processes meanwhile, because memory ran out.
    """
    if is_stalled:
        shortest_s = LONGEST_SILENCE * CHECK_S
        return f"a load generator gave no sign of life for at least {shortest_s:.0f} s, and was ended"
    if exit_code >= 0:
        return f"a load generator ended with exit code {exit_code}; see its error message above"
    name = _signal_name(-exit_code)
    if is_out_of_memory and name == signal.SIGKILL.name:
        return f"the kernel ended a load generator ({name}): out of memory"
    return f"a load generator was ended by the signal {name}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)
