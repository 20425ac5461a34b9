import secrets
import sys

import psutil
from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.measure.stacks.processes import run_processes
from bench.measure.stacks.start_options import StartOptions
from bench.measure.watch.resources import ResourceSampler
from tests.measure.programs import PROGRAMS

SECRET = SecretStr(secrets.token_hex(20))
GOOD = [sys.executable, "-c", PROGRAMS["good"]]


def _stack(replicas: int) -> Stack:
    knobs = {"delay_ms": "DELAY"}
    services = {
        "backend": {"command": GOOD, "announces": True, "replicas": replicas, "knobs": knobs},
        "balancer": {
            "command": [*GOOD, "${backend.addresses}"],
            "announces": True,
            "balances": "backend",
            "environment": {"URLS": "${backend.urls}"},
        },
    }
    return Stack.model_validate({"name": "trial", "purpose": "A test.", "services": services})


def test_each_replica_is_a_process_with_its_own_address_and_log() -> None:
    """The balancer starts last and gets all addresses; the service's address is that of the balancer."""
    with run_processes(_stack(2), SECRET, StartOptions(injections={"backend.delay_ms": 5})) as running:
        assert list(running.pids) == ["backend-1", "backend-2", "balancer"]
        assert len({*running.pids.values()}) == 3
        assert running.url("backend") == running.url("balancer")
        assert running.instance_urls("backend").keys() == {"backend-1", "backend-2"}
        both = ",".join(running.instance_urls("backend").values())
        assert psutil.Process(running.pids["balancer"]).environ()["URLS"] == both
        assert psutil.Process(running.pids["backend-2"]).environ()["DELAY"] == "5"
        sampler = ResourceSampler(running.pids, [])
        sampler.sample(0.0)
        assert {sample.source for sample in sampler.sample(1.0)} == {*running.pids}


def test_a_balancer_stands_in_front_of_one_replica_too() -> None:
    """The number of replicas changes no address that others use."""
    with run_processes(_stack(1), SECRET) as running:
        assert list(running.pids) == ["backend-1", "balancer"]
        assert running.url("backend") == running.url("balancer")
        assert running.url("backend-1") != running.url("balancer")
