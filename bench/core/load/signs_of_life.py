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
A_GENERATOR = "a load generator"
"""The name of a load generator of this machine; those of other machines have names of their own."""


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
        numbers: Numbers of the processes.
    """

    def __init__(self, numbers: Iterable[int]) -> None:
        self._checks = dict.fromkeys(numbers, LONGEST_SILENCE - LONGEST_START)

    def note(self, number: int) -> None:
        """Note a sign of life."""
        self._checks[number] = 0

    def remove(self, number: int) -> None:
        """Forget a process that ended."""
        self._checks.pop(number, None)

    def check(self) -> list[int]:
        """Count one more check; return the processes that are lost."""
        for number in self._checks:
            self._checks[number] += 1
        return [number for number, checks in self._checks.items() if checks >= LONGEST_SILENCE]


def describe_silence(name: str = A_GENERATOR) -> str:
    """Return a sentence about a load generator that was ended because it was silent."""
    shortest_s = LONGEST_SILENCE * CHECK_S
    return f"{name} gave no sign of life for at least {shortest_s:.0f} s, and was ended"


def describe_loss(
    exit_code: int | None, *, is_out_of_memory: bool = False, detail: str = "", name: str = A_GENERATOR
) -> str:
    """Return a sentence about a load generator that ended before its load did.

    Args:
        exit_code: Its exit code; negative for the number of a signal, `None` if its machine is out of reach.
        is_out_of_memory: Whether the kernel ended processes meanwhile, because memory ran out.
        detail: Its last line, or the error of the connection; empty if it is unknown.
        name: The name of the load generator.
    """
    if exit_code is None:
        return f"the connection to {name} ended: {detail or 'its machine closed it'}"
    if exit_code >= 0:
        return f"{name} ended with exit code {exit_code}; {detail or 'see its error message above'}"
    signal_name = _signal_name(-exit_code)
    if is_out_of_memory and signal_name == signal.SIGKILL.name:
        return f"the kernel ended {name} ({signal_name}): out of memory"
    return f"{name} was ended by the signal {signal_name}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return str(number)
