"""Read the resource use of the stack's process trees, the load generators and the host."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

import psutil

from bench.core.samples.sample import HOST, ResourceSample, generator_source
from bench.core.watch.process_tree import increase_of_tree

# The kernel counts processor time in hundredths of a second, too coarse for a shorter interval.
MIN_INTERVAL_S = 0.2
_SEARCH_S = 1.0
_CPU_FIELDS = 4  # user, system, and both of the children that ended
Value = TypeVar("Value")
Traffic = tuple[int, int]
"""Bytes received and bytes sent."""


class ResourceSampler:
    """Read processes, each with its children. A process that ended is no longer read.

    Args:
        pids: Process ids of the supervisors of a stack, by service or instance, as they are at each reading.
            Their own memory does not count.
        generators: Process ids of the load generators, named `generator`, `generator-2`, ….
    """

    def __init__(self, pids: Mapping[str, int], generators: Sequence[int]) -> None:
        self._trees: dict[str, _ProcessTree] = {}
        self._pids = pids
        self._added: dict[str, int] = {}
        self._read_s: float | None = None
        self._searched_s: float | None = None
        for number, pid in enumerate(generators):
            self._add(generator_source(number), pid)
        self._add_stack()

    def _add_stack(self) -> None:
        """Add the processes of the stack that started since the previous reading."""
        for source, pid in list(self._pids.items()):
            if self._added.get(source) != pid:
                self._add(source, pid)

    def _add(self, source: str, pid: int) -> None:
        self._added[source] = pid
        with suppress(psutil.Error):
            is_supervised = source in self._pids
            self._trees[source] = _ProcessTree(source, psutil.Process(pid), is_supervised=is_supervised)

    def sample(self, at_s: float) -> list[ResourceSample]:
        """Return a sample of each running process.

        The first reading only starts the interval of the next one. It returns an empty list, as does a
        reading sooner than `MIN_INTERVAL_S` after the previous one.
        """
        if self._read_s is not None and at_s - self._read_s < MIN_INTERVAL_S:
            return []
        self._read_s = at_s
        self._find_children(at_s)
        samples = []
        for source, tree in list(self._trees.items()):
            try:
                sample = tree.sample(at_s)
            except psutil.NoSuchProcess:
                del self._trees[source]
                continue
            if sample is not None:
                samples.append(sample)
        return samples

    def _find_children(self, at_s: float) -> None:
        """Search for children now and then, because that reads every process of the machine."""
        if self._searched_s is not None and at_s - self._searched_s < _SEARCH_S:
            return
        self._searched_s = at_s
        self._add_stack()
        by_parent = _read(_processes_by_parent) or {}
        for tree in self._trees.values():
            tree.processes = [tree.root, *_descendants(tree.root, by_parent)]


class _ProcessTree:
    """A process and its children, also those that they started.

    Args:
        source: Name of the service or of the load generator.
        root: The process.
        is_supervised: Whether the root only supervises the service, so that its memory does not count.
    """

    def __init__(self, source: str, root: psutil.Process, *, is_supervised: bool) -> None:
        self.root = root
        self.processes = [root]
        self._source = source
        self._is_supervised = is_supervised
        self._read_s: float | None = None
        self._cpu_s: dict[psutil.Process, float] = {}
        self._disk: dict[str, _DiskCounter] = {"read_bytes": _DiskCounter(), "write_bytes": _DiskCounter()}

    def sample(self, at_s: float) -> ResourceSample | None:
        """Return a sample; `None` at the first reading, and if the CPU time cannot be read.

        Raises:
            psutil.NoSuchProcess: The process ended.
        """
        if not self.root.is_running():
            raise psutil.NoSuchProcess(self.root.pid)
        cpu_s: dict[psutil.Process, float] = {}
        memory_bytes: list[int] = []
        for process in self.processes:
            with process.oneshot():
                times = _read(process.cpu_times)
                memory = _read(process.memory_info)
                self._note_disk(process)
            if times is not None:
                cpu_s[process] = sum(times[:_CPU_FIELDS])
            is_counted = process != self.root or not self._is_supervised
            if memory is not None and is_counted:
                memory_bytes.append(memory.rss)
        read = self._disk["read_bytes"].total()
        written = self._disk["write_bytes"].total()
        used_s = increase_of_tree(self._cpu_s, cpu_s)
        elapsed_s = None if self._read_s is None else at_s - self._read_s
        is_known = bool(self._cpu_s) and bool(cpu_s)
        self._cpu_s = cpu_s
        self._read_s = at_s
        if not elapsed_s or not is_known:
            return None
        return ResourceSample(
            at_s=at_s,
            source=self._source,
            cpu_pct=100.0 * used_s / elapsed_s,
            memory_bytes=sum(memory_bytes) if memory_bytes else None,
            read_bytes=read,
            written_bytes=written,
        )

    def _note_disk(self, process: psutil.Process) -> None:
        counters = _read(lambda: process.io_counters())  # noqa: PLW0108 - some systems lack the method
        for name, counter in self._disk.items():
            if counters is not None:
                counter.note(process, getattr(counters, name))


class _DiskCounter:
    """The bytes that a process tree read or wrote."""

    def __init__(self) -> None:
        self._total: int | None = None
        self._before: dict[psutil.Process, int] = {}
        self._now: dict[psutil.Process, int] = {}

    def note(self, process: psutil.Process, count: int) -> None:
        """Note the counter of one process."""
        self._now[process] = count

    def total(self) -> int | None:
        """End a reading; return the total since the first one, or `None` if no process has the counter."""
        if not self._now:
            return None
        self._total = (self._total or 0) + increase_of_tree(self._before, self._now)
        self._before = self._now
        self._now = {}
        return self._total


def _processes_by_parent() -> dict[int, list[psutil.Process]]:
    """Return the processes of this machine by the id of their parent."""
    by_parent: dict[int, list[psutil.Process]] = {}
    for process in psutil.process_iter(["ppid"]):
        by_parent.setdefault(process.info["ppid"], []).append(process)
    return by_parent


def _descendants(
    process: psutil.Process, by_parent: Mapping[int, Sequence[psutil.Process]]
) -> Iterator[psutil.Process]:
    for child in by_parent.get(process.pid, ()):
        yield child
        yield from _descendants(child, by_parent)


def _read(read: Callable[[], Value]) -> Value | None:
    """Return a value of the system; `None` if its file does not exist, cannot be read or has another form."""
    try:
        return read()
    except (psutil.Error, OSError, AttributeError, NotImplementedError, RuntimeError, ValueError):
        return None


class HostReader:
    """Read the host: all cores, the memory, all networks except the loopback, and the disks."""

    def __init__(self) -> None:
        self._previous: tuple[float, float] | None = None
        self._networks: dict[str, Traffic] = {}
        self._traffic: Traffic = (0, 0)

    def sample(self, at_s: float) -> list[ResourceSample]:
        """Return a sample; an empty list at the first reading, and if the kernel's clock has not moved."""
        processor_s = _read(_processor_s)
        if processor_s is None:
            return []
        busy_s, total_s = processor_s
        previous_busy_s, previous_total_s = self._previous or (busy_s, total_s)
        self._previous = (busy_s, total_s)
        elapsed_s = total_s - previous_total_s
        if elapsed_s <= 0:
            return []
        memory = _read(psutil.virtual_memory)
        disks = _read(psutil.disk_io_counters)
        received, sent = _read(self._network_bytes) or (None, None)
        return [
            ResourceSample(
                at_s=at_s,
                source=HOST,
                cpu_pct=max(0.0, 100.0 * (busy_s - previous_busy_s) / elapsed_s),
                memory_bytes=None if memory is None else memory.total - memory.available,
                memory_limit_bytes=None if memory is None else memory.total,
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
