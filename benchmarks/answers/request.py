"""Sends one request, as a VU does, and returns the sample of its answer."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from bench.core.config.prompts import Prompt
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target
from bench.core.load.arrival import Arrival
from bench.core.samples.request import RequestSample
from bench.measure.http.connection import Connection
from bench.measure.http.httpx_connection import HttpxConnection
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.new_client import new_client
from bench.measure.load.request_client import Exchanger
from bench.measure.load.shared import Shared
from bench.store.scenarios import load_target

TIMEOUT_S = 60.0  # no outcome depends on the speed of the machine
CONNECTIONS: Mapping[str, Callable[[str], Exchanger | None]] = {
    "own": lambda _: None,
    "httpx": HttpxConnection,
}
_ENVIRON = {"OPENAI_API_KEY": "any", "OPENAI_MODEL": "any"}
_GREETING = Arrival(phase=0, vu=0, iteration=0, prompt="greeting")


@dataclass(frozen=True)
class Reading:
    """One answer, as `bench` read it."""

    sample: RequestSample
    """The sample of the request."""
    times_s: Sequence[float]
    """When each piece of text was read."""
    remarks: Sequence[str]
    """Observations about the answer."""


async def request(url: str, target: str, transport: str, expect: Mapping[str, Any]) -> Reading:
    """Send a greeting to a ready-made target.

    Args:
        url: Address of the service.
        target: Name of the target.
        transport: A key of `CONNECTIONS`.
        expect: The expectation of the greeting.
    """
    return await _request(url, load_target(target), transport, expect)


async def request_target(url: str, target: Target, expect: Mapping[str, Any]) -> Reading:
    """Send a greeting to a target, over HTTP or a WebSocket.

    Args:
        url: Address of the service.
        target: The target.
        expect: The expectation of the greeting.
    """
    return await _request(url, target, "own", expect)


async def _request(url: str, target: Target, transport: str, expect: Mapping[str, Any]) -> Reading:
    greeting = Prompt.model_validate({"id": "greeting", "text": "Good morning", "expect": expect})
    spec = RunSpec(scenario=_scenario(), target=target, prompts=(greeting,))
    endpoint = Endpoint.of(spec, url, _ENVIRON)
    shared = Shared()
    client = new_client(
        endpoint,
        None,
        lambda: CONNECTIONS[transport](url) or Connection(endpoint.address),
        endpoint.address,
        shared,
    )
    try:
        sample, times_s = await _send(client)
    finally:
        await client.close()
    return Reading(sample, times_s, shared.remarks.sentences())


async def _send(client: ChatClient) -> tuple[RequestSample, Sequence[float]]:
    ended: asyncio.Future[tuple[RequestSample, Sequence[float]]] = asyncio.get_running_loop().create_future()
    client.begin(_GREETING, 0.0, 0.0, lambda sample, times_s: ended.set_result((sample, times_s)))
    return await ended


@cache
def _scenario() -> Scenario:
    return Scenario.model_validate(
        {
            "name": "one-answer",
            "purpose": "One request.",
            "target": "any",
            "seed": 1,
            "prompts": "none.yaml",
            "phases": [{"executor": "per-vu-iterations", "vus": 1, "iterations": 1}],
            "request_timeout": TIMEOUT_S,
        }
    )
