import asyncio
import secrets
import sys
from collections.abc import Sequence

from pydantic import SecretStr

from bench.core.config.autoscaling import Autoscaling
from bench.core.config.stack import Stack
from bench.core.samples.sample import GaugeSample
from bench.core.watch.scaling import ScalingDecision
from bench.measure.stacks.processes import run_processes
from bench.measure.stacks.replicas import Replicas
from bench.measure.watch.autoscaler import Autoscaler
from tests.measure.programs import PROGRAMS

SERVICE = {"command": [sys.executable, "-c", PROGRAMS["good"]], "announces": True, "replicas": 1}
BROKEN = {"command": [sys.executable, "-c", PROGRAMS["broken"]], "announces": True, "replicas": 1}


def _stack(model: dict[str, object]) -> Stack:
    return Stack.model_validate({"name": "trial", "purpose": "A test.", "services": {"model": model}})


def _scale(service: dict[str, object], depths: Sequence[float | None]) -> list[ScalingDecision]:
    """Return the decisions at some queue depths, twenty seconds after each other."""
    rule = Autoscaling.model_validate({"between": "1..2", "target": 5, "down_after": "15s"})

    async def run(replicas: Replicas) -> list[ScalingDecision]:
        at_depth = iter(depths)

        async def read_gauges(at_s: float) -> list[GaugeSample]:
            depth = next(at_depth)
            name = "queue_depth" if depth is not None else "other"
            return [GaugeSample(at_s=at_s, service="model-1", name=name, value=depth or 0.0)]

        autoscaler = Autoscaler("model", rule, replicas, read_gauges)
        decisions: list[ScalingDecision] = []
        for number in range(len(depths)):
            decisions += await autoscaler.read(20.0 * number)
        await autoscaler.close()
        return decisions

    with run_processes(_stack(SERVICE), SecretStr(secrets.token_hex(20))) as running:
        started = running.processes
        assert started is not None
        changed = Stack.model_validate(
            {"name": "trial", "purpose": "A test.", "services": {"model": service}}
        )
        started.stack = changed
        decisions = asyncio.run(run(Replicas(started)))
        assert len(running.pids) == (decisions[-1].after if decisions[-1].problem is None else 1)
        assert running.find_dead_service() is None
    return decisions


def test_instances_follow_the_gauge() -> None:
    """A queue starts an instance, and it ends when the queue is gone; a missing gauge decides nothing."""
    decisions = _scale(SERVICE, [0, None, 9, 9, 0])
    changes = [(decision.at_s, decision.value, decision.before, decision.after) for decision in decisions]
    assert changes == [(40.0, 9.0, 1, 2), (80.0, 0.0, 2, 1)]
    assert all(decision.gauge == "model.queue_depth" for decision in decisions)
    assert all(decision.took_s is not None for decision in decisions)


def test_an_instance_that_does_not_start_is_a_decision_with_a_problem() -> None:
    """The load goes on with the other instances."""
    (decision,) = _scale(BROKEN, [9])
    assert decision.took_s is None
    assert "service 'model-2' did not start" in (decision.problem or "")
