"""Send lag of an open loop: with the kernel's timer, as the load generator, or with `asyncio.sleep`."""

import asyncio
import random
import time

from .clients import HOST
from .parts import percentile

_RATE = 500


async def lag(port: int, seconds: float, *, kernel_timer: bool) -> dict[str, float]:
    """Return the delays from the planned start until the kernel has the last byte."""
    # Not importable in the peers' environment.
    from bench.measure.http.connection import Address, Connection, request_bytes  # noqa: PLC0415
    from bench.timing.pacing import pacer  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    address = Address(HOST, port)
    request = request_bytes("GET", "/json", address.authority, {})
    idle = [Connection(address) for _ in range(20)]
    for connection in idle:
        await connection.open()
    lags_ms: list[float] = []
    under_way: set[asyncio.Task[None]] = set()

    async def send(due_s: float) -> None:
        connection = idle.pop() if idle else Connection(address)
        sent_s = (await connection.exchange(request)).sent_s
        lags_ms.append(((sent_s or time.monotonic()) - due_s) * 1000)
        idle.append(connection)

    dice = random.Random(1)
    timer = pacer() if kernel_timer else None
    due_s = time.monotonic() + 0.1
    end_s = due_s + seconds
    while due_s < end_s:
        if timer is not None:
            await timer.sleep_until(due_s)
        else:
            await asyncio.sleep(due_s - loop.time())
        task = asyncio.create_task(send(due_s))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        due_s += dice.expovariate(_RATE)
    if under_way:
        await asyncio.wait(under_way)
    if timer is not None:
        timer.close()
    for connection in idle:
        connection.close()
    return {"p50_ms": percentile(lags_ms, 50), "p99_ms": percentile(lags_ms, 99)}
