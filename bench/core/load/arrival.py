"""One request or iteration of a plan, and the random choices for it. Each choice has a seed of its own."""

from random import Random
from typing import NamedTuple

from bench.core.config.executors import ClosedLoop, OpenLoop


class Arrival(NamedTuple):
    """One request to send, or one iteration of a journey."""

    phase: int
    """Index of the phase."""
    vu: int
    """Number of the VU, from 0; in an open loop the number of the request."""
    iteration: int
    """Number of the VU's request in the phase, from 0."""
    prompt: str
    """Id of the message."""
    step: int = 0
    """Position in a conversation, from 0."""
    arm: int = 0
    """0 for the scenario's target, 1 for the target that it is compared with."""
    think_time_s: float = 0.0
    """Closed loop: pause after the VU's previous answer, in seconds; 0 for the first request."""
    offset_s: float = 0.0
    """Open loop: time at which the request is due, in seconds from the start of the phase."""
    cancel_after_s: float | None = None
    """Time after which the VU cancels the request, in seconds; None for never."""
    journey_step: str | None = None
    """Name of the journey's step; None in a scenario without steps."""
    part: int = 0
    """Number of the scenario in a mix; 0 without one."""

    @property
    def label(self) -> str:
        """Name of the message in results: its id, and in a conversation its position after the first."""
        return f"{self.prompt}.{self.step + 1}" if self.step else self.prompt


def draw_think_time_s(range_s: tuple[float, float], seed: str, number: int) -> float:
    """Return the pause before a VU's message of a number, from a range of seconds.

    Args:
        range_s: Shortest and longest pause.
        seed: Seed of the VU.
        number: Number of the message.
    """
    shortest_s, longest_s = range_s
    if shortest_s == longest_s:  # seeding takes ten microseconds
        return shortest_s
    return Random(f"{seed}:{number}").uniform(shortest_s, longest_s)


def draw_cancellation_s(load: ClosedLoop | OpenLoop, cancels: Random | None) -> float | None:
    """Return after how many seconds the VU cancels a request; None for never."""
    if cancels is None or cancels.random() >= load.cancel_ratio:
        return None
    return cancels.uniform(*load.cancel_after_s)
