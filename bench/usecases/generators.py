"""The choice of load generators: processes of this machine, or the Dask workers of a cluster."""

from typing import TYPE_CHECKING

from bench.errors import ConfigError
from bench.measure.cluster.access import find_access, is_scheduler

if TYPE_CHECKING:
    from bench.measure.cluster.cluster import Cluster

_MOST_PROCESSES = 64


def choose_generators(workers: int | str) -> "tuple[int, Cluster | None]":
    """Return the number of load generators, and their cluster if they are not on this machine.

    Args:
        workers: Number of processes of this machine, or the address of a Dask scheduler.

    Raises:
        ConfigError: The option is neither, the scheduler does not answer, or a worker does not fit.
    """
    text = str(workers)
    if is_scheduler(text):
        # Few runs need the packages of a cluster.
        from bench.measure.cluster.cluster import find_cluster  # noqa: PLC0415 - see above

        cluster = find_cluster(find_access(text))
        return len(cluster.workers), cluster
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= _MOST_PROCESSES:
        expected = f"neither a number from 1 to {_MOST_PROCESSES} nor the address of a scheduler"
        raise ConfigError(
            f"--workers: '{text}' is {expected}", "--workers 4, or --workers dask://10.0.0.5:8786"
        )
    return int(text), None
