"""Sends requests with a `ChatClient`, as the engine does in a run."""

import asyncio
from collections.abc import Sequence

from bench.core.load.arrival import Arrival
from bench.core.samples.request import RequestSample
from bench.measure.load.chat_client import ChatClient

GREETING = Arrival(phase=0, vu=0, iteration=0, prompt="greeting")


def begin(client: ChatClient, arrival: Arrival = GREETING) -> "asyncio.Future[RequestSample]":
    """Send a request; its sample follows. The run began at 0, so its times are those of the clock."""
    ended: asyncio.Future[RequestSample] = asyncio.get_running_loop().create_future()

    def on_sample(sample: RequestSample, _: Sequence[float]) -> None:
        ended.set_result(sample)

    client.begin(arrival, 0.0, 0.0, on_sample)
    return ended


async def send(client: ChatClient, arrival: Arrival = GREETING) -> RequestSample:
    """Send a request and return its sample. The run began at 0, so its times are those of the clock."""
    return await begin(client, arrival)
