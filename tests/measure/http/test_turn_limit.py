import asyncio
from collections import Counter

from bench.measure.http.turn_limit import TURN_S, TurnLimit


class _Clock:
    """A clock that only reading moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now_s


class _Connection:
    """Has slices, each of which takes some time to read."""

    def __init__(self, clock: _Clock, slices: int, slice_s: float) -> None:
        self.clock = clock
        self.slices = slices
        self.slice_s = slice_s
        self.goes_on = 0

    def read_slice(self) -> bool:
        """Read a slice."""
        self.clock.now_s += self.slice_s
        self.slices -= 1
        return self.slices > 0

    def go_on_reading(self) -> None:
        """Note the call."""
        self.goes_on += 1


def test_reading_stops_when_the_time_of_a_turn_is_used_up() -> None:
    """In each turn, the loop reads for at most the limit and one slice; all connections get their share."""

    async def work() -> tuple[list[float], list[_Connection]]:
        clock = _Clock()
        limit = TurnLimit(clock)
        connections = [_Connection(clock, 100, TURN_S / 4) for _ in range(5)]
        for connection in connections:
            limit.wait(connection)
        turns_s = []
        while any(connection.slices for connection in connections):
            began_s = clock.now_s
            await asyncio.sleep(0)
            turns_s.append(clock.now_s - began_s)
        return turns_s, connections

    turns_s, connections = asyncio.run(work())
    assert max(turns_s) <= TURN_S * 1.3
    assert Counter(connection.goes_on for connection in connections) == {1: 5}


def test_the_next_turn_has_time_again() -> None:
    """A turn that was used up lets new bytes wait, until the loop had its timers and its other sockets."""

    async def work() -> list[bool]:
        clock = _Clock()
        limit = TurnLimit(clock)
        states = [limit.is_over]
        limit.read_slices(_Connection(clock, 1, 2 * TURN_S))
        states.append(limit.is_over)
        await asyncio.sleep(0)
        return [*states, limit.is_over]

    assert asyncio.run(work()) == [False, True, False]
