"""The exchange of a question and its answer with a server behind the backend."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager, aclosing
from dataclasses import dataclass, field
from typing import Any

import httpx

from chatstack.chat.causes import cause_of_error
from chatstack.chat.events import Event, FailedError, Question, Started
from chatstack.timing import Stopwatch
from chatstack.upstream import Upstream

TIMEOUT = 408
UNAVAILABLE = 503
FAILED = 500


@dataclass(frozen=True, slots=True)
class AnsweringServer:
    """A server that answers questions, in its own API."""

    name: str
    """Its name in errors, with an article."""
    upstream: Upstream
    """Its connections."""
    path: str
    """Path of the call."""
    measure_wait: Callable[[Stopwatch], AbstractContextManager[None]]
    """How a stopwatch counts the wait for the response."""
    read_stream: Callable[[httpx.Response], AsyncGenerator[Event, None]]
    """Reads the events of a stream."""
    explain_refusal: Callable[[httpx.Response], FailedError]
    """Returns the failure of a response that is no success."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the requests."""

    async def ask_document(self, body: Mapping[str, Any], question: Question) -> httpx.Response:
        """Return the response to a question, also if it is no success.

        Raises:
            FailedError: There is no response.
        """
        try:
            with self.measure_wait(question.watch):
                async with self.upstream.client() as client:
                    return await client.post(self.path, json=body, headers=self.headers)
        except httpx.HTTPError as error:
            raise self._explain(error) from error

    async def ask_stream(self, body: Mapping[str, Any], question: Question) -> AsyncGenerator[Event, None]:
        """Yield the events of a stream while they arrive.

        Raises:
            FailedError: There is no response, or it is no success, or the stream breaks.
        """
        try:
            async with self.upstream.client() as client:
                request = client.build_request("POST", self.path, json=body, headers=self.headers)
                with self.measure_wait(question.watch):
                    response = await client.send(request, stream=True)
                try:
                    if not response.is_success:
                        raise self.explain_refusal(response)
                    yield Started()
                    async with aclosing(self.read_stream(response)) as events:
                        async for event in events:
                            yield event
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            raise self._explain(error) from error

    def _explain(self, error: httpx.HTTPError) -> FailedError:
        cause = cause_of_error(error)
        match error:
            case httpx.TimeoutException():
                return FailedError(TIMEOUT, f"{self.name} did not answer in time", cause=cause)
            case httpx.ConnectError():
                return FailedError(UNAVAILABLE, f"{self.name} is not available", cause=cause)
            case _:
                return FailedError(FAILED, f"{self.name} broke off", cause=cause)
