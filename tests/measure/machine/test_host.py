import asyncio
import os
import secrets
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr

from bench.core.watch.host import FEWEST_CORES, HostReading, MachineState
from bench.measure.load.workers import start_workers
from bench.measure.machine import host
from bench.measure.stacks.processes import run_processes
from bench.measure.stacks.start_options import StartOptions
from tests.measure.programs import make_stack

CORES = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else ()
only_where_cores_can_be_chosen = pytest.mark.skipif(not CORES, reason="no processor affinity here")


def write(root: Path, files: dict[str, str]) -> Path:
    """Write a tree of the kernel's files."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


CPU = "sys/devices/system/cpu"
KERNEL = {
    "proc/stat": "cpu  100 10 50 800 20 5 5 10 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n",
    "proc/loadavg": "0.42 0.30 0.20 2/345 6789\n",
    "proc/vmstat": "nr_free_pages 5\npswpin 3\npswpout 4\n",
    "proc/self/cgroup": "1:name=systemd:/x\n0::/jobs/ours\n",
    "sys/fs/cgroup/cpu.stat": "usage_usec 9\n",
    "sys/fs/cgroup/jobs/cpu.max": "150000 100000\n",
    "sys/fs/cgroup/jobs/ours/cpu.max": "max 100000\n",
    "sys/fs/cgroup/jobs/ours/cpu.stat": "usage_usec 9\nnr_periods 40\nnr_throttled 4\nthrottled_usec 900\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "schedutil\n",
    f"{CPU}/cpu1/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu2/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "2\n",
    f"{CPU}/cpu1/thermal_throttle/core_throttle_count": "3\n",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_total_time_ms": "70\n",
    f"{CPU}/cpufreq/policy0/scaling_governor": "not a core",
}


def test_the_kernels_files_are_read(tmp_path: Path) -> None:
    """Processor time is the sum from user to steal, since user includes guests."""
    found = host.read_counters(write(tmp_path, KERNEL))
    assert found == HostReading(
        at_s=found.at_s, stolen=10, processor=1000, periods=40, throttled=4, hot=5, hot_ms=70, swapped=7
    )


def test_the_machine_is_read(tmp_path: Path) -> None:
    """The quota is the smallest of all groups, and each governor is listed once."""
    assert host.read_machine(write(tmp_path, KERNEL)) == MachineState(
        cores=CORES, quota_cores=1.5, governors=("performance", "schedutil"), load=0.42
    )


def test_a_container_sees_its_group_as_the_root(tmp_path: Path) -> None:
    """In a name space of its own, a group is `/`."""
    files = {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "200000 100000\n"}
    assert host.read_machine(write(tmp_path, files)).quota_cores == 2.0


@pytest.mark.parametrize(
    "files",
    [
        {},
        {
            "proc/stat": "intr 5\n",
            "proc/loadavg": "",
            "proc/vmstat": "pswpin\n",
            "proc/self/cgroup": "4:cpu:/x\n",
            f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "many",
        },
        {
            "proc/stat": "",
            "proc/loadavg": "high",
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cpu.max": "1 0",
            "sys/fs/cgroup/cpu.stat": "nr_periods some\n",
            f"{CPU}/cpu0/cpufreq/scaling_governor": "",
        },
    ],
)
def test_missing_files_give_unknown_values(tmp_path: Path, files: dict[str, str]) -> None:
    """On a system without these files, or with other contents, all values are unknown."""
    root = write(tmp_path, files)
    found = host.read_counters(root)
    assert found == HostReading(at_s=found.at_s)
    assert host.read_machine(root) == MachineState(cores=CORES)


def test_old_kernels_do_not_count_stolen_time(tmp_path: Path) -> None:
    """Without its field, stolen time is None."""
    found = host.read_counters(write(tmp_path, {"proc/stat": "cpu  100 10 50 800\n"}))
    assert (found.stolen, found.processor) == (None, 960)


@only_where_cores_can_be_chosen
def test_a_stack_is_bound_to_its_cores() -> None:
    """Services run on the given cores, or on all if none are given."""
    secret = SecretStr(secrets.token_hex(20))
    with run_processes(make_stack({"one": "good"}), secret, StartOptions(cores=CORES[:1])) as live:
        assert psutil.Process(live.pids["one"]).cpu_affinity() == [CORES[0]]
        assert live.cores == CORES[:1]
    with run_processes(make_stack({"one": "good"}), secret) as live:
        assert psutil.Process(live.pids["one"]).cpu_affinity() == list(CORES)


@only_where_cores_can_be_chosen
def test_load_generators_are_bound_to_their_cores() -> None:
    """Each load generator runs on the given cores."""

    async def affinity() -> list[int] | None:
        async with start_workers(1, CORES[-1:]) as workers:
            return psutil.Process(workers.pids[0]).cpu_affinity()

    assert asyncio.run(affinity()) == [CORES[-1]]


def test_cores_are_divided_only_if_there_are_enough() -> None:
    """They are never divided without `pin`."""
    assert (host.choose_cores(1, pin=True) is None) is (len(CORES) < FEWEST_CORES)
    assert host.choose_cores(1, pin=False) is None


def test_a_process_that_cannot_be_bound_stays_unbound() -> None:
    """A missing core or a process that has ended is not an error."""
    host.pin(os.getpid(), [100_000])
    host.pin(2**22 + 1, [0])
