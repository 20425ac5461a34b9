"""Sends requests with a `ChatClient`, as the engine does in a run."""

from bench.core.load.arrival import Arrival
from bench.core.samples.request import RequestSample
from bench.measure.load.chat_client import ChatClient

GREETING = Arrival(phase=0, vu=0, iteration=0, prompt="greeting")


async def send(client: ChatClient, arrival: Arrival = GREETING) -> RequestSample:
    """Send a request and return its sample. The run began at 0, so its times are those of the clock."""
    sample, _ = await client.send(arrival, scheduled_s=0.0, origin_s=0.0)
    return sample
