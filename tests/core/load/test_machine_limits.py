from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.load.machine_limits import MachineLimits, describe_fault, find_risks, find_shortages
from bench.core.load.needs import OWN_FILES, Needs, needs_of
from bench.core.samples.sample import GeneratorFault
from tests.factories import make_scenario, make_spec

OPEN_LOOP = {"executor": "constant-arrival-rate", "rate": 10, "duration": "60s", "max_vus": 200}
RAMP = {
    "executor": "ramping-arrival-rate",
    "start_rate": 0,
    "max_vus": 50,
    "stages": [{"target": 10, "duration": "10s"}, {"target": 10, "duration": "10s"}],
}
SIXTY = Needs(vus=60, connections=60, most_vus=60, most_connections=60)
OPEN = Needs(most_vus=200, most_connections=200)
SMALLER = "use fewer VUs, or a machine with more memory"
WIDE = "sysctl -w net.ipv4.ip_local_port_range='1024 65535'"


def test_each_vu_needs_a_connection_to_each_target() -> None:
    """VUs of closed loops are certain."""
    spec = make_spec()
    assert needs_of(spec) == Needs(vus=10, connections=10, most_vus=10, most_connections=10)
    twice = spec.model_copy(update={"compare_with": spec.target})
    assert needs_of(twice).connections == 20


def test_an_open_loop_may_need_connections() -> None:
    """Its VUs are only possible, its requests are certain, and it uses the VUs of closed loops first."""
    alone = needs_of(make_spec(make_scenario(phases=[OPEN_LOOP])))
    assert alone == Needs(most_vus=200, most_connections=200, requests=600)
    phases = [*make_scenario().model_dump()["phases"], OPEN_LOOP]
    both = needs_of(make_spec(make_scenario(phases=phases)))
    assert (both.connections, both.most_connections) == (10, 200)


def test_the_requests_of_a_ramp_are_its_area() -> None:
    """Half of the first stage, and all of the second."""
    assert needs_of(make_spec(make_scenario(phases=[RAMP]))).requests == 150


@given(st.integers(1, 10_000), st.integers(1, 32))
def test_load_generators_share_the_connections(connections: int, workers: int) -> None:
    """The busiest one has its share, rounded up, and its own files."""
    files = Needs(workers=workers).files(connections)
    assert files == OWN_FILES + max(len(range(number, connections, workers)) for number in range(workers))


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_plan_is_refused_only_if_it_needs_more_than_there_is(vus: int, limit: int) -> None:
    """A limit that is reached exactly is enough, for files, ports and memory."""
    needs = Needs(vus=vus, connections=vus, most_vus=vus, most_connections=vus)
    assert bool(find_shortages(needs, MachineLimits(open_files=limit))) == (needs.files(vus) > limit)
    assert bool(find_shortages(needs, MachineLimits(ports=limit))) == (vus > limit)
    memory = MachineLimits(memory_bytes=limit * 50_000)
    assert bool(find_shortages(needs, memory)) == (needs.memory_bytes(vus) > limit * 50_000)
    assert not find_risks(needs, MachineLimits(open_files=limit))


def test_unknown_limits_refuse_no_plan() -> None:
    """A limit that cannot be read allows every plan."""
    assert find_shortages(replace(SIXTY, connections=10**9), MachineLimits()) == []


def test_each_address_of_a_target_has_all_ports() -> None:
    """Two addresses allow twice the connections."""
    assert find_shortages(SIXTY, MachineLimits(ports=41, addresses=2)) == []


def test_an_open_loop_is_warned_and_not_refused() -> None:
    """A fast target needs fewer connections than `max_vus`."""
    machine_limits = MachineLimits(open_files=60, ports=41)
    assert find_shortages(OPEN, machine_limits) == []
    files, ports = find_risks(OPEN, machine_limits)
    assert files == "60 open files are too few for up to 200 VUs: ulimit -n 4096"
    assert ports.startswith("the load generator would run out of ports (41 for up to 200 connections)")


@pytest.mark.parametrize(
    ("needs", "machine_limits", "sentence"),
    [
        (SIXTY, MachineLimits(open_files=60), "60 open files are too few for 60 VUs: ulimit -n 4096"),
        (
            replace(SIXTY, workers=2),
            MachineLimits(open_files=20),
            "20 open files are too few for 60 VUs in 2 load generators: ulimit -n 4096",
        ),
        (
            SIXTY,
            MachineLimits(ports=41),
            f"the load generator would run out of ports (41 for 60 connections): {WIDE}",
        ),
        (
            SIXTY,
            MachineLimits(memory_bytes=30_000_000),
            f"30.0 MB of free memory are too little for 60 VUs, which need 37.0 MB: {SMALLER}",
        ),
    ],
)
def test_a_shortage_names_its_cure(needs: Needs, machine_limits: MachineLimits, sentence: str) -> None:
    """The sentence has the limit, the load, and what to do."""
    assert find_shortages(needs, machine_limits) == [sentence]


def test_the_advised_limit_is_enough() -> None:
    """The limit of open files in the cure allows the plan."""
    needs = Needs(vus=50_000, connections=50_000, most_vus=50_000, most_connections=50_000)
    (sentence,) = find_shortages(needs, MachineLimits(open_files=1024))
    assert find_shortages(needs, MachineLimits(open_files=int(sentence.rsplit(" ", 1)[1]))) == []


@pytest.mark.parametrize("fault", GeneratorFault)
def test_each_fault_has_a_sentence_with_a_cure(fault: GeneratorFault) -> None:
    """It has no full stop, names no target, and its cure follows a colon."""
    sentence = describe_fault(fault, SIXTY, MachineLimits(), "Connection refused")
    assert ": " in sentence
    assert not sentence.endswith(".")


def test_ports_can_run_out_although_there_are_more_than_connections() -> None:
    """A connection that was closed keeps its port for a minute."""
    sentence = describe_fault(GeneratorFault.PORTS, SIXTY, MachineLimits(ports=28_232))
    ports = "the load generator ran out of ports (28232), because closed connections keep theirs for a minute"
    assert sentence == f"{ports}: {WIDE}"
