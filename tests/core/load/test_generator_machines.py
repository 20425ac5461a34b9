import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.generator_machines import GeneratorMachine, find_limits_of_machines
from bench.core.load.machine_limits import MachineLimits, find_risks, find_shortages
from bench.core.load.needs import CONNECTION_BYTES, PROCESS_BYTES, Needs

PORTS = MachineLimits(ports=100)
FILES = MachineLimits(open_files=100)
MEMORY = MachineLimits(memory_bytes=100 * CONNECTION_BYTES)


def _machine(name: str, network: str, machine_limits: MachineLimits) -> GeneratorMachine:
    return GeneratorMachine(f"worker '{name}' on {network}", network, machine_limits)


def _closed(vus: int, workers: int) -> Needs:
    return Needs(workers=workers, vus=vus, connections=vus, most_vus=vus, most_connections=vus)


def test_the_machine_that_is_too_small_for_its_share_is_named() -> None:
    """A second machine with more ports fits, and a load that all of them fit has no shortage."""
    machines = [_machine("a", "lab", PORTS), _machine("b", "desk", MachineLimits(ports=1000))]
    (shortage,) = find_limits_of_machines(find_shortages, _closed(202, 2), machines)
    assert shortage.startswith("worker 'a' on lab: the load generator would run out of ports (100 for 101 ")
    assert find_limits_of_machines(find_shortages, _closed(200, 2), machines) == []


@pytest.mark.parametrize("machine_limits", [PORTS, MEMORY])
def test_load_generators_of_one_machine_share_its_ports_and_its_memory(machine_limits: MachineLimits) -> None:
    """The shortage is reported once; two machines, or a limit for each process, permit twice the load."""
    together = [_machine(name, "lab", machine_limits) for name in "ab"]
    apart = [_machine(name, f"lab-{name}", machine_limits) for name in "ab"]
    assert len(find_limits_of_machines(find_shortages, _closed(101, 2), together)) == 1
    assert find_limits_of_machines(find_shortages, _closed(100, 2), together) == []
    assert find_limits_of_machines(find_shortages, _closed(200, 2), apart) == []
    files = [_machine(name, "lab", FILES) for name in "ab"]
    assert find_limits_of_machines(find_shortages, _closed(2 * 85, 2), files) == []
    assert find_limits_of_machines(find_shortages, _closed(2 * 85 + 1, 2), files)


def test_a_slow_target_may_use_up_a_machine() -> None:
    """The VUs of an open loop are a risk and no shortage; its stored requests need memory of the run only."""
    needs = Needs(workers=2, most_vus=300, most_connections=300, requests=10**9)
    machines = [_machine("a", "lab", MEMORY), _machine("b", "desk", MachineLimits())]
    assert find_limits_of_machines(find_shortages, needs, machines) == []
    (risk,) = find_limits_of_machines(find_risks, needs, machines)
    assert risk.startswith("worker 'a' on lab: ")
    assert "up to 150 VUs" in risk


@given(st.integers(0, 10_000), st.integers(1, 40), st.data())
def test_parts_of_the_load_generators_have_all_needs(count: int, workers: int, data: st.DataObject) -> None:
    """Shares are rounded up, so the parts never need less than the complete load."""
    part = data.draw(st.integers(1, workers))
    needs = _closed(count, workers)
    assert needs.of_some(part).connections * workers >= count * part
    assert needs.of_some(workers) == needs
    assert needs.of_some(part).files(needs.of_some(part).connections) <= needs.files(count)
    assert needs.of_some(part).memory_bytes(0) == part * PROCESS_BYTES
