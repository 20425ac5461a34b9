"""The connections, open files and memory that a plan needs on the load generator's machine."""

from dataclasses import dataclass, replace

from bench.core.config.executors import OpenLoop, count_sessions
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario

OWN_FILES = 15
"""Open files of a load generator without connections: its pipes, its timer and its event loop."""
PROCESS_BYTES = 36_000_000
"""Memory of a load generator without VUs that no other process shares (docs/explanation/scale.md)."""
CONNECTION_BYTES = 16_000
"""Memory of a VU and of the kernel for a connection without TLS; other connections need more."""
REQUEST_BYTES = 150
"""Memory of a stored request."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Needs of a plan. The VUs of closed loops are certain; open loops may need up to `max_vus`."""

    workers: int = 1
    """Number of load generators, which share the connections."""
    vus: int = 0
    """Number of VUs of closed loops."""
    connections: int = 0
    """Number of connections that are certain: one per VU and target."""
    most_vus: int = 0
    """Largest number of VUs, with those of open loops."""
    most_connections: int = 0
    """Largest number of connections, with those of open loops."""
    requests: int = 0
    """Number of requests that are certain: those of open loops."""

    def files(self, connections: int) -> int:
        """Return the number of open files of the busiest load generator."""
        return OWN_FILES + -(-connections // self.workers)

    def memory_bytes(self, connections: int) -> int:
        """Return the least memory of the load generators and of the stored requests."""
        processes = self.workers * PROCESS_BYTES
        return processes + connections * CONNECTION_BYTES + self.requests * REQUEST_BYTES

    def of_some(self, workers: int) -> "Needs":
        """Return the needs of some of the load generators, without the stored requests, which the run has.

        Args:
            workers: Their number.
        """

        def divide(count: int) -> int:
            return -(-count * workers // self.workers)

        return replace(
            self,
            workers=workers,
            vus=divide(self.vus),
            connections=divide(self.connections),
            most_vus=divide(self.most_vus),
            most_connections=divide(self.most_connections),
            requests=0,
        )


def needs_of(spec: RunSpec, workers: int = 1) -> Needs:
    """Return the needs of a scenario.

    Args:
        spec: The scenario with its targets.
        workers: Number of load generators.
    """
    vus = 0
    max_vus = 0
    for phase in spec.scenario.phases:
        if isinstance(phase, OpenLoop):
            max_vus = max(max_vus, phase.max_vus)
        else:
            vus = max(vus, count_sessions(phase))
    arms = len(spec.targets)
    if spec.is_journey:  # each VU has a connection to each service
        arms = max(arms, len({target.service for target in spec.interfaces}))
    # An open loop uses the idle connections of closed loops first.
    more_vus = max(0, max_vus - vus)
    return Needs(
        workers=workers,
        vus=vus,
        connections=vus * arms,
        most_vus=vus + more_vus,
        most_connections=vus * arms + more_vus,
        requests=_count_arrivals(spec.scenario),
    )


def _count_arrivals(scenario: Scenario) -> int:
    """Return the planned number of requests of all open loops."""
    requests = 0.0
    for phase in scenario.phases:
        if isinstance(phase, OpenLoop):
            requests += phase.requests
    return int(requests)
