"""Measure what a load costs its load generator and the process of the run, on this machine.

Each cost is a ratio: two loads differ in one quantity, and the difference of their costs is divided by it.
What both have, such as the start of a process, therefore has no part in it.
"""

import asyncio
import pickle
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.core.config.prompts import Prompt
from bench.core.config.quick_load import QuickLoad
from bench.core.config.run_spec import RunSpec
from bench.measure.load.messages import Batch, Job
from bench.measure.load.workers import start_workers
from bench.store import scenarios
from benchmarks.scale.merging import measure_merge

_TARGET = "openai-chat"
_POLL_S = 0.25
_FEW = 20
_MANY = 2_000
_KERNEL_OBJECTS = frozenset({"TCP", "sock_inode_cache", "filp", "dentry", "eventpoll_epi"})


@dataclass(frozen=True)
class Costs:
    """Costs of a load."""

    process_bytes: float
    """Memory of a load generator without VUs that it shares with no other process."""
    idle_vu_bytes: float
    """Memory of a VU that pauses, with its connection."""
    stream_bytes: float
    """Memory of a VU while its answer streams."""
    kernel_bytes: float
    """Memory of the kernel for an open connection, without the bytes that wait in it."""
    request_us: float
    """Processor time of a load generator per request with an answer of one token, in microseconds."""
    token_us: float
    """Processor time of a load generator per token that arrives alone, in microseconds."""
    sample_bytes: float
    """Bytes of a request on the way from a load generator to the run."""
    batch_bytes: float
    """Bytes of a batch without requests, on the same way."""
    batch_us: float
    """Processor time of the run per batch, in microseconds."""
    merge_us: float
    """Processor time of the run per request of a batch, in microseconds."""
    token_wire_bytes: float
    """Bytes of a token on the way from the server, without the headers of TCP."""


@dataclass(frozen=True)
class LoadReading:
    """One measured load."""

    requests: int
    peak_bytes: float
    cpu_s: float
    """Processor time of the load generator."""
    batches: int
    sent_bytes: int
    kept: tuple[Batch, ...]
    """The batches."""


@contextmanager
def serve_mock() -> Iterator[str]:
    """Serve a mock model on a free port, and yield its address."""
    command = [sys.executable, "-m", "bench", "mock", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.terminate()


def make_spec(model: str, load: Mapping[str, Any]) -> RunSpec:
    """Return a load of one message on a mock model whose name states its behaviour."""
    variables = {"MODEL": model}
    target = scenarios.load_target(_TARGET, variables)
    return QuickLoad(**load).make_spec(target, "A cost.", (Prompt(id="hello", text="Hello"),), variables)


async def _read_load(url: str, spec: RunSpec) -> LoadReading:
    batches: list[Batch] = []
    async with start_workers(1) as workers:
        process = psutil.Process(workers.pids[0])
        before_s = _cpu_s(process)
        load = asyncio.create_task(workers.run(Job(spec, (url,)), batches.append))
        peak = 0
        while not load.done():
            peak = max(peak, process.memory_full_info().uss)
            await asyncio.wait({load}, timeout=_POLL_S)
        await load
        cpu_s = _cpu_s(process) - before_s
    requests = sum(len(batch.log) for batch in batches)
    sent_bytes = sum(len(pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)) for batch in batches)
    return LoadReading(requests, peak, cpu_s, len(batches), sent_bytes, tuple(batches))


def read_load(url: str, model: str, **load: Any) -> LoadReading:
    """Send a load with one load generator, and return what it cost."""
    return asyncio.run(_read_load(url, make_spec(model, load)))


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def measure_memory(url: str, model: str, think_time: str, vus: int) -> tuple[float, float]:
    """Return the memory of a load generator without VUs, and that of each VU, in bytes."""
    few = read_load(url, model, vus=_FEW, think_time=think_time, duration="6s")
    many = read_load(url, model, vus=vus, think_time=think_time, duration="6s", spawn_rate=vus / 2)
    per_vu = (many.peak_bytes - few.peak_bytes) / (vus - _FEW)
    return few.peak_bytes - _FEW * per_vu, per_vu


def _cpu_ratio(url: str, first: tuple[str, float], second: tuple[str, float], units: float) -> float:
    """Return the processor time per unit by which two open loops of models and rates differ, in µs."""
    costs = []
    for model, rate in (first, second):
        costs.append(read_load(url, model, rate=rate, vus=400, duration="5s").cpu_s)
    return (costs[1] - costs[0]) / (units * 5.0) * 1e6


def measure_once(url: str, vus: int = _MANY, say: Callable[[str], object] = print) -> Costs:
    """Return all costs, each measured once."""
    process_bytes, idle_bytes = measure_memory(url, "mock-ttft10-n1", "5s", vus)
    _, stream_bytes = measure_memory(url, "mock-ttft1000-gap1000-n12", "0s", vus)
    short = ("mock-ttft5-n1", 200.0)
    request_us = _cpu_ratio(url, short, ("mock-ttft5-n1", 1200.0), 1000.0)
    token_us = _cpu_ratio(url, ("mock-ttft5-n1", 60.0), ("mock-ttft5-gap5-n101", 60.0), 6_000.0)
    few = read_load(url, "mock-ttft5-n1", rate=50.0, duration="5s")
    many = read_load(url, "mock-ttft5-n1", rate=650.0, vus=400, duration="5s")
    sample_bytes = (many.sent_bytes / many.batches - few.sent_bytes / few.batches) / (
        many.requests / many.batches - few.requests / few.batches
    )
    merge = measure_merge(many.kept)
    costs = Costs(
        process_bytes=process_bytes,
        idle_vu_bytes=idle_bytes,
        stream_bytes=stream_bytes,
        kernel_bytes=read_kernel_bytes(),
        request_us=request_us,
        token_us=token_us,
        sample_bytes=sample_bytes,
        batch_bytes=few.sent_bytes / few.batches - sample_bytes * few.requests / few.batches,
        batch_us=merge.batch_us,
        merge_us=merge.sample_us,
        token_wire_bytes=_token_wire_bytes(url),
    )
    say(" ".join(f"{name}={value:.4g}" for name, value in asdict(costs).items()))
    return costs


def read_kernel_bytes() -> float:
    """Return the sizes of the kernel's objects for a connection: socket, file, name and place in epoll."""
    sizes = {}
    for line in Path("/proc/slabinfo").read_text(encoding="ascii").splitlines():
        name, *numbers = line.split()
        if name in _KERNEL_OBJECTS:
            sizes[name] = float(numbers[2])
    return sum(sizes.values())


def _token_wire_bytes(url: str) -> float:
    """Return the bytes by which an answer grows with each token."""
    import httpx  # noqa: PLC0415 - one request

    sizes = []
    for tokens in (10, 110):
        body = {
            "model": f"mock-ttft1-gap1-n{tokens}",
            "messages": [{"role": "user", "content": "x"}],
            "stream": True,
        }
        with (
            httpx.Client() as client,
            client.stream("POST", f"{url}/v1/chat/completions", json=body) as answer,
        ):
            for _ in answer.iter_raw():
                pass
            sizes.append(answer.num_bytes_downloaded)
    return (sizes[1] - sizes[0]) / 100


def measure(repeats: int, vus: int = _MANY) -> tuple[Costs, list[Costs]]:
    """Return the median of each cost, and all measurements."""
    with serve_mock() as url:
        readings = [measure_once(url, vus) for _ in range(repeats)]
    medians = {}
    for name in asdict(readings[0]):
        medians[name] = statistics.median(getattr(reading, name) for reading in readings)
    return Costs(**medians), readings
