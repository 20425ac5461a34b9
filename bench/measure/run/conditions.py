"""The settings of a measurement that are not part of its scenario, and who is told of its progress."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.core.watch.host import Cores
from bench.measure.http.route import DIRECT, Route
from bench.measure.stacks.start_options import Reroute

if TYPE_CHECKING:
    from bench.core.load.progress import Progress
    from bench.core.run.run_start import RunStart
    from bench.core.run.run_store import RunStore
    from bench.measure.cluster.cluster import Cluster
    from bench.measure.stacks.shared_services import SharedServices


def _ignore(event: object) -> None:
    """Do nothing."""


OpenStore = Callable[[Path, "RunStart", Collection[str]], "RunStore"]
"""Opens the store of a run, given the run's folder, its start, and texts that it must not contain."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Functions that a measurement calls while it runs. A function that is left out does nothing."""

    progress: Callable[["Progress"], None] = _ignore
    """Receives the progress of a run about twice a second."""
    note: Callable[[str], None] = _ignore
    """Receives one line about the next step."""
    warning: Callable[[str], None] = _ignore
    """Receives one line about a problem that does not end the run."""

    def followed_by(self, describe: Callable[["Progress"], str], part: str = "") -> "Listener":
        """Return a listener for a part of a longer measurement, whose progress names what follows the part.

        Args:
            describe: Return the step after the part, from the progress of the part.
            part: Name of the part, such as `pair 3, main`; empty without a name.
        """

        def show(progress: "Progress") -> None:
            afterwards = (*progress.afterwards, describe(progress))
            self.progress(replace(progress, afterwards=afterwards, part=part or progress.part))

        return replace(self, progress=show)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Settings of a measurement that are not part of its scenario."""

    urls: Mapping[str, str] = field(default_factory=dict)
    """Addresses by service, for a stack that runs elsewhere."""
    injections: Mapping[str, float] = field(default_factory=dict)
    """Values of knobs that slow the stack down, by knob."""
    workers: int = 1
    """Number of load generator processes."""
    cluster: "Cluster | None" = None
    """The Dask workers that generate the load; `None` for processes of this machine."""
    route: Route = DIRECT
    """The way to the stack."""
    tree: Path | None = None
    """Folder with the files of the services, for another version; `None` for the current folder."""
    images: Mapping[str, str] = field(default_factory=dict)
    """Images that were built for this version, by service of the compose file."""
    is_compared: bool = False
    """Whether another version of the stack may be up at the same time."""
    shared_services: "SharedServices | None" = None
    """Services that another version uses, too; `None` without any."""
    state: Path | None = None
    """Folder for files that the services write; `None` for a new one."""
    results: Path | None = None
    """Folder of the stored runs, which gets the logs of the services; `None` to keep no log."""
    open_store: OpenStore | None = None
    """Opens the store of a run in its folder; `None` to keep runs in memory only."""
    shared: bool = True
    """Use a stack that is already up."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that replace those of the caller's environment: in the compose file, or in each service."""
    otlp_url: str | None = None
    """Address that receives the spans of the services; `None` without a receiver."""
    reroute: Reroute | None = None
    """Leads connections of the services through relays; `None` without faults of the network."""
    calibrated: bool = True
    """Calibrate after the load, and before it if the run starts the stack."""
    cores: tuple[Cores, Cores] | None = None
    """Cores of the load generators, and of a stack that this run starts; `None` for all."""
    is_ready: bool = False
    """Whether the target has answered just now, so that the run does not wait for it."""
