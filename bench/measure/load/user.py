"""The user that a turn in Python gets: its client, its values, and the marks that it sets."""

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import httpx

from bench.core.tiers.trace_ids import RequestKey, traceparent
from bench.measure.http.httpx_transport import Transport
from bench.measure.load.turn_recorder import TurnRecorder
from bench.measure.load.turn_request import TurnRequest


class User:
    """A user of a load, for a turn in Python.

    A scenario names the file of a turn. Each VU calls its function once per iteration:

        import bench

        async def turn(user: bench.User) -> `None`:
            async with user.step("ask"):
                response = await user.client.post("/chat", json={"message": "Hello"})
                user.check("answer" in response.json(), "the response has an answer")

    Attributes:
        number: Number of the user, from 0; no two users of a run have the same.
        iteration: Number of the iteration, from 0.
        client: An `httpx.AsyncClient` whose base URL is the service of the scenario. Each of its requests is
            measured by the clocks of the load, and becomes a request of the run.
        row: Row of the scenario's data for this iteration; empty without data.
        random: Random numbers that are the same in each run with the same seed.
        saved: Values that the user keeps for its next iterations, such as a token.
        urls: Address of each service, by its name.
    """

    def __init__(
        self, number: int, client: httpx.AsyncClient, urls: Mapping[str, str], recorder: TurnRecorder
    ) -> None:
        self.number = number
        self.client = client
        self.urls = urls
        self.iteration = 0
        self.row: Mapping[str, Any] = {}
        self.random = Random(number)
        self.saved: dict[str, Any] = {}
        self._recorder = recorder

    @asynccontextmanager
    async def step(self, name: str, status: int | Sequence[int] = ()) -> AsyncIterator[None]:
        """Name the requests of a block. Without a step, a request has its method and path as its name.

        Args:
            name: Name of the step in results.
            status: Status or statuses that the step expects; default: all below 400.
        """
        accepted: Collection[int] = (status,) if isinstance(status, int) else tuple(status)
        outer = self._recorder.step
        step = self._recorder.enter_step(name, accepted)
        error: BaseException | None = None
        try:
            yield
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._recorder.leave_step(step, outer, error)

    def check(self, condition: object, words: str) -> bool:
        """Check the newest response; if the condition does not hold, its request has failed.

        Args:
            condition: The condition that must be true.
            words: The expectation in words, such as `the answer names a form`.

        Returns:
            Whether the condition holds.
        """
        if not condition:
            self._recorder.reject(f"check failed: {words}")
        return bool(condition)

    def token(self, count: int = 1) -> None:
        """Mark output tokens in the newest part of the response; they have the time of this part."""
        newest = self._recorder.newest
        if newest is not None:
            newest.mark_tokens(count)

    def milestone(self, name: str) -> None:
        """Mark a milestone in the newest part of the response; it becomes the metric `milestone.NAME_ms`."""
        newest = self._recorder.newest
        if newest is not None:
            newest.mark_milestone(name)

    async def pause(self, shortest_s: float, longest_s: float | None = None) -> None:
        """Wait, as a person does between two actions.

        Args:
            shortest_s: Shortest pause in seconds.
            longest_s: Longest pause in seconds; default: the shortest.
        """
        delay_s = self.random.uniform(shortest_s, shortest_s if longest_s is None else longest_s)
        await self._recorder.sleep(delay_s)


class TurnTransport(httpx.AsyncBaseTransport):
    """The project's timed transport for the client of a user.

    Args:
        transport: Sends the requests.
        recorder: Records them.
        timeout_s: Longest time for one request.
        trace_prefix: Beginning of their trace ids; `None` to send no `traceparent`.
    """

    def __init__(
        self,
        transport: Transport,
        recorder: TurnRecorder,
        timeout_s: float,
        trace_prefix: bytes | None = None,
    ) -> None:
        self._transport = transport
        self._recorder = recorder
        self._timeout_s = timeout_s
        self._trace_prefix = trace_prefix

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return its response, whose body is not read yet."""
        measured = self._recorder.begin_request(request)
        if self._trace_prefix is not None:
            arrival = measured.arrival
            key = RequestKey(arrival.phase, arrival.vu, arrival.iteration, arrival.arm)
            name, _, value = traceparent(self._trace_prefix, key).decode().partition(": ")
            request.headers[name] = value.strip()
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.TransportError as error:
            measured.fail(error)
            raise
        except BaseException:
            measured.cancel()
            raise
        measured.begin_answer(response)
        stream = response.stream
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - the transport's own stream
        response.stream = _MeasuredStream(stream, measured, self._timeout_s)
        return response

    async def aclose(self) -> None:
        """Close all connections."""
        await self._transport.aclose()


class _MeasuredStream(httpx.AsyncByteStream):
    """The body of a response, whose parts are noted while the turn reads them."""

    def __init__(self, stream: httpx.AsyncByteStream, request: TurnRequest, timeout_s: float) -> None:
        self._stream = stream
        self._request = request
        self._timeout_s = timeout_s

    async def __aiter__(self) -> AsyncIterator[bytes]:
        request = self._request
        try:
            async for part in self._stream:
                request.take_part(part)
                if time.monotonic() - request.planned_s > self._timeout_s:
                    raise httpx.ReadTimeout(f"no complete response within {self._timeout_s:g} s")
                yield part
        except httpx.TransportError as error:
            request.fail(error)
            raise
        except asyncio.CancelledError:
            request.cancel()
            raise
        request.end()

    async def aclose(self) -> None:
        """Close the connection, unless the response is complete."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            self._request.cancel()
        self._request.end()
        await self._stream.aclose()
