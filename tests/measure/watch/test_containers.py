import asyncio
import copy
import functools
import operator
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.core.samples.sample import Probe, ResourceSample
from bench.errors import TargetError
from bench.measure.watch.containers import ContainerReader
from bench.measure.watch.docker_engine import DockerEngine, EngineAddress
from bench.measure.watch.engine_models import ContainerInfo, ContainerStats, without_nulls
from tests.measure.fake_engine import FakeContainer, engine

Work = Callable[[ContainerReader], Awaitable[None]]


def _with(path: Path, containers: dict[str, FakeContainer], ids: Mapping[str, str], work: Work) -> None:
    async def run() -> None:
        async with engine(path / "docker.sock", containers):
            api = DockerEngine(EngineAddress(f"unix://{path / 'docker.sock'}"))
            try:
                await work(ContainerReader(ids, api))
            finally:
                await api.close()

    asyncio.run(run())


def _split(seen: list[ResourceSample | Probe]) -> tuple[list[ResourceSample], list[Probe]]:
    return (
        [sample for sample in seen if isinstance(sample, ResourceSample)],
        [sample for sample in seen if isinstance(sample, Probe)],
    )


def test_cpu_use_is_measured_by_the_clock_of_the_engine(tmp_path: Path) -> None:
    """0.5 s of processor time in 2 s are 25 % of a core; memory excludes the file cache."""
    model = FakeContainer()

    async def work(reader: ContainerReader) -> None:
        first, _ = _split(await reader.read(0.0))
        assert first == []
        model.pass_time(2, cpu_s=0.5)
        (sample,), (probe,) = _split(await reader.read(2.0))
        assert sample == ResourceSample(
            at_s=2.0, source="model", cpu_pct=25.0, memory_bytes=50_000_000, memory_limit_bytes=100_000_000,
            received_bytes=1001, sent_bytes=12, read_bytes=4100, written_bytes=512, restarts=0, oom_kills=0,
            throttled_ms=70,
        )  # fmt: skip
        assert (probe.check, probe.up) == ("model (container)", True)

    _with(tmp_path, {"abc": model}, {"model": "abc"}, work)


def test_a_container_that_was_killed_and_restarted(tmp_path: Path) -> None:
    """Its end has a reason, its start counts as a restart, and no CPU use spans the two."""
    agent = FakeContainer()

    async def work(reader: ContainerReader) -> None:
        await reader.read(0.0)
        agent.state |= {"Running": False, "Status": "exited", "OOMKilled": True, "FinishedAt": "12:00:01"}
        (nothing,), (down,) = _split(await reader.read(2.0))
        assert (nothing.cpu_pct, nothing.memory_bytes, nothing.oom_kills) == (0.0, 0, 1)
        assert (down.up, down.detail) == (False, "exited, out of memory")
        agent.state |= {
            "Running": True,
            "Status": "running",
            "StartedAt": "12:00:03",
            "Health": {"Status": "starting"},
        }
        agent.stats["cpu_stats"]["cpu_usage"]["total_usage"] = -1
        agent.pass_time(2, cpu_s=0.0)
        samples, (starting,) = _split(await reader.read(4.0))
        assert samples == []
        assert (starting.up, starting.detail) == (False, "starting")
        agent.pass_time(2, cpu_s=0.02)
        agent.state["Health"] = {"Status": "healthy"}
        (sample,), (up,) = _split(await reader.read(6.0))
        assert (sample.restarts, sample.oom_kills, up.up) == (1, 1, True)

    _with(tmp_path, {"abc": agent}, {"agent": "abc"}, work)


def test_kills_are_counted_from_the_events_of_the_engine(tmp_path: Path) -> None:
    """Two kills between readings count as two; repeated events and those of other containers do not count."""
    agent, other = FakeContainer(), FakeContainer()
    other.oom_kills_ns = [5]

    async def work(reader: ContainerReader) -> None:
        await reader.read(0.0)
        agent.oom_kills_ns = [1, 2]
        for at_s in (2, 4):
            agent.pass_time(2, cpu_s=0.1)
            (sample,), _ = _split(await reader.read(at_s))
            assert sample.oom_kills == 2
        agent.oom_kills_ns = [2, 3]

    _with(tmp_path, {"abc": agent, "other": other}, {"agent": "abc"}, work)


def test_restarts_by_the_engine_have_its_count(tmp_path: Path) -> None:
    """Two restarts between readings count as two, although only one start time changed."""
    agent = FakeContainer()
    agent.restart_count = 3

    async def work(reader: ContainerReader) -> None:
        await reader.read(0.0)
        agent.restart_count = 5
        agent.state["StartedAt"] = "2026-01-05T12:00:03Z"
        agent.pass_time(2, cpu_s=0.1)
        (sample,), _ = _split(await reader.read(2.0))
        assert sample.restarts == 5

    _with(tmp_path, {"abc": agent}, {"agent": "abc"}, work)


def test_a_container_that_does_not_exist_is_down(tmp_path: Path) -> None:
    """An unknown id is not an error, and other containers are read."""
    model = FakeContainer()

    async def work(reader: ContainerReader) -> None:
        await reader.read(0.0)
        model.pass_time(1, cpu_s=0.0)
        samples, probes = _split(await reader.read(1.0))
        assert [sample.source for sample in samples] == ["model"]
        assert {probe.check: probe.detail for probe in probes} == {
            "model (container)": None,
            "agent (container)": "the container does not exist",
        }

    _with(tmp_path, {"abc": model}, {"model": "abc", "agent": "gone"}, work)


@pytest.mark.parametrize(
    ("name", "reason"), [("broken", "did not answer with Container"), ("failing", "answered 500")]
)
def test_other_content_of_the_engine_is_a_target_error(tmp_path: Path, name: str, reason: str) -> None:
    """The message contains the expected type or the status."""

    async def work(reader: ContainerReader) -> None:
        with pytest.raises(TargetError, match=reason):
            await reader.read(0.0)

    _with(tmp_path, {}, {"model": name}, work)


def test_missing_counters_of_the_kernel_are_none() -> None:
    """A container in the host's network, on a kernel without disk counters, under cgroup v1."""
    read = ContainerStats.model_validate(
        {
            "read": "2026-01-05T12:00:00Z",
            "memory_stats": {"usage": 50, "stats": {"total_inactive_file": 20, "inactive_file": 1}},
            "blkio_stats": {"io_service_bytes_recursive": None},
        }
    )
    assert (read.network_bytes, read.disk_bytes, read.memory_bytes) == (None, None, 30)
    assert read.throttled_ms is None


def _paths(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each part of a JSON value."""
    entries: Iterable[tuple[Any, Any]] = ()
    if isinstance(content, dict):
        entries = content.items()
    elif isinstance(content, list):
        entries = enumerate(content)
    for key, value in entries:
        yield (*path, key)
        yield from _paths(value, (*path, key))


_STATS = FakeContainer().document("/abc/stats?stream=False&one-shot=True")


@pytest.mark.parametrize("path", [path for path in _paths(_STATS) if path != ("read",)], ids=str)
def test_a_part_of_the_counters_that_is_null_is_absent(path: tuple[Any, ...]) -> None:
    """Each part at any depth may be null or absent, and both mean the same."""
    with_null = copy.deepcopy(_STATS)
    without = copy.deepcopy(_STATS)
    *parents, last = path
    functools.reduce(operator.getitem, parents, with_null)[last] = None
    del functools.reduce(operator.getitem, parents, without)[last]
    read = ContainerStats.model_validate(without_nulls(with_null))
    assert read == ContainerStats.model_validate(without)


@pytest.mark.parametrize("value", [None, {}, {"Status": None}, {"Status": ""}, {"Status": "none"}])
def test_a_container_without_a_health_check_is_up(value: Any) -> None:
    """Engines have several ways to report that the image declares none."""
    info = {"State": {"Running": True, "Status": None, "Health": value, "FinishedAt": None}}
    assert ContainerInfo.model_validate(without_nulls(info)).state.problem is None


@pytest.mark.parametrize(
    ("limit", "expected"), [(0, None), (2**64 - 1, None), (2**63 - 4096, None), (2**30, 2**30)]
)
def test_an_unlimited_container_has_no_memory_limit(limit: int, expected: int | None) -> None:
    """Engines write 0 or the largest number for it."""
    stats = {"read": "2026-01-05T12:00:00Z", "memory_stats": {"limit": limit}}
    assert ContainerStats.model_validate(stats).memory_limit_bytes == expected


@pytest.mark.parametrize("empty", [{"read": "0001-01-01T00:00:00Z"}, {"cpu_stats": None}])
def test_cpu_use_needs_two_counters(tmp_path: Path, empty: dict[str, Any]) -> None:
    """An engine that does not know a counter yet never makes a very small or very large CPU use."""
    model = FakeContainer()
    model.pass_time(0, cpu_s=50.0)
    document = model.document

    async def work(reader: ContainerReader) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(model, "document", lambda path: document(path) | empty)
            await reader.read(0.0)
        model.pass_time(1, cpu_s=0.5)
        assert _split(await reader.read(1.0))[0] == []
        model.pass_time(1, cpu_s=0.5)
        (sample,), _ = _split(await reader.read(2.0))
        assert sample.cpu_pct == 50.0

    _with(tmp_path, {"abc": model}, {"model": "abc"}, work)
