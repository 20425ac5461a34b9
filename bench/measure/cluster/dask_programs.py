"""The programs of Dask that a cluster of load generators consists of: their commands and their settings.

Dask executes code for every client that reaches it. Without TLS, each program therefore listens on loopback
only, unless an address is given.
"""

import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec

from bench.core.config.inherited_variables import inherit_for_load
from bench.errors import ConfigError
from bench.measure.cluster.access import SchedulerAccess
from bench.measure.machine.limits import raise_open_file_limit

LOOPBACK = "127.0.0.1"
ANYWHERE = "0.0.0.0"  # noqa: S104 - only with TLS, or if the user permits it
DISTRIBUTED_SETTINGS: Mapping[str, str] = {
    # A load generator that stops for a profile, or for memory that others use, measures late.
    "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "False",
    # A share of a load belongs to one machine: no other one may start it again.
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",
    "DASK_DISTRIBUTED__SCHEDULER__WORK_STEALING": "False",
    # Pages of Dask that nobody reads, on a port of their own.
    "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]",
    "DASK_DISTRIBUTED__WORKER__HTTP__ROUTES": "[]",
    "OMP_NUM_THREADS": "1",
}
"""Environment variables of the scheduler and of each worker."""
# A worker that never reached its scheduler ends after this time; one that loses it ends at once.
_DEATH_TIMEOUT_S = 300
_OWN_SETTINGS = "DASK_"


def scheduler_command(access: SchedulerAccess, listen: str, python: str = sys.executable) -> list[str]:
    """Return the command of a scheduler.

    Args:
        access: The way to it.
        listen: Address of the machine on which it listens.
        python: The Python interpreter.
    """
    command = [python, "-m", "distributed.cli.dask_scheduler"]
    command += ["--host", listen, "--port", str(access.port), "--protocol", _protocol(access)]
    command += ["--no-dashboard", "--dashboard-address", f"{LOOPBACK}:0"]
    return command + _tls_options(access)


def worker_command(
    access: SchedulerAccess, name: str, listen: str | None = None, python: str = sys.executable
) -> list[str]:
    """Return the command of a worker: one load at a time, and no limit of memory at which Dask ends it.

    Args:
        access: The way to the scheduler.
        name: Name of the worker, unique in the cluster.
        listen: Address of the machine on which it listens; `None` for the one that reaches the scheduler.
        python: The Python interpreter.
    """
    command = [python, "-m", "distributed.cli.dask_worker", access.address, "--name", name]
    command += ["--no-nanny", "--nworkers", "1", "--nthreads", "1", "--memory-limit", "0"]
    command += ["--protocol", _protocol(access), "--death-timeout", str(_DEATH_TIMEOUT_S)]
    command += ["--no-dashboard", "--dashboard-address", f"{LOOPBACK}:0"]
    if listen is not None:
        command += ["--host", listen]
    return command + _tls_options(access)


def worker_environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables of a worker: those of a load generator, and the settings of Dask.

    A load brings the variables that it uses, so that a worker knows no other secret of its machine.
    """
    environment = inherit_for_load(environ)
    for name, value in environ.items():
        if name.startswith(_OWN_SETTINGS):
            environment[name] = value
    return {**environment, **DISTRIBUTED_SETTINGS}


def become_worker(access: SchedulerAccess, name: str, listen: str | None = None) -> None:
    """Replace this process by a worker, which may open as many files as the machine permits.

    Raises:
        ConfigError: Dask is not installed.
    """
    require_dask()
    raise_open_file_limit()
    command = worker_command(access, name, listen)
    os.execve(command[0], command, worker_environment())  # noqa: S606 - a program of this environment


def require_dask() -> None:
    """Check that the packages of a cluster are installed.

    Raises:
        ConfigError: They are not.
    """
    for package in ("distributed", "cryptography"):
        if find_spec(package) is None:  # an import takes half a second
            problem = "load from several machines needs the packages of Dask, which are not installed"
            raise ConfigError(problem, "pip install 'chatbench[cluster]'")


def _protocol(access: SchedulerAccess) -> str:
    return access.address.partition(":")[0]


def _tls_options(access: SchedulerAccess) -> list[str]:
    """Return the options of a program whose connections are encrypted."""
    if access.tls_files is None:
        return []
    public, private = map(str, access.tls_files)
    return ["--tls-ca-file", public, "--tls-cert", public, "--tls-key", private]
