from typing import Any

import pytest
from pydantic import ValidationError

from bench.core.config.fault import KillFault, SlowNetworkFault, name_fault
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.faults.fault_plan import Edge, list_edges, plan_faults
from bench.errors import ConfigError
from tests.factories import make_scenario

STACK = Stack.model_validate(
    {
        "name": "local",
        "purpose": "Two services.",
        "services": {"agent": {"command": ["agent"]}, "backend": {"command": ["backend"]}},
    }
)
KILL = {"at": "5s", "action": "kill", "service": "agent"}


def scenario(*faults: dict[str, Any], **changes: Any) -> Scenario:
    """A scenario of 30 s with faults."""
    return make_scenario(faults=list(faults), **changes)


def test_an_instance_has_one_fault_at_a_time() -> None:
    """The end of one fault would end the other one, too; faults one after the other are fine."""
    kill_later = {**KILL, "at": "10s"}
    after_each_other = scenario(kill_later, {**KILL, "duration": "5s"}).faults
    assert [fault.index for fault in plan_faults(after_each_other, STACK)] == [0, 1]
    for overlapping in ([KILL, kill_later], [KILL, KILL], [{**KILL, "duration": "6s"}, kill_later]):
        with pytest.raises(ConfigError, match=r"faults\[1\]: 'agent' still has the fault 'kill agent'"):
            plan_faults(scenario(*overlapping).faults, STACK)


def test_a_fault_names_a_service_or_an_instance() -> None:
    """A service with replicas has the fault in all of them, and one of them has it alone."""
    declared = STACK.model_dump()
    declared["services"]["backend"]["replicas"] = 3
    stack = Stack.model_validate(declared)
    every, second = plan_faults(
        scenario(
            {**KILL, "service": "backend", "duration": "1s"}, {**KILL, "at": 9, "service": "backend-2"}
        ).faults,
        stack,
    )
    assert every.instances == ("backend-1", "backend-2", "backend-3")
    assert second.instances == ("backend-2",)
    with pytest.raises(ConfigError, match="no service 'backend-4'"):
        plan_faults(scenario({**KILL, "service": "backend-4"}).faults, stack)


def test_a_stack_that_bench_did_not_start_has_no_faults() -> None:
    """Services that run elsewhere, and those that commands start, are never ended by bench."""
    elsewhere = Stack(name="external", purpose="Elsewhere.", urls={"backend": "http://[::1]:1"})
    faults = scenario(KILL).faults
    with pytest.raises(ConfigError, match="did not start the services of stack 'external'"):
        plan_faults(faults, elsewhere)
    assert plan_faults((), elsewhere) == ()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({**KILL, "service": "agnet"}, r"faults\[0\].service: stack 'local' has no service 'agnet'"),
        (
            {"at": 1, "action": "cut-network", "service": "agent", "from": "front"},
            r"faults\[0\].from: stack 'local' has no service 'front'",
        ),
        ({"at": 1, "action": "cut-network", "service": "agent", "from": "agent"}, "is the service itself"),
    ],
)
def test_a_service_that_does_not_exist_is_named(fault: dict[str, Any], message: str) -> None:
    """The error names the fault, the field and the services."""
    with pytest.raises(ConfigError, match=message):
        plan_faults(scenario(fault).faults, STACK)


def test_faults_of_the_network_need_their_connections() -> None:
    """Only connections with a fault go through a relay."""
    slow = {"action": "slow-network", "service": "agent", "latency": "50ms"}
    slow |= {"from": "backend", "duration": "1s"}
    faults = scenario({"at": 1, **slow}, {"at": 3, **slow}, KILL).faults
    edges = list_edges(plan_faults(faults, STACK))
    assert edges == (Edge("backend", "agent"),)
    assert edges[0].covers("backend", "agent")
    assert not edges[0].covers("clients", "agent")
    assert Edge(None, "agent").covers("clients", "agent")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({**KILL, "at": "30s"}, "is after the end of the load: the load without warm-up takes 30s"),
        ({**KILL, "action": "explode"}, "action"),
        ({"at": 1, "action": "slow-network", "service": "agent"}, "latency, bandwidth or both"),
        (
            {"at": 1, "action": "slow-network", "service": "agent", "latency": "1ms", "jitter": "2ms"},
            "longer than latency",
        ),
        ({"at": 1, "action": "restart", "service": "agent", "duration": "1s"}, "duration"),
    ],
)
def test_a_fault_that_cannot_happen_is_refused(fault: dict[str, Any], message: str) -> None:
    """A wrong fault is an error of the file, and not a run without a fault."""
    with pytest.raises(ValidationError, match=message):
        scenario(fault)


def test_thresholds_on_recovery_need_faults() -> None:
    """Without a fault, no stack recovers; an availability has every run."""
    limits = {"recovery": "<10s", "lost_requests": "<=20", "availability": ">=99.9%"}
    thresholds = scenario(KILL, thresholds=limits).thresholds
    assert list(thresholds) == ["recovery_ms", "lost_requests", "availability_ratio"]
    assert thresholds["recovery_ms"][0].expression.limit == 10_000
    assert thresholds["availability_ratio"][0].expression.limit == 0.999
    assert make_scenario(thresholds={"availability": ">=0.999"}).thresholds
    with pytest.raises(ValidationError, match="needs faults"):
        make_scenario(thresholds={"recovery": "<10s"})


def test_a_fault_has_a_name_for_people() -> None:
    """The name states the action, the service, and how slow its network is."""
    assert name_fault(KillFault(action="kill", at_s=1, service="agent")) == "kill agent"
    slow = SlowNetworkFault(
        action="slow-network", at_s=1, service="agent", caller="backend", latency_s=0.2, bandwidth=64_000
    )
    assert name_fault(slow) == "slow network from backend to agent (+200ms, 64 kB/s)"


def test_the_error_lists_each_name_once() -> None:
    """A service with one instance has the same name as its instance."""
    with pytest.raises(ConfigError) as error:
        plan_faults(scenario({**KILL, "service": "zzz"}).faults, STACK)
    assert error.value.hint is not None
    names = error.value.hint.removeprefix("existing names: ").split(", ")
    assert len(names) == len(set(names))
