"""CPU and memory of the stack's processes, and of the load generators."""

import math
from collections.abc import Mapping, Sequence

import psutil

from bench.core.sample import GENERATOR, ResourceSample

# The kernel counts processor time in hundredths of a second: of a shorter interval no share can be told.
SHORTEST_S = 0.2


class ResourceSampler:
    """Reads processes; one that is gone is left out from then on.

    Args:
        pids: By service.
        generators: Of the load generators: `generator`, and `generator-2` and so on.
    """

    def __init__(self, pids: Mapping[str, int], generators: Sequence[int]) -> None:
        self._processes: dict[str, psutil.Process] = {}
        self._read_s = -math.inf
        named = {
            f"{GENERATOR}-{number}" if number > 1 else GENERATOR: pid
            for number, pid in enumerate(generators, 1)
        }
        for source, pid in {**pids, **named}.items():
            try:
                self._processes[source] = psutil.Process(pid)
                # The first reading only sets the start of the next one's interval.
                self._processes[source].cpu_percent()
            except psutil.Error:
                self._processes.pop(source, None)

    def sample(self, at_s: float) -> list[ResourceSample]:
        """One sample of each process that is still there; none when the last reading was just now."""
        if at_s - self._read_s < SHORTEST_S:
            return []
        self._read_s = at_s
        samples = []
        for source, process in list(self._processes.items()):
            try:
                with process.oneshot():
                    cpu_pct, memory_bytes = process.cpu_percent(), process.memory_info().rss
            except psutil.Error:
                del self._processes[source]
                continue
            samples.append(
                ResourceSample(at_s=at_s, source=source, cpu_pct=cpu_pct, memory_bytes=memory_bytes)
            )
        return samples
