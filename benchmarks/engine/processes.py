"""CPU time and memory of a process and all its descendants."""

from pathlib import Path

import psutil


def tree_of(pid: int) -> list[int]:
    """Return the process and its descendants."""
    try:
        root = psutil.Process(pid)
        return [pid, *(child.pid for child in root.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def cpu_s(pids: list[int]) -> float:
    """Return the CPU time of all threads, user and system, in seconds; the kernel counts nanoseconds."""
    return (
        sum(_thread_ns(path) for pid in pids for path in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    )


def _thread_ns(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii").split()[0])
    except OSError:  # the thread ended
        return 0


def memory_bytes(pids: list[int]) -> int:
    """Return the memory of all processes; a page that several of them share counts once."""
    return sum(_proportional_bytes(pid) for pid in pids)


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:  # the process ended
        return 0
    sizes = [line.split()[1] for line in lines if line.startswith("Pss:")]
    return int(sizes[0]) * 1024 if sizes else 0


def descriptors(pids: list[int]) -> int:
    """Return the number of open descriptors of all processes."""
    total = 0
    for pid in pids:
        try:
            total += sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
        except OSError:  # the process ended
            continue
    return total
