"""Read the resource use of the stack's processes, the load generators and the host."""

from collections.abc import Mapping, Sequence

import psutil

from bench.core.samples.sample import GENERATOR, HOST, ResourceSample

# The kernel counts processor time in hundredths of a second, too coarse for a shorter interval.
MIN_INTERVAL_S = 0.2
Traffic = tuple[int, int]
"""Bytes received and bytes sent."""


class ResourceSampler:
    """Read processes. A process that ended is no longer read.

    Args:
        pids: Process ids of the stack, by service.
        generators: Process ids of the load generators, named `generator`, `generator-2`, ….
    """

    def __init__(self, pids: Mapping[str, int], generators: Sequence[int]) -> None:
        self._processes: dict[str, psutil.Process] = {}
        self._read_s: float | None = None
        named = dict(pids)
        for number, pid in enumerate(generators, 1):
            named[f"{GENERATOR}-{number}" if number > 1 else GENERATOR] = pid
        for source, pid in named.items():
            try:
                self._processes[source] = psutil.Process(pid)
            except psutil.Error:
                continue

    def sample(self, at_s: float) -> list[ResourceSample]:
        """Return a sample of each running process.

        The first reading only starts the interval of the next one. It returns an empty list, as does a
        reading sooner than `MIN_INTERVAL_S` after the previous one.
        """
        if self._read_s is not None and at_s - self._read_s < MIN_INTERVAL_S:
            return []
        is_first = self._read_s is None
        self._read_s = at_s
        samples = []
        for source, process in list(self._processes.items()):
            try:
                sample = _sample_process(source, process, at_s)
            except psutil.Error:
                del self._processes[source]
                continue
            if not is_first:
                samples.append(sample)
        return samples


def _sample_process(source: str, process: psutil.Process, at_s: float) -> ResourceSample:
    with process.oneshot():
        read, written = _disk_bytes(process)
        return ResourceSample(
            at_s=at_s,
            source=source,
            cpu_pct=process.cpu_percent(),
            memory_bytes=process.memory_info().rss,
            read_bytes=read,
            written_bytes=written,
        )


def _disk_bytes(process: psutil.Process) -> tuple[int | None, int | None]:
    """Return the bytes read from and written to disks; `None` where the system has no counters."""
    try:
        counters = process.io_counters()
    except (psutil.AccessDenied, AttributeError):
        return None, None
    return counters.read_bytes, counters.write_bytes


class HostReader:
    """Read the host: all cores, the memory, all networks except the loopback, and the disks."""

    def __init__(self) -> None:
        self._previous: tuple[float, float] | None = None
        self._networks: dict[str, Traffic] = {}
        self._traffic: Traffic = (0, 0)

    def sample(self, at_s: float) -> list[ResourceSample]:
        """Return a sample; an empty list at the first reading, and if the kernel's clock has not moved."""
        busy_s, total_s = _processor_s()
        previous_busy_s, previous_total_s = self._previous or (busy_s, total_s)
        self._previous = (busy_s, total_s)
        elapsed_s = total_s - previous_total_s
        if elapsed_s <= 0:
            return []
        memory = psutil.virtual_memory()
        disks = psutil.disk_io_counters()
        received, sent = self._network_bytes()
        return [
            ResourceSample(
                at_s=at_s,
                source=HOST,
                cpu_pct=max(0.0, 100.0 * (busy_s - previous_busy_s) / elapsed_s),
                memory_bytes=memory.total - memory.available,
                memory_limit_bytes=memory.total,
                received_bytes=received,
                sent_bytes=sent,
                read_bytes=None if disks is None else disks.read_bytes,
                written_bytes=None if disks is None else disks.write_bytes,
            )
        ]

    def _network_bytes(self) -> Traffic:
        """Return the traffic of all devices so far, including devices that were removed.

        A container that restarts replaces its network device.
        """
        counters: dict[str, Traffic] = {}
        for name, device in psutil.net_io_counters(pernic=True).items():
            if name != "lo":
                counters[name] = (device.bytes_recv, device.bytes_sent)
        self._traffic = add_traffic(self._traffic, self._networks, counters)
        self._networks = counters
        return self._traffic


def add_traffic(total: Traffic, previous: Mapping[str, Traffic], current: Mapping[str, Traffic]) -> Traffic:
    """Return the total traffic of several devices after a new reading.

    A counter below its previous value belongs to a new device and counts from 0.

    Args:
        total: The total at the previous reading.
        previous: The counters of the devices at the previous reading.
        current: The counters of the devices now.
    """
    received, sent = total
    for name, (device_received, device_sent) in current.items():
        before_received, before_sent = previous.get(name, (0, 0))
        received += _increase(before_received, device_received)
        sent += _increase(before_sent, device_sent)
    return received, sent


def _increase(before: int, now: int) -> int:
    return now - before if now >= before else now


def _processor_s() -> tuple[float, float]:
    """Return the busy time and the total time of all cores since the boot, in seconds."""
    times = psutil.cpu_times()
    # Linux includes the time of guests in the time of users.
    total_s = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
    idle_s = times.idle + getattr(times, "iowait", 0.0)
    return total_s - idle_s, total_s
