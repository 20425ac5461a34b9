"""The reports of load generators on other machines after a load."""

from collections import Counter
from contextlib import suppress

import numpy as np

from bench.core.config.run_spec import RunSpec
from bench.core.load.clock_offset import ClockOffset, describe_clock
from bench.core.load.plan import plan
from bench.core.run.generator_reports import GeneratorLoss, GeneratorReport, count_missing
from bench.core.samples.sample import generator_source
from bench.core.watch.host import Host, find_shared_cores
from bench.measure.cluster.remote_generator import RemoteGenerator
from bench.measure.load.workers import Workers


async def read_reports(workers: Workers, spec: RunSpec, *, is_complete: bool) -> tuple[GeneratorReport, ...]:
    """Return the reports of the load generators, just after a load and before their next job.

    Args:
        workers: The load generators.
        spec: The scenario of the load.
        is_complete: Whether the load did not end early.
    """
    shares = {number: share for share, number in enumerate(workers.requests, 1)}
    reports: list[GeneratorReport] = []
    for number, generator in enumerate(workers.generators):
        if isinstance(generator, RemoteGenerator):
            report = await _read_report(generator)
            changes = {
                "source": generator_source(number),
                "share": (shares.get(number, 0), len(shares)),
                "requests": workers.requests.get(number, 0),
                "lost": _describe_loss(workers, spec, number, is_complete=is_complete),
            }
            reports.append(report.model_copy(update=changes))
    return tuple(reports)


def _describe_loss(
    workers: Workers, spec: RunSpec, number: int, *, is_complete: bool
) -> GeneratorLoss | None:
    """Return the loss of a load generator; `None` if its share is complete."""
    if number in workers.lost_before and number not in workers.requests:
        return GeneratorLoss(at_s=0.0, reason=workers.lost_before[number], missing=0, is_estimate=False)
    losses = {loss.number: loss for loss in workers.losses}
    if number not in losses:
        return None
    loss = losses[number]
    missing, is_estimate = count_missing(
        plan(spec), number, workers.requests, losses, is_complete=is_complete
    )
    at_s = loss.at_s - (workers.began_s or loss.at_s)
    return GeneratorLoss(at_s=at_s, reason=loss.message, missing=missing, is_estimate=is_estimate)


async def _read_report(generator: RemoteGenerator) -> GeneratorReport:
    """Return the part of a report that the load generator knows by itself."""
    after: ClockOffset | None = None
    machine: Host | None = None
    with suppress(EOFError):  # it was lost
        after = await generator.compare_clock()
        machine = await generator.read_host()
    used_pct = generator.machine_cpu_pct
    return GeneratorReport(
        name=generator.worker,
        host=generator.card["host"],
        source="",
        share=(0, 0),
        requests=0,
        clock=describe_clock(generator.offset, after),
        bench=generator.card["bench"],
        python=generator.card["python"],
        machine_cpu_pct=float(np.quantile(used_pct, 0.95)) if used_pct else None,
        machine=machine,
    )


def find_fewest_cores(workers: Workers) -> float | None:
    """Return the number of cores that load generators and their reference server share, if these are too few.

    Several load generators may be on one machine. Of several machines, the one with the fewest cores counts.
    """
    machines = [generator for generator in workers.generators if isinstance(generator, RemoteGenerator)]
    counts = Counter(generator.card["host"] for generator in machines)
    shared: list[float] = []
    for generator in machines:
        cores = find_shared_cores(generator.hello.machine, counts[generator.card["host"]])
        if cores is not None:
            shared.append(cores)
    return min(shared, default=None)
