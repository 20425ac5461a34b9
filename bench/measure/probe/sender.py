"""Sends the requests of probes: one connection each, no redirects, and never more than the limits permit."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import httpx

from bench.core.probe.chat_call import ChatCall
from bench.core.probe.exchange import Exchange, ProbeAnswer, ProbeRequest, show_text

_LONG_WAIT_S = 2.0
_MAX_CHARACTERS = 65_536
"""Characters of an answer that are kept; the rest is read and dropped."""


class ProbeLimitError(Exception):
    """A limit on the requests or on the time was reached, so a request was not sent."""


@dataclass(frozen=True, slots=True)
class ProbeLimits:
    """Limits on all probes together."""

    requests: int = 400
    """Largest number of requests."""
    time_s: float = 300.0
    """Longest time."""
    answer_s: float = 30.0
    """Longest time for one answer."""


class Sender:
    """Sends requests and keeps all exchanges.

    Args:
        client: The HTTP client.
        url: Address of the service.
        call: The chat, whose headers each request has.
        limits: Limits on all requests.
        on_note: Receives a line about a long wait.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        call: ChatCall,
        limits: ProbeLimits,
        on_note: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.exchanges: list[Exchange] = []
        self.requests = 0
        self.secrets: list[str] = []
        """Keys that no report contains."""
        self._client = client
        self._url = url.rstrip("/")
        self._call = call
        self._limits = limits
        self._on_note = on_note
        self._start_s = time.monotonic()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._start_s

    @property
    def left_s(self) -> float:
        """Seconds until the time limit."""
        return max(0.0, self._limits.time_s - self.elapsed_s)

    async def wait(self, seconds: float, reason: str) -> None:
        """Wait between two requests, and report a long wait."""
        if seconds > _LONG_WAIT_S:
            self._on_note(f"waiting {seconds:.0f} s for {reason}")
        await asyncio.sleep(seconds)

    async def send(
        self, request: ProbeRequest, token: str | None = None, user: str | None = None
    ) -> Exchange:
        """Send a request, read its answer and keep both.

        Args:
            request: The request.
            token: Its token; `None` without one.
            user: Id of the token's user.

        Raises:
            ProbeLimitError: A limit was reached.
        """
        sent_s = time.monotonic()
        timeout_s = min(self._limits.answer_s, self.left_s)
        try:
            async with asyncio.timeout(timeout_s), self._open(request, token) as response:
                text = await _read(response)
                headers = tuple((name.lower(), value) for name, value in response.headers.multi_items())
            secrets = [*self.secrets, *filter(None, [token])]
            answer = ProbeAnswer(response.status_code, headers, text, show_text(text, secrets))
        except (TimeoutError, httpx.TimeoutException):
            answer = ProbeAnswer(None, problem=f"nothing within {timeout_s:.0f} s", is_late=True)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            answer = ProbeAnswer(None, problem=f"{type(error).__name__}: {error}".removesuffix(": "))
        answer = replace(answer, sent_s=sent_s, ended_s=time.monotonic())
        exchange = Exchange(request, answer, token, user)
        self.exchanges.append(exchange)
        return exchange

    @asynccontextmanager
    async def stream(
        self, request: ProbeRequest, token: str | None = None, user: str | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Send a request and yield the parts of its answer; the end of the block cancels it.

        Raises:
            ProbeLimitError: A limit was reached.
            httpx.HTTPError: The service does not answer.
        """
        async with self._open(request, token) as response:
            answer = ProbeAnswer(response.status_code)
            self.exchanges.append(Exchange(request, answer, token, user, was_cancelled=True))
            yield response.aiter_raw()

    @asynccontextmanager
    async def _open(self, request: ProbeRequest, token: str | None) -> AsyncIterator[httpx.Response]:
        if self.requests >= self._limits.requests:
            raise ProbeLimitError(f"not sent: the limit of {self._limits.requests} requests (--max-requests)")
        if self.left_s <= 0:
            raise ProbeLimitError(f"not sent: the limit of {self._limits.time_s:g} s (--max-time)")
        self.requests += 1
        # A kept connection may be closed by the service at the moment of the next request.
        headers = {**self._call.headers, **request.headers, "connection": "close"}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        url = self._url + request.path
        async with self._client.stream(
            request.method, url, content=request.body, headers=headers, timeout=self._limits.answer_s
        ) as response:
            yield response


async def _read(response: httpx.Response) -> str:
    """Return the start of the body, and read all of it."""
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part[: max(0, _MAX_CHARACTERS - len(content))]
    return content.decode(errors="replace")
