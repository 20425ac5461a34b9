"""`bench workers`: load generators on this machine, on other machines, and in a cluster."""

from pathlib import Path
from typing import Annotated

import typer

from bench.cli.console import say
from bench.core.values import wording
from bench.core.values.units import ms
from bench.measure.run.conditions import Listener
from bench.usecases import workers
from bench.usecases.workers import ClusterOptions, ListedWorker

_UNKNOWN = "–"  # noqa: RUF001 - a dash
Scheduler = Annotated[
    str, typer.Argument(metavar="SCHEDULER", help="Address of the scheduler: dask://HOST:8786.")
]
Certificates = Annotated[
    Path | None,
    typer.Option(
        "--certificates", metavar="FOLDER", help="Use these certificates (default: BENCH_CERTIFICATES)."
    ),
]
NeedsTls = Annotated[
    bool, typer.Option("--tls/--no-tls", help="Refuse connections between machines without certificates.")
]
Listen = Annotated[
    str | None,
    typer.Option("--listen", metavar="ADDRESS", help="Accept connections at this address of the machine."),
]
Wait = Annotated[
    int, typer.Option("--wait", metavar="N", min=0, help="Wait until N have joined, at most 5 minutes.")
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="Set the name (default: host and process id).")
]


def up(
    *,
    count: Annotated[
        int,
        typer.Option(
            "--count", metavar="N", min=0, max=512, help="Start this number; 0 is a scheduler alone."
        ),
    ] = 2,
    host: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="Let other machines join at this address.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65_535, help="Use this port; 0 is a free one.")
    ] = 8786,
    certificates: Certificates = None,
    tls: NeedsTls = True,
) -> None:
    """Start a scheduler and load generators on this machine.

    Prints the address for `--workers`, and the command for other machines. They can join only if you name an
    address of this machine with `--host`.
    """
    options = ClusterOptions(count, host, port, certificates)
    access = workers.workers_up(options, needs_tls=tls, listener=Listener(note=say))
    print(access)
    say(f"{wording.counted(count, 'load generator')} up" if count else "scheduler up")
    say(f"use them: bench run SCENARIO --workers {access}")
    if options.is_shared:
        join = f"bench workers join {access}{'' if tls else ' --no-tls'}"
        say(f"add another machine, there: {join}")


def down() -> None:
    """End the scheduler and load generators of this folder."""
    count = workers.workers_down(listener=Listener(note=say))
    say(f"{wording.counted(count, 'program')} ended")


def join(
    scheduler: Scheduler,
    *,
    name: Name = None,
    listen: Listen = None,
    certificates: Certificates = None,
    tls: NeedsTls = True,
) -> None:
    """Turn this machine into a load generator of a scheduler.

    It ends with the scheduler, or with Ctrl-C. It sends one load at a time. A job with more cores can call
    this command several times.
    """
    workers.workers_join(scheduler, name=name, listen=listen, certificates=certificates, needs_tls=tls)


def list_(scheduler: Scheduler, *, certificates: Certificates = None, wait: Wait = 0) -> None:
    """List the load generators of a scheduler.

    The clock is that since the start of a machine, compared with the clock of this one.
    """
    rows: list[tuple[str, ...]] = [("name", "host", "version", "cores", "clock", "state")]
    for worker in workers.workers_list(scheduler, certificates=certificates, wait=wait):
        rows.append(_row(worker))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        print("  ".join(cells).rstrip())


def certificates(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="New folder outside of a repository.")
    ] = workers.CERTIFICATES,
) -> None:
    """Write a new certificate for the connections of load generators.

    All machines need the folder, and nobody else may have it: its key lets a person run programs on them.
    """
    written = workers.workers_certificates(folder)
    print(written)
    say(f"copy the folder to each machine, then there: export BENCH_CERTIFICATES={written}")


def manifest(
    *,
    image: Annotated[
        str, typer.Option("--image", metavar="IMAGE", help="Use this image, with a version or digest.")
    ],
    count: Annotated[
        int,
        typer.Option("--count", metavar="N", min=1, max=10_000, help="Set the number of load generators."),
    ] = 2,
    cores: Annotated[
        float, typer.Option("--cores", metavar="N", min=0.1, help="Reserve these cores for each of them.")
    ] = 1.0,
    memory: Annotated[
        int, typer.Option("--memory", metavar="MB", min=128, help="Set the memory of each container.")
    ] = 512,
) -> None:
    """Print a Kubernetes manifest of a scheduler and load generators.

    `docker/workers.Dockerfile` builds the image.
    """
    print(workers.workers_manifest(image, count=count, cores=cores, memory_mb=memory), end="")


def _row(worker: ListedWorker) -> tuple[str, ...]:
    clock = _UNKNOWN
    if worker.clock is not None:
        clock = f"{worker.clock.offset_s:+.3f} s ± {ms(worker.clock.error_s):.1f} ms"
    return (
        worker.name,
        worker.host,
        worker.version or "bench is missing",
        _UNKNOWN if worker.cores is None else str(worker.cores),
        clock,
        f"busy: {worker.run}" if worker.run else "free",
    )
