"""Wait until a load has left no request and no queue in the stack, so that it does not delay the next one."""

import asyncio

from bench.core.samples.sample import QUEUE_DEPTH, GaugeSample
from bench.measure.watch.watching import Watch

_GAUGES = frozenset({QUEUE_DEPTH, "in_flight"})
"""Gauges that are as before the load when it has left nothing."""
_READERS = "gauges "
_LONGEST_S = 60.0
_POLL_S = 0.25


class StackQueues:
    """The queues of a stack, by the gauges that it declares."""

    def __init__(self) -> None:
        self._idle: dict[tuple[str, str], float] | None = None

    async def note_idle(self, watch: Watch) -> None:
        """Note the gauges before the first load: other users may cause some requests all the time."""
        if self._idle is None:
            self._idle = await self._read(watch)

    async def wait_until_empty(self, watch: Watch, interrupted: asyncio.Event) -> None:
        """Wait until the gauges are as before the first load, for a limited time."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + _LONGEST_S
        idle = self._idle or {}
        while idle and loop.time() < end_s and not interrupted.is_set():
            values = await self._read(watch)
            if all(value <= idle.get(key, 0.0) for key, value in values.items()):
                return
            await asyncio.sleep(_POLL_S)

    async def _read(self, watch: Watch) -> dict[tuple[str, str], float]:
        values: dict[tuple[str, str], float] = {}
        for name, read in watch.readers.items():
            if not name.startswith(_READERS):
                continue
            for sample in await watch.attempt(name, read, 0.0) or ():
                if isinstance(sample, GaugeSample) and sample.name in _GAUGES:
                    values[sample.service, sample.name] = sample.value
        return values
