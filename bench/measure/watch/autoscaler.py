"""Follow a gauge of a stack, and change the number of instances of a service."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from bench.core.config.autoscaling import Autoscaling
from bench.core.samples.sample import GaugeSample
from bench.core.watch.scaling import Scaler, ScalingDecision
from bench.errors import BenchError

if TYPE_CHECKING:  # a load must not import how instances start
    from bench.measure.stacks.replicas import Replicas

ReadGauges = Callable[[float], Awaitable[Sequence[object]]]
"""Reads the gauges of all instances of a service; their samples are `GaugeSample`s."""


class Autoscaler:
    """Keeps a gauge near its target.

    Args:
        service: Service whose instances start and end.
        rule: The rule.
        replicas: The instances.
        read_gauges: Reads the gauges of the instances of the rule's service.
    """

    def __init__(
        self, service: str, rule: Autoscaling, replicas: "Replicas", read_gauges: ReadGauges
    ) -> None:
        self._service = service
        self._rule = rule
        self._replicas = replicas
        self._read_gauges = read_gauges
        self._scaler = Scaler(rule)
        self._change: asyncio.Task[tuple[float | None, str | None]] | None = None

    async def read(self, at_s: float) -> list[ScalingDecision]:
        """Read the gauge, change the number of instances if the rule wants it, and return that decision."""
        rule = self._rule
        samples = await self._read_gauges(at_s)
        values: list[float] = []
        for sample in samples:
            if isinstance(sample, GaugeSample) and sample.name == rule.gauge:
                values.append(sample.value)
        count = len(self._replicas.list_names(self._service))
        if not values:
            return []
        value = sum(values)
        wanted = self._scaler.decide(at_s, value, count)
        if wanted == count:
            return []
        self._change = asyncio.create_task(self._scale(wanted))
        took_s, problem = await asyncio.shield(self._change)
        decision = ScalingDecision(
            at_s=at_s,
            service=self._service,
            gauge=f"{rule.of or self._service}.{rule.gauge}",
            value=value,
            before=count,
            after=wanted,
            took_s=took_s,
            problem=problem,
        )
        return [decision]

    async def close(self) -> None:
        """Wait until a change has ended; it no longer waits for requests in progress."""
        if self._change is not None:
            self._replicas.started.is_ending.set()
            await self._change

    async def _scale(self, count: int) -> tuple[float | None, str | None]:
        """Change the number of instances, and return how long it took, or why it failed."""
        began_s = time.monotonic()
        try:
            await asyncio.to_thread(self._replicas.scale, self._service, count)
        except BenchError as error:
            return None, error.message
        return time.monotonic() - began_s, None
