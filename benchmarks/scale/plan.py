"""Plan a large load on paper: how many load generators and machines it needs, and which limit comes first."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from bench.core.load.needs import OWN_FILES
from benchmarks.scale.costs import Costs
from benchmarks.scale.simulation import MergePlan

BUSY_SHARE = 0.5
"""Share of its core that a load generator may use: requests that arrive together then wait little."""
# Headers of Ethernet, IPv4 and TCP with time stamps, and of an acknowledgement for every second packet.
_PACKET_BYTES = 66.0
_ACKNOWLEDGEMENT_BYTES = 33.0
_OWN_CORES = 1
_CORES = 8
_DEFAULT_PORTS = 28_232
_DEFAULT_FILES = 1_024


@dataclass(frozen=True)
class BigLoad:
    """A load that one machine does not carry."""

    name: str
    vus: int
    think_s: float
    """Pause of a VU between two requests."""
    first_token_s: float
    gap_s: float
    """Time between tokens."""
    tokens: int
    """Tokens of an answer."""

    @property
    def answer_s(self) -> float:
        """Duration of an answer."""
        return self.first_token_s + self.gap_s * (self.tokens - 1)

    @property
    def requests_per_s(self) -> float:
        """Requests of all VUs per second."""
        return self.vus / (self.think_s + self.answer_s)

    @property
    def streams(self) -> float:
        """Answers in progress."""
        return self.requests_per_s * self.answer_s

    @property
    def tokens_per_s(self) -> float:
        """Tokens of all answers per second."""
        return self.requests_per_s * self.tokens


LOADS = (
    BigLoad("10,000 VUs", vus=10_000, think_s=20.0, first_token_s=0.5, gap_s=0.03, tokens=200),
    BigLoad("100,000 streams", vus=100_000, think_s=0.0, first_token_s=0.5, gap_s=0.05, tokens=500),
)
"""Users who read and write for 20 s between two answers, and a server of which every VU always streams."""


@dataclass(frozen=True)
class LoadNeeds:
    """What a load needs."""

    load: BigLoad
    cores: float
    """Cores that are busy all the time."""
    generators: int
    """Load generators, one per core."""
    machines: int
    """Machines with eight cores, of which one is for the kernel and Dask."""
    memory_gb: float
    """Memory of all load generators, with that of the kernel for their connections."""
    network_gbit: float
    """Bits of the answers per second, with the headers of their packets."""
    run: MergePlan
    """The work of the process of the run."""

    @property
    def files(self) -> int:
        """Open files of a load generator."""
        return OWN_FILES + math.ceil(self.load.vus / self.generators)

    @property
    def ports(self) -> int:
        """Ports of a machine for connections to one address."""
        return math.ceil(self.load.vus / self.machines)


def plan_load(load: BigLoad, costs: Costs, latency_s: float = 0.001) -> LoadNeeds:
    """Return the needs of a load."""
    cores = (load.requests_per_s * costs.request_us + load.tokens_per_s * costs.token_us) / 1e6
    generators = max(1, math.ceil(cores / BUSY_SHARE))
    vu_bytes = max(costs.stream_bytes, costs.idle_vu_bytes) + costs.kernel_bytes
    packet = costs.token_wire_bytes + _PACKET_BYTES + _ACKNOWLEDGEMENT_BYTES
    run = MergePlan(
        workers=generators,
        requests_per_s=load.requests_per_s / generators,
        batch_us=costs.batch_us,
        sample_us=costs.merge_us,
        batch_bytes=costs.batch_bytes,
        sample_bytes=costs.sample_bytes,
        latency_s=latency_s,
    )
    return LoadNeeds(
        load=load,
        cores=cores,
        generators=generators,
        machines=math.ceil(generators / (_CORES - _OWN_CORES)),
        memory_gb=(generators * costs.process_bytes + load.vus * vu_bytes) / 1e9,
        network_gbit=load.tokens_per_s * packet * 8 / 1e9,
        run=run,
    )


def find_limits(needs: LoadNeeds) -> Iterator[str]:
    """Yield the limits of usual machines that a plan exceeds, each with its cure."""
    if needs.files > _DEFAULT_FILES:
        yield f"{needs.files:,} open files for each load generator, usual are {_DEFAULT_FILES:,}: `ulimit -n`"
    if needs.ports > _DEFAULT_PORTS:
        least = math.ceil(needs.load.vus / _DEFAULT_PORTS)
        yield f"{needs.ports:,} ports for each machine, usual are {_DEFAULT_PORTS:,}: {least} machines"
    per_machine = needs.network_gbit / needs.machines
    if per_machine > 1:
        yield f"{per_machine:.1f} Gbit/s for each machine: a network of 10 Gbit/s"
    if needs.run.utilisation > BUSY_SHARE:
        yield f"the process of the run: {needs.run.utilisation:.0%} of a core"


def most_generators(costs: Costs, requests_per_s: float) -> int:
    """Return the number of load generators whose batches keep the process of the run busy all the time."""
    one = MergePlan(1, requests_per_s, costs.batch_us, costs.merge_us, costs.batch_bytes, costs.sample_bytes)
    return int(1 / one.utilisation)
