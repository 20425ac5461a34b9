"""What the stack's processes, the load generators and the machine use."""

from collections.abc import Mapping, Sequence

import psutil

from bench.core.samples.sample import GENERATOR, HOST, ResourceSample

# The kernel counts processor time in hundredths of a second: of a shorter interval no share can be told.
SHORTEST_S = 0.2
Bytes = tuple[int, int]


class ResourceSampler:
    """Reads processes; one that is gone is left out from then on.

    Args:
        pids: By service.
        generators: Of the load generators: `generator`, and `generator-2` and so on.
    """

    def __init__(self, pids: Mapping[str, int], generators: Sequence[int]) -> None:
        self._processes: dict[str, psutil.Process] = {}
        self._read_s: float | None = None
        named = {
            f"{GENERATOR}-{number}" if number > 1 else GENERATOR: pid
            for number, pid in enumerate(generators, 1)
        }
        for source, pid in {**pids, **named}.items():
            try:
                self._processes[source] = psutil.Process(pid)
            except psutil.Error:
                continue

    def sample(self, at_s: float) -> list[ResourceSample]:
        """One sample of each process that is still there; none when the last reading was just now.

        Nor at the first reading, which only sets the start of the next one's interval.
        """
        if self._read_s is not None and at_s - self._read_s < SHORTEST_S:
            return []
        first, self._read_s = self._read_s is None, at_s
        samples = []
        for source, process in list(self._processes.items()):
            try:
                with process.oneshot():
                    cpu_pct, memory_bytes = process.cpu_percent(), process.memory_info().rss
                    read, written = _disk_bytes(process)
            except psutil.Error:
                del self._processes[source]
                continue
            if first:
                continue
            samples.append(
                ResourceSample(
                    at_s=at_s,
                    source=source,
                    cpu_pct=cpu_pct,
                    memory_bytes=memory_bytes,
                    read_bytes=read,
                    written_bytes=written,
                )
            )
        return samples


def _disk_bytes(process: psutil.Process) -> tuple[int | None, int | None]:
    """Read from disks and written to them; None where the system does not say."""
    try:
        counted = process.io_counters()
    except (psutil.AccessDenied, AttributeError):
        return None, None
    return counted.read_bytes, counted.write_bytes


class HostReader:
    """Reads the machine: all its cores, its memory, its networks but the loopback, and its disks."""

    def __init__(self) -> None:
        self._before: tuple[float, float] | None = None
        self._networks: dict[str, Bytes] = {}
        self._passed = (0, 0)

    def sample(self, at_s: float) -> list[ResourceSample]:
        """What is used now; none at the first reading, and when the kernel's clock has not moved since."""
        now = _processor_s()
        before, self._before = self._before or now, now
        used_s, passed_s = now[0] - before[0], now[1] - before[1]
        if passed_s <= 0:
            return []
        memory, disks = psutil.virtual_memory(), psutil.disk_io_counters()
        received, sent = self._network_bytes()
        return [
            ResourceSample(
                at_s=at_s,
                source=HOST,
                cpu_pct=max(0.0, 100.0 * used_s / passed_s),
                memory_bytes=memory.total - memory.available,
                memory_limit_bytes=memory.total,
                received_bytes=received,
                sent_bytes=sent,
                read_bytes=None if disks is None else disks.read_bytes,
                written_bytes=None if disks is None else disks.write_bytes,
            )
        ]

    def _network_bytes(self) -> Bytes:
        """Received and sent by all but the loopback: what each counted, also when it is gone since.

        A container that starts again takes its network device away and brings another one.
        """
        counted = psutil.net_io_counters(pernic=True).items()
        now = {name: (each.bytes_recv, each.bytes_sent) for name, each in counted if name != "lo"}
        self._passed = passed(self._passed, self._networks, now)
        self._networks = now
        return self._passed


def passed(before: Bytes, counted: Mapping[str, Bytes], now: Mapping[str, Bytes]) -> Bytes:
    """What went through several devices until now; one that counts less than before began anew.

    Args:
        before: What had gone through until the last reading.
        counted: What each had counted then.
        now: What each counts now.
    """
    received, sent = before
    for name, each in now.items():
        then = counted.get(name, (0, 0))
        received += each[0] - then[0] if each[0] >= then[0] else each[0]
        sent += each[1] - then[1] if each[1] >= then[1] else each[1]
    return received, sent


def _processor_s() -> tuple[float, float]:
    """Seconds that the cores were busy, and that they were there, since the machine started."""
    times = psutil.cpu_times()
    # Linux counts what guests had among what users had.
    there_s = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    return there_s - times.idle - getattr(times, "iowait", 0.0), there_s
