"""CPU and memory of the stack's processes, and of the load generators."""

from collections.abc import Mapping, Sequence

import psutil

from bench.core.sample import GENERATOR, ResourceSample


class ResourceSampler:
    """Reads processes; one that is gone is left out from then on.

    Args:
        pids: By service.
        generators: Of the load generators: `generator`, and `generator-2` and so on.
    """

    def __init__(self, pids: Mapping[str, int], generators: Sequence[int]) -> None:
        self._processes: dict[str, psutil.Process] = {}
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
        """One sample of each process that is still there."""
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
