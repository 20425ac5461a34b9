"""A stack that is ready to be measured, and the checks and secrets of a load on it."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.core.config.run_spec import RunSpec
from bench.core.config.secret_names import SECRET_NAME
from bench.core.config.stack import RepeatedRequest
from bench.core.load.machine_limits import MachineLimits
from bench.core.load.plan import plan
from bench.core.run.run_store import RunStore
from bench.core.watch.host import Cores
from bench.measure.calibration.reference import Reference
from bench.measure.faults.fault_run import Injection
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.endpoint import SHORTEST_SECRET, Endpoint, list_secrets_of_headers
from bench.measure.run.token_renewal import Tokens
from bench.measure.tiers.run_tiers import TierSources
from bench.measure.watch.watching import WatchedStack

if TYPE_CHECKING:
    from bench.measure.cluster.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Subject:
    """A stack that is ready to be measured."""

    base_urls: Sequence[str]
    """Address of the target's service, and of the second target's service if the scenario has one."""
    tokens: Tokens | None = None
    """Tokens of the VUs; `None` if the target needs no token."""
    pids: Mapping[str, int] = field(default_factory=dict)
    """Process ids of the stack by service; empty if it runs elsewhere."""
    find_dead_service: Callable[[], str | None] = lambda: None
    """Describes a service that ended; returns `None` while all run. It may be slow and runs in a thread."""
    reference: Reference | None = None
    """The reference server; `None` to skip the calibration and the reference workload."""
    pinned: tuple[RepeatedRequest, str] | None = None
    """The stack's own reference request, and the address of its service."""
    tiers: TierSources = field(default_factory=TierSources)
    """Sources of tier times besides the answers."""
    route: Route = DIRECT
    """The way to the stack."""
    cores: Mapping[str, Cores] = field(default_factory=dict)
    """Cores of the load generators and of the stack; empty for all."""
    watched: WatchedStack | None = None
    """The stack to watch during the load; `None` to watch the host only."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Images and settings that must be equal for two runs to be comparable."""
    warnings: Sequence[str] = ()
    """Problems that were seen before the load and do not prevent it."""
    machine_limits: MachineLimits = field(default_factory=MachineLimits)
    """Limits of the load generator's machine."""
    services: Mapping[str, str] = field(default_factory=dict)
    """Address of each service that gets requests, by name; only journeys need it."""
    injection: Injection | None = None
    """The faults to inject; `None` if the scenario has none."""
    store: RunStore | None = None
    """Gets the requests and other values during the run; `None` to keep them in memory."""
    cluster: "Cluster | None" = None
    """The Dask workers that generate the load; `None` for processes of this machine."""


def check_load(spec: RunSpec, subject: Subject) -> None:
    """Check that each request of a scenario can be made.

    Raises:
        ConfigError: A target needs an environment variable that is not set.
    """
    # An error is reported here, and not in a load generator.
    if spec.is_journey:
        # Only journeys need the clients of steps and turns here.
        from bench.measure.load.journey_users import make_setups  # noqa: PLC0415 - see above

        make_setups(spec, plan(spec), subject.services, subject.route, os.environ)
    for url, target in zip(subject.base_urls, spec.targets, strict=True):
        Endpoint.of(spec, url, os.environ, target)


def list_secrets(spec: RunSpec) -> list[str]:
    """Return the values of headers and the secrets of the environment, which no result may contain.

    A service may quote a secret that the load generator does not know, such as its own key.
    """
    environ = {**os.environ, **spec.variables}
    secrets: set[str] = set()
    for target in spec.targets:
        secrets.update(list_secrets_of_headers(target, environ))
    for name, value in environ.items():
        if SECRET_NAME.search(name) and len(value) >= SHORTEST_SECRET:
            secrets.add(value)
    return sorted(secrets, key=len, reverse=True)
