"""Cancel a stream and watch whether the service frees its slot."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from bench.core.config.promises import PromisedCancellation
from bench.core.probe.exchange import ProbeRequest, TokenKind
from bench.core.probe.observed import CancelObservation
from bench.errors import TargetError
from bench.measure.probe.sender import Sender
from bench.measure.probe.subject import ProbeUser
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.watch.gauges import GaugeReader

_POLL_S = 0.05
"""Time between two readings of the gauge."""


class SlotGauge:
    """The gauge of the running requests.

    Args:
        running: The stack.
        promise: The service and the name of the gauge.
        client: The HTTP client.
    """

    def __init__(
        self, running: RunningStack, promise: PromisedCancellation, client: httpx.AsyncClient
    ) -> None:
        readings = running.stack.gauges[promise.service]
        url = running.url(promise.service)
        self._reader = GaugeReader(promise.service, url, readings, client, lambda _: None)
        self._name = promise.gauge

    async def read(self) -> float | None:
        """Return the value; `None` if it cannot be read."""
        try:
            samples = await self._reader.read(0.0)
        except TargetError:
            return None
        values = [sample.value for sample in samples if sample.name == self._name]
        return values[0] if values else None


async def observe_cancelled(
    request: ProbeRequest, gauge: SlotGauge, sender: Sender, user: ProbeUser, timeout_s: float
) -> CancelObservation:
    """Stream two answers to the same message, cancel the younger one, and watch the gauge.

    The older stream ends first, so it is the clock: no time of a slow machine decides.

    Args:
        request: A request with a long answer.
        gauge: The gauge.
        sender: Sends the requests.
        user: The test user.
        timeout_s: Longest time for the older stream.

    Raises:
        ProbeLimitError: A limit was reached.
    """
    token = user.token(TokenKind.VALID)
    before = await gauge.read()
    try:
        async with asyncio.timeout(timeout_s), sender.stream(request, token, user.id) as older:
            await anext(older)
            rest = asyncio.create_task(_read_all(older))
            try:
                async with sender.stream(request, token, user.id) as younger:
                    await anext(younger)
                    during = await gauge.read()
                return await _watch(gauge, before, during, rest)
            finally:
                rest.cancel()
                await asyncio.gather(rest, return_exceptions=True)
    except StopAsyncIteration:
        return CancelObservation(problem="the service sent no part of an answer")
    except (httpx.HTTPError, TimeoutError) as error:
        return CancelObservation(problem=f"the service did not stream: {type(error).__name__}")


async def _watch(
    gauge: SlotGauge, before: float | None, during: float | None, older: "asyncio.Task[None]"
) -> CancelObservation:
    """Read the gauge until it falls, or until the older stream ends."""
    after = during
    while not older.done() and before is not None and during is not None:
        after = await gauge.read()
        if after is not None and after < during and not older.done():
            return CancelObservation(before, during, after, is_freed=True)
        await asyncio.sleep(_POLL_S)
    return CancelObservation(before, during, after)


async def _read_all(parts: AsyncIterator[bytes]) -> None:
    async for _ in parts:
        pass
