"""Relay the connections of one address to another one, and slow them down or hold them on request.

`bench` starts this file as a program. It imports nothing of `bench`, because a small process starts quickly.
It prints one JSON line with its port, and then reads one JSON line after the other from stdin:

- `{"upstream": ["127.0.0.1", 3000]}`: the address of the service
- `{"latency_s": 0.2, "jitter_s": 0.0, "bytes_per_s": null, "is_cut": false}`: the state of the network

It ends when stdin closes: the kernel closes it if `bench` is killed. Bytes keep their order and are never
lost: a cut network only holds them, as retransmissions of TCP do.
"""

import asyncio
import json
import os
import random
import sys
from contextlib import suppress
from typing import Any

_LARGEST_READ = 65_536
_SMALLEST_READ = 256
_READ_S = 0.02
_MOST_WAITING = 64
_BACKLOG = 4096
_ROUND_TRIP = 2


class Network:
    """The state of the network, which all connections share."""

    def __init__(self) -> None:
        self.latency_s = 0.0
        self.jitter_s = 0.0
        self.bytes_per_s: float | None = None
        self.upstream: asyncio.Future[tuple[str, int]] = asyncio.get_running_loop().create_future()
        self.passes = asyncio.Event()
        self.passes.set()

    def change(self, state: dict[str, Any]) -> None:
        """Change the address of the service, or the state of the network."""
        if "upstream" in state:
            host, port = state["upstream"]
            if self.upstream.done():
                self.upstream = asyncio.get_running_loop().create_future()
            self.upstream.set_result((host, port))
            return
        self.latency_s = state["latency_s"]
        self.jitter_s = state["jitter_s"]
        self.bytes_per_s = state["bytes_per_s"]
        if state["is_cut"]:
            self.passes.clear()
        else:
            self.passes.set()

    @property
    def read_size(self) -> int:
        """Number of bytes to read at once: few if the rate is limited, so that they do not come in bursts."""
        if self.bytes_per_s is None:
            return _LARGEST_READ
        return max(_SMALLEST_READ, min(_LARGEST_READ, round(self.bytes_per_s * _READ_S)))


class Direction:
    """One direction of a connection."""

    def __init__(self, network: Network, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._network = network
        self._reader = reader
        self._writer = writer
        self._pieces: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_WAITING)
        self._left_s = 0.0
        self._due_s = 0.0

    async def read(self) -> None:
        """Read until the end, and note when each piece is due."""
        while True:
            data = await self._reader.read(self._network.read_size)
            await self._pieces.put((self._plan(len(data)), data))
            if not data:
                return

    def _plan(self, size: int) -> float:
        """Return when a piece of data arrives: bytes leave and arrive one after the other."""
        network = self._network
        self._left_s = max(self._left_s, asyncio.get_running_loop().time())
        if network.bytes_per_s is not None:
            self._left_s += size / network.bytes_per_s
        difference_s = random.uniform(-network.jitter_s, network.jitter_s)
        self._due_s = max(self._due_s, self._left_s + network.latency_s + difference_s)
        return self._due_s

    async def write(self) -> None:
        """Write each piece when it is due and the network passes it, then the end."""
        loop = asyncio.get_running_loop()
        while True:
            due_s, data = await self._pieces.get()
            if due_s > loop.time():
                await asyncio.sleep(due_s - loop.time())
            await self._network.passes.wait()
            if not data:
                self._writer.write_eof()
                return
            self._writer.write(data)
            await self._writer.drain()


async def relay(network: Network, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Relay one connection until both sides ended it, or one side broke it."""
    writers = [writer]
    try:
        await network.passes.wait()
        await asyncio.sleep(_ROUND_TRIP * network.latency_s)  # the handshake of TCP
        host, port = await network.upstream
        upstream_reader, upstream_writer = await asyncio.open_connection(host, port)
        writers.append(upstream_writer)
        there = Direction(network, reader, upstream_writer)
        back = Direction(network, upstream_reader, writer)
        async with asyncio.TaskGroup() as tasks:
            for direction in (there, back):
                tasks.create_task(direction.read())
                tasks.create_task(direction.write())
    except* OSError:
        for broken in writers:
            broken.transport.abort()
    finally:
        for open_writer in writers:
            open_writer.close()


async def main() -> None:
    """Relay connections until stdin closes."""
    loop = asyncio.get_running_loop()
    network = Network()
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = loop.create_task(relay(network, reader, writer))
        connections.add(connection)
        connection.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, backlog=_BACKLOG)
    sys.stdout.write(json.dumps({"port": server.sockets[0].getsockname()[1]}) + "\n")
    sys.stdout.flush()
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        network.change(json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main())
