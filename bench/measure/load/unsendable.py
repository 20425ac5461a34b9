"""A request that cannot be sent, because a value is missing or cannot stand in its place."""

import asyncio
import time

from bench.core.load.arrival import Arrival
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.measure.load.request_client import OnSample


class Unsendable:
    """Stands for the request in the engine (see `virtual_user.VirtualUser`).

    Args:
        words: The reason.
    """

    def __init__(self, words: str) -> None:
        self._words = words

    async def open(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def post(self, arrival: Arrival) -> None:
        """Do nothing: there is no request."""

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Return the sample of a failed request in the next turn of the loop."""
        sample = RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=scheduled_s,
            finished_s=time.monotonic() - origin_s,
            outcome=Outcome.WRONG_CONTENT,
            detail=f"the request cannot be sent: {self._words}",
            culprit=Culprit.TARGET,
            step=arrival.journey_step,
        )
        asyncio.get_running_loop().call_soon(on_sample, sample, ())

    def cut(self, failure: Failure) -> None:
        """Do nothing: the request ends in the next turn of the loop."""
