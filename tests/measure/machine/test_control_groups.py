from pathlib import Path

import pytest

from bench.measure.machine.control_groups import free_memory_bytes, oom_kills, quota_cores, throttling
from bench.measure.machine.limits import read_limits

MAX = "150000 100000\n"
STAT = "nr_periods 10\nnr_throttled 4\n"
V1 = {"cpu.cfs_quota_us": "150000\n", "cpu.cfs_period_us": "100000\n", "cpu.stat": STAT}
V2 = {"cpu.max": MAX, "cpu.stat": STAT}
LAYOUTS = {
    "version 2, own namespace": ("0::/\n", "", V2),
    "version 2, path of the host": ("0::/system.slice/docker-abc.scope\n", "", V2),
    "version 2, moved namespace": ("0::/../cri-containerd-x.scope\n", "", V2),
    "version 2, name with a colon": ("0::/a:b/c\n", "a:b/c", V2),
    "version 1": ("4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n", "cpu,cpuacct", V1),
    "hybrid": ("4:cpu,cpuacct:/docker/abc\n0::/docker/abc\n", "cpu,cpuacct/docker/abc", V1),
}


def machine(folder: Path, groups: str, place: str = "", files: dict[str, str] | None = None) -> Path:
    """A folder like the root of a machine, with the files of one control group."""
    group = folder / "sys/fs/cgroup" / place
    group.mkdir(parents=True, exist_ok=True)
    (folder / "proc/self").mkdir(parents=True, exist_ok=True)
    (folder / "proc/self/cgroup").write_text(groups)
    for name, text in (files or {}).items():
        (group / name).write_text(text)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_has_a_quota_and_throttling(tmp_path: Path, layout: str) -> None:
    """The quota is 1.5 cores, and four of ten periods were throttled."""
    root = machine(tmp_path, *LAYOUTS[layout])
    assert quota_cores(root) == 1.5
    assert throttling(root)["nr_throttled"] == 4


def test_the_group_with_the_quota_counts_its_throttled_periods(tmp_path: Path) -> None:
    """A group inside it has no quota, and counts no period."""
    machine(tmp_path, "0::/a/b\n", "a/b", {"cpu.max": "max 100000\n", "cpu.stat": "nr_throttled 0\n"})
    root = machine(tmp_path, "0::/a/b\n", "a", V2)
    assert quota_cores(root) == 1.5
    assert throttling(root)["nr_throttled"] == 4


@pytest.mark.parametrize(
    "files",
    [
        {"memory.max": "1000\n", "memory.current": "700\n", "memory.stat": "inactive_file 200\n"},
        {
            "memory.limit_in_bytes": "1000\n",
            "memory.usage_in_bytes": "700\n",
            "memory.stat": "total_inactive_file 200\n",
        },
    ],
)
def test_the_free_memory_of_a_group_includes_its_cache(tmp_path: Path, files: dict[str, str]) -> None:
    """The kernel can free the cache of files."""
    assert free_memory_bytes(machine(tmp_path, "0::/\n", "", files)) == 500


@pytest.mark.parametrize("limit", ["max\n", f"{2**63 - 4096}\n"])
def test_a_group_without_a_limit_allows_all_memory(tmp_path: Path, limit: str) -> None:
    """Version 1 writes a number for no limit."""
    files = {"memory.max": limit, "memory.current": "700\n"}
    assert free_memory_bytes(machine(tmp_path, "0::/\n", "", files)) is None


def test_processes_that_were_killed_for_memory_are_counted(tmp_path: Path) -> None:
    """The group has a counter of its own."""
    root = machine(tmp_path, "0::/\n", "", {"memory.events": "oom 3\noom_kill 2\n"})
    assert oom_kills(root) == 2


def test_a_machine_without_files_has_unknown_values(tmp_path: Path) -> None:
    """No file of the kernel is necessary."""
    assert quota_cores(tmp_path) is None
    assert throttling(tmp_path) == {}
    assert free_memory_bytes(tmp_path) is None
    assert oom_kills(tmp_path) is None
    assert read_limits(["http://127.0.0.1:80"], tmp_path).ports is None


def test_ports_belong_to_an_address(tmp_path: Path) -> None:
    """The range includes its last port; a name without an address leaves the ports unknown."""
    path = tmp_path / "proc/sys/net/ipv4/ip_local_port_range"
    path.parent.mkdir(parents=True)
    path.write_text("40000\t40040\n")
    machine_limits = read_limits(["http://127.0.0.1:80", "http://127.0.0.1:81"], tmp_path)
    assert (machine_limits.ports, machine_limits.addresses) == (41, 2)
    assert read_limits(["http://name.invalid"], tmp_path).ports is None
