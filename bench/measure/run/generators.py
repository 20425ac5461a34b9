"""The load generators of a run: processes of this machine, or those of a cluster."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from bench.core.config.run_spec import RunSpec
from bench.core.load.generator_machines import find_limits_of_machines
from bench.core.load.machine_limits import find_risks, find_shortages
from bench.core.load.needs import needs_of
from bench.core.run.generator_reports import GeneratorReport
from bench.core.run.recording import shift_stalls
from bench.core.samples.sample import generator_number
from bench.core.watch.host import GENERATORS, STACK, Cores, find_shared_cores
from bench.errors import ConfigError
from bench.measure.calibration.run_calibration import RunCalibration
from bench.measure.load.workers import Workers, start_workers
from bench.measure.machine.host import read_machine
from bench.measure.run.subject import Subject

if TYPE_CHECKING:
    from bench.measure.cluster.cluster import Cluster

LOCAL_URL = "http://127.0.0.1"
"""Address of a stack that a run starts, without its port."""


@asynccontextmanager
async def open_generators(count: int, subject: Subject) -> AsyncIterator[Workers]:
    """Start the load generators of a run, and stop them after the block.

    Args:
        count: Number of processes of this machine, unless the subject names a cluster.
        subject: The stack to measure.

    Raises:
        ConfigError: The stack listens on loopback only, and a load generator is elsewhere.
        MeasurementError: A load generator of the cluster did not start.
    """
    if subject.cluster is None:
        async with start_workers(count, subject.cores.get(GENERATORS, ())) as workers:
            yield workers
        return
    # Few runs need the packages of a cluster.
    from bench.measure.cluster.cluster import start_generators  # noqa: PLC0415 - see above

    check_reach(subject.cluster, [*subject.base_urls, *subject.services.values()])
    async with start_generators(subject.cluster) as workers:
        yield workers


async def find_machine_limits(
    workers: Workers, spec: RunSpec, subject: Subject
) -> tuple[list[str], list[str]]:
    """Return why the machines of the load generators cannot send a load, and why they may fail to.

    Args:
        workers: The load generators.
        spec: The scenario of the load.
        subject: The stack to measure.
    """
    if not workers.goes_on:
        needs = needs_of(spec, len(workers.generators))
        return find_shortages(needs, subject.machine_limits), find_risks(needs, subject.machine_limits)
    urls = sorted({*subject.base_urls, *subject.services.values()})
    machines = await workers.read_machines(urls)
    needs = needs_of(spec, max(1, len(machines)))
    shortages = find_limits_of_machines(find_shortages, needs, machines)
    return shortages, find_limits_of_machines(find_risks, needs, machines)


def describe_end(workers: Workers) -> dict[str, object]:
    """Return the fields of `RecordedValues` about the load generators, when the newest load has ended."""
    began_s = workers.began_s or 0.0
    return {
        "http_versions": tuple(sorted(workers.http_versions)),
        "pauses": shift_stalls(workers.pauses, -began_s),
        "longest_turn_s": workers.longest_turn_s,
        "long_turns": shift_stalls(workers.long_turns, -began_s),
    }


async def read_reports(workers: Workers, spec: RunSpec, *, is_complete: bool) -> tuple[GeneratorReport, ...]:
    """Return the reports of load generators on other machines, just after a load.

    Args:
        workers: The load generators.
        spec: The scenario of the load.
        is_complete: Whether the load did not end early.
    """
    if not workers.goes_on:
        return ()
    from bench.measure.cluster import generator_status  # noqa: PLC0415 - as above

    return await generator_status.read_reports(workers, spec, is_complete=is_complete)


def add_trials(
    reports: Sequence[GeneratorReport], calibration: RunCalibration
) -> tuple[GeneratorReport, ...]:
    """Return the reports with the calibrations of the load generators so far."""
    changed: list[GeneratorReport] = []
    for report in reports:
        before, after = calibration.of_generator(generator_number(report.source))
        changed.append(report.model_copy(update={"before": before, "after": after}))
    return tuple(changed)


def count_shared_cores(workers: Workers, cores: Mapping[str, Cores]) -> float | None:
    """Return the number of cores that load generators and their reference server share, if these are too few.

    Args:
        workers: The load generators.
        cores: Cores of the load generators and of the stack on this machine; empty for all.
    """
    if workers.goes_on:
        from bench.measure.cluster import generator_status  # noqa: PLC0415 - as above

        return generator_status.find_fewest_cores(workers)
    bound = cores.get(GENERATORS, ()), cores.get(STACK, ())
    return find_shared_cores(read_machine(), len(workers.pids), *bound)


def check_reach(cluster: "Cluster", urls: Collection[str]) -> None:
    """Check that load generators on other machines can reach the stack.

    Raises:
        ConfigError: An address of it is loopback.
    """
    hidden = [url for url in urls if is_loopback(url)]
    elsewhere = [worker.name for worker in cluster.workers if not worker.shares_loopback]
    if hidden and elsewhere:
        name = elsewhere[0]
        raise ConfigError(
            f"worker '{name}' is on another machine, and cannot reach the stack at {hidden[0]}",
            "start the stack where all workers reach it, and name its address: --url http://HOST:PORT",
        )


def is_loopback(url: str) -> bool:
    """Return whether only processes of one machine reach an address."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
