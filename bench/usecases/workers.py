"""Start load generators on several machines, list them, and end them."""

import os
import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bench.errors import ConfigError
from bench.measure.cluster import local_cluster
from bench.measure.cluster.access import CERTIFICATES_VARIABLE, PORT, SchedulerAccess, find_access
from bench.measure.cluster.certificates import write_certificates
from bench.measure.cluster.dask_programs import (
    ANYWHERE,
    DISTRIBUTED_SETTINGS,
    LOOPBACK,
    become_worker,
    scheduler_command,
)
from bench.measure.cluster.local_cluster import ClusterOptions, is_loopback
from bench.measure.cluster.worker_list import ListedWorker, await_workers, list_workers
from bench.measure.run.conditions import Listener
from bench.render import kubernetes
from bench.usecases.options import QUIET

__all__ = [
    "CERTIFICATES",
    "ClusterOptions",
    "ListedWorker",
    "SchedulerAccess",
    "workers_certificates",
    "workers_down",
    "workers_join",
    "workers_list",
    "workers_manifest",
    "workers_up",
]

CERTIFICATES = Path("~/.config/chatbench/workers")
"""Folder for certificates, unless you name another one."""
_JOIN_TIMEOUT_S = 300.0
_NO_TLS = "each person who reaches them can run programs on these machines"


def workers_up(
    options: ClusterOptions = ClusterOptions(), *, needs_tls: bool = True, listener: Listener = QUIET
) -> SchedulerAccess:
    """Start a scheduler and load generators on this machine, and return the way to the scheduler.

    Args:
        options: Their number, and the address for other machines.
        needs_tls: Refuse connections of other machines without TLS.
        listener: Receives notes about a long wait.

    Raises:
        ConfigError: The cluster is up, Dask is missing, or other machines could join without TLS.
        TargetError: A program did not start; the others were ended.
    """
    access = find_access(str(SchedulerAccess(options.host)), options.certificates)
    _require_tls(access, needs_tls=needs_tls)
    return local_cluster.start_cluster(replace(options, certificates=access.certificates), listener.note)


def workers_down(*, listener: Listener = QUIET) -> int:
    """End the scheduler and the load generators that `workers_up` started in this folder.

    Args:
        listener: Receives a note if another command starts or ends them, for which this one waits.

    Returns:
        The number of programs that ended.
    """
    return local_cluster.stop_cluster(listener.note)


def workers_join(
    scheduler: str,
    *,
    name: str | None = None,
    listen: str | None = None,
    certificates: Path | None = None,
    needs_tls: bool = True,
) -> None:
    """Turn this process into a load generator of a scheduler. It ends with the scheduler, or with Ctrl-C.

    Args:
        scheduler: Address of the scheduler, such as `dask://10.0.0.5:8786`.
        name: Name of the load generator, unique in the cluster; default: host and process id.
        listen: Address of this machine for connections; default: the one that reaches the scheduler.
        certificates: Folder of the certificates; default: that of BENCH_CERTIFICATES, if it is set.
        needs_tls: Refuse a scheduler on another machine without TLS.

    Raises:
        ConfigError: The address is wrong, Dask is missing, or the connections would have no TLS.
    """
    access = find_access(scheduler, certificates)
    _require_tls(access, needs_tls=needs_tls)
    if listen is None and is_loopback(access.host):
        listen = LOOPBACK
    become_worker(access, name or f"{platform.node()}-{os.getpid()}", listen)


def workers_list(
    scheduler: str, *, certificates: Path | None = None, wait: int = 0
) -> Sequence[ListedWorker]:
    """Return the load generators of a scheduler.

    Args:
        scheduler: Address of the scheduler, such as `dask://10.0.0.5:8786`.
        certificates: Folder of the certificates; default: that of BENCH_CERTIFICATES, if it is set.
        wait: Number of load generators to wait for, at most five minutes.

    Raises:
        ConfigError: The address is wrong, or Dask is missing.
        TargetError: The scheduler does not answer, or too few load generators joined in time.
    """
    access = find_access(scheduler, certificates)
    if wait:
        await_workers(access, wait, _JOIN_TIMEOUT_S)
    return list_workers(access)


def workers_certificates(folder: Path = CERTIFICATES) -> Path:
    """Write a new certificate for a cluster and its key, and return their folder.

    Raises:
        ConfigError: The folder is in a repository, or has a certificate.
        StoreError: A file cannot be written.
    """
    expanded = folder.expanduser().absolute()
    write_certificates(expanded)
    return expanded


def workers_manifest(image: str, *, count: int = 2, cores: float = 1.0, memory_mb: int = 512) -> str:
    """Return a Kubernetes manifest of a scheduler and its load generators.

    Args:
        image: Image with `bench` and Dask, as `docker/workers.Dockerfile` builds it.
        count: Number of load generators.
        cores: Cores that each load generator reserves.
        memory_mb: Memory of each container, in MiB.
    """
    folder = Path(kubernetes.TLS_FOLDER)
    access = SchedulerAccess(kubernetes.SCHEDULER, PORT, folder)
    join = ["bench", "workers", "join", str(access), "--name", "$(POD_NAME)"]
    manifest = kubernetes.WorkersManifest(
        image=image,
        count=count,
        port=PORT,
        scheduler_command=scheduler_command(access, ANYWHERE, "python"),
        worker_command=join,
        environment={**DISTRIBUTED_SETTINGS, CERTIFICATES_VARIABLE: str(folder), "TMPDIR": "/work"},
        cores=cores,
        memory_mb=memory_mb,
    )
    return kubernetes.workers_manifest(manifest)


def _require_tls(access: SchedulerAccess, *, needs_tls: bool) -> None:
    """Check that no other machine can use a cluster without a certificate.

    Raises:
        ConfigError: It could.
    """
    if needs_tls and access.certificates is None and not is_loopback(access.host):
        raise ConfigError(
            f"connections to {access} have no TLS: {_NO_TLS}",
            "--certificates FOLDER, written by `bench workers certificates FOLDER`; "
            "--no-tls only in a network that no other person reaches",
        )
