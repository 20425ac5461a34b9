"""Many streams at once: when each token left the mock model, and when it arrived at a client."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import orjson

from bench.timing.pacing import Pacer, event_loop, pacer

_TOKEN = b'"finish_reason":null'
_BUCKET = re.compile(r'bench_mock_write_delay_seconds_bucket\{le="([^"]+)"\} (\d+)')


@dataclass(frozen=True, slots=True)
class StreamLoad:
    """A load of streams.

    Attributes:
        streams: Number of streams at once.
        ttft_s: Seconds to the first token.
        gap_s: Seconds between tokens.
        tokens: Number of tokens of a stream.
        spread_s: Seconds between the first and the last begin of a stream.
    """

    streams: int
    ttft_s: float
    gap_s: float
    tokens: int
    spread_s: float

    @property
    def model(self) -> str:
        """The model name with these times."""
        return f"mock-ttft{self.ttft_s * 1000:g}-gap{self.gap_s * 1000:g}-n{self.tokens}"


@dataclass(frozen=True, slots=True)
class Delays:
    """Delays compared with the planned times, in seconds.

    Attributes:
        server: Upper bounds of the classes of the server's own clock, and the number of writes up to them.
        client: The delay of each token at the client, by stream.
        loop: The delays of a timer in the client's own event loop, during the load.
    """

    server: Mapping[float, int]
    client: Sequence[Sequence[float]]
    loop: Sequence[float]

    def server_s(self, share: float) -> float:
        """Return the bound below which this share of the writes left."""
        total = max(self.server.values())
        return min(bound_s for bound_s, count in self.server.items() if count >= share * total)

    def client_s(self, share: float) -> float:
        """Return the quantile at the client."""
        return quantile([delay_s for stream in self.client for delay_s in stream], share)


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile: a value of the sequence."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class _Stream(asyncio.Protocol):
    """One stream: the time of each of its tokens."""

    def __init__(self, load: StreamLoad) -> None:
        self._load = load
        self._role = 1  # the first chunk has a role and no token
        self.sent_s = 0.0
        self.arrivals_s: list[float] = []
        self.ended = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=0)

    def send(self) -> None:
        """Send the request now."""
        messages = [{"role": "user", "content": "Hello"}]
        body = orjson.dumps({"model": self._load.model, "messages": messages, "stream": True})
        head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: mock\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.sent_s = time.monotonic()
        self._transport.write(head + body)

    def data_received(self, data: bytes) -> None:
        now_s = time.monotonic()
        tokens = data.count(_TOKEN) - self._role
        self._role = 0
        self.arrivals_s += [now_s] * tokens
        if len(self.arrivals_s) >= self._load.tokens and not self.ended.done():
            self.ended.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(exc or ConnectionError("the stream ended early"))

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def delays_s(self) -> list[float]:
        """Return the delay of each token."""
        first_s = self.sent_s + self._load.ttft_s
        return [moment_s - first_s - k * self._load.gap_s for k, moment_s in enumerate(self.arrivals_s)]


async def _run(url: str, load: StreamLoad) -> Delays:
    loop = asyncio.get_running_loop()
    host, _, port = url.removeprefix("http://").rpartition(":")
    streams: list[_Stream] = []
    for _ in range(load.streams):
        _, stream = await loop.create_connection(lambda: _Stream(load), host, int(port))
        streams.append(stream)
    before = await _buckets(host, int(port))
    timer = pacer()
    own_s: list[float] = []
    ticks = asyncio.create_task(_tick(timer, own_s))
    begin_s = timer.now_s() + 0.01
    for number, stream in enumerate(streams):
        await timer.sleep_until(begin_s + number * load.spread_s / load.streams)
        stream.send()
    await asyncio.gather(*(stream.ended for stream in streams))
    ticks.cancel()
    after = await _buckets(host, int(port))
    for stream in streams:
        stream.close()
    timer.close()
    server = {bound_s: count - before[bound_s] for bound_s, count in after.items()}
    return Delays(server, [stream.delays_s() for stream in streams], own_s)


async def _tick(timer: Pacer, delays_s: list[float]) -> None:
    """Record how late this loop is, for each millisecond: a pause of 5 ms has five delays."""
    due_s = timer.now_s()
    while True:
        due_s += 0.001
        await timer.sleep_until(due_s)
        delays_s.append(timer.now_s() - due_s)


async def _buckets(host: str, port: int) -> dict[float, int]:
    """Return the server's own counts of delays, by their upper bound."""
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /metrics HTTP/1.1\r\nhost: mock\r\nconnection: close\r\n\r\n")
    text = (await reader.read()).decode()
    writer.close()
    return {float(bound): int(count) for bound, count in _BUCKET.findall(text)}


def measure(url: str, load: StreamLoad) -> Delays:
    """Run a load, and return the delays of its tokens."""
    with asyncio.Runner(loop_factory=event_loop) as runner:
        return runner.run(_run(url, load))


async def _wake(per_s: float, length_s: float) -> list[float]:
    timer = pacer()
    begin_s = timer.now_s()
    delays_s: list[float] = []
    for number in range(int(per_s * length_s)):
        due_s = begin_s + number / per_s
        await timer.sleep_until(due_s)
        delays_s.append(timer.now_s() - due_s)
    timer.close()
    return delays_s


def bare_timer(per_s: float, length_s: float) -> list[float]:
    """Return the delays of a timer that only wakes: the machine's own delay.

    Args:
        per_s: Number of wakes per second.
        length_s: Seconds.
    """
    with asyncio.Runner(loop_factory=event_loop) as runner:
        return runner.run(_wake(per_s, length_s))
