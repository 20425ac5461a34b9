"""Executes a plan whose arrivals are iterations of journeys."""

from typing import Protocol

from bench.core.load.arrival import Arrival
from bench.core.samples.request import RequestSample
from bench.measure.load.attempt import Sender
from bench.measure.load.engine import Loops, Participant, VirtualUser


class JourneyUser(Participant, Protocol):
    """A VU that does several requests in each iteration."""

    async def iterate(self, iteration: Arrival, due_s: float, end_s: float, sender: Sender) -> float:
        """Do an iteration; return when the VU is free again. All times are on the pacer's clock.

        Args:
            iteration: The iteration.
            due_s: Its planned time.
            end_s: Time after which the VU begins no step but those that clean up.
            sender: Sends and records the requests.
        """
        ...


class JourneyEngine(Loops[JourneyUser]):
    """Executes a plan whose arrivals are iterations of journeys. It is the `Sender` of their requests."""

    async def send(self, vu: VirtualUser, arrival: Arrival, due_s: float) -> RequestSample:
        """Send a request that is due at this time of the pacer's clock, and record its sample."""
        return await self._send(vu, arrival, due_s)

    def end_of(self, sample: RequestSample) -> float:
        """Return when the exchange of a request ended, on the pacer's clock."""
        return self._end_of(sample)

    async def sleep_until(self, at_s: float) -> None:
        """Wait until a time of the pacer's clock."""
        await self._pacer.sleep_until(at_s)

    def now_s(self) -> float:
        """Return the time of the pacer's clock."""
        return self._pacer.now_s()

    async def _act(self, vu: JourneyUser, arrival: Arrival, due_s: float, end_s: float, /) -> float:
        return await vu.iterate(arrival, due_s, end_s, self)

    def _open_arms(self, number: int) -> list[JourneyUser]:
        return [self._open_vu(self._plan.user_number(number), self._plan.part_of(number))]

    def _another_vu(self, arrival: Arrival) -> JourneyUser:
        """Return a new user, whose number no user of this or another share has."""
        part = arrival.part
        own, shares = self._plan.share
        number = self._plan.first_free_user(part) + own + shares * self._more_users[part]
        self._more_users[part] += 1
        vu = self._open_vu(number, part)
        self._other_vus.append(vu)
        return vu
