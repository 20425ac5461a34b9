import asyncio
import json
import subprocess
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from bench.core.load.clock_offset import ClockOffset
from bench.core.load.generator_machines import GeneratorMachine
from bench.core.run.generator_reports import GeneratorReport, list_early_losses
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import SampleLog
from bench.core.samples.token_times import TokenTimes
from bench.errors import BenchError, Exit
from bench.measure.cluster.cluster import Cluster, find_cluster, start_generators
from bench.measure.cluster.generator_status import read_reports
from bench.measure.cluster.remote_generator import RemoteGenerator
from bench.measure.cluster.versions import read_card
from bench.measure.load.messages import Batch, Job
from bench.measure.load.workers import Workers, start_workers
from bench.measure.run.recorder import record_on
from bench.measure.run.run_hooks import RunHooks
from bench.measure.run.subject import Subject
from tests.chat_services import openai_chat, serve
from tests.command import Done, bench
from tests.factories import make_scenario, make_spec
from tests.measure.cluster.clusters import SHIFT_S, DaskProcesses, dask_processes, shift_clock
from tests.measure.loopback import server, streamed

SECRET = "a-token-that-no-scheduler-reads"
SSE = {"kind": "sse", "text": "text", "done_data": "[DONE]"}
STREAM = [b'data: {"text": "a"}\n\n', b'data: {"text": "b"}\n\n', b"data: [DONE]\n\n"]
PHASES = [
    {"executor": "per-vu-iterations", "vus": 5, "iterations": 3, "duration_s": 60},
    {"executor": "constant-arrival-rate", "rate": 30, "duration_s": 1, "max_vus": 30, "arrivals": "poisson"},
]
LONG = [{"executor": "constant-arrival-rate", "rate": 20, "duration_s": 600, "max_vus": 20}]


@dataclass
class Measured:
    """The reports of load generators."""

    log: SampleLog = field(default_factory=SampleLog)
    tokens: dict[int, TokenTimes] = field(default_factory=dict)

    def take(self, batch: Batch) -> None:
        """Keep a batch."""
        self.log.extend(batch.log)
        for phase, times in batch.token_times.items():
            self.tokens.setdefault(phase, TokenTimes()).merge(times)

    def requests(self) -> Counter[tuple[int, str, int, int]]:
        """Return what identifies each request."""
        samples = self.log.since(0)
        return Counter((sample.phase, sample.prompt, sample.vu, sample.iteration) for sample in samples)

    def planned_s(self) -> dict[int, float]:
        """Return the planned starts of the open loop, from the first one on, by arrival."""
        starts_s = {sample.vu: sample.scheduled_s for sample in self.log.since(0) if sample.phase == 1}
        first_s = min(starts_s.values())
        return {number: start_s - first_s for number, start_s in sorted(starts_s.items())}


@dataclass
class Observed:
    """Everything that happened on one cluster."""

    cluster: Measured = field(default_factory=Measured)
    machine: Measured = field(default_factory=Measured)
    reports: tuple[GeneratorReport, ...] = ()
    offsets: list[ClockOffset] = field(default_factory=list)
    bytes_of_scheduler: bytes = b""
    second_run: BenchError | None = None
    bare: BenchError | None = None
    other_python: BenchError | None = None
    command: Done | None = None
    result: dict[str, Any] = field(default_factory=dict)
    lossy: Measured = field(default_factory=Measured)
    lossy_reports: tuple[GeneratorReport, ...] = ()
    sent_after: int = 0
    after_loss: Measured = field(default_factory=Measured)
    later_reports: tuple[GeneratorReport, ...] = ()
    machines: list[GeneratorMachine] = field(default_factory=list)
    too_large: BenchError | None = None


def _refusal(dask: DaskProcesses, workers: int) -> BenchError:
    with pytest.raises(BenchError) as caught:
        find_cluster(replace(dask.access, workers=workers))
    return caught.value


async def _send(cluster: Cluster, victim: "subprocess.Popen[bytes]", observed: Observed) -> None:
    """Send the same load from this machine and from the cluster, and kill a worker in the load after it."""
    spec = make_spec(make_scenario(phases=PHASES), answer=SSE)
    async with server([streamed(*STREAM)]) as (url, _):
        job = Job(spec, (url,), [SECRET])
        async with start_workers(1) as alone:
            await alone.run(job, observed.machine.take)
        async with start_generators(cluster) as workers:
            with pytest.raises(BenchError) as caught:
                async with start_generators(cluster):
                    pass
            observed.second_run = caught.value
            observed.machines = await workers.read_machines([url])
            observed.too_large = await _refuse_load(workers, url)
            await workers.run(job, observed.cluster.take)
            observed.reports = await read_reports(workers, spec, is_complete=True)
            observed.offsets = [generator.offset for generator in _remote(workers)]
            await _lose_one(workers, url, victim, observed)
            await workers.run(job, observed.after_loss.take)
            observed.later_reports = await read_reports(workers, spec, is_complete=True)


async def _refuse_load(workers: Workers, url: str) -> BenchError:
    """Return the error about a load that needs more ports than any machine has."""
    phases = [{"executor": "constant-vus", "vus": 100_000, "duration_s": 1, "think_time_s": (0, 0)}]
    spec = make_spec(make_scenario(phases=phases), answer=SSE)
    hooks = RunHooks(lambda _: None, lambda _: None, asyncio.Event())
    with pytest.raises(BenchError) as caught:
        await record_on(workers, spec, Subject([url]), hooks)
    return caught.value


def _remote(workers: Workers) -> list[RemoteGenerator]:
    return [generator for generator in workers.generators if isinstance(generator, RemoteGenerator)]


async def _lose_one(
    workers: Workers, url: str, victim: "subprocess.Popen[bytes]", observed: Observed
) -> None:
    """Kill the second worker in the middle of a load."""
    spec = make_spec(make_scenario(phases=LONG), answer=SSE)
    load = asyncio.create_task(workers.run(Job(spec, (url,), [SECRET]), observed.lossy.take))
    # Requests of an earlier job do not count: they are forgotten when the new one has begun.
    await _until(lambda: len(observed.lossy.log) > 0 and min(workers.requests.values()) > 0, load)
    victim.kill()
    await _until(lambda: len(workers.losses) > 0, load)
    before = len(observed.lossy.log)
    await _until(lambda: len(observed.lossy.log) > before, load)
    observed.sent_after = len(observed.lossy.log) - before
    _, stop = await workers.end(load)
    assert stop is None
    observed.lossy_reports = await read_reports(workers, spec, is_complete=False)


async def _command(dask: DaskProcesses, folder: Path, observed: Observed) -> None:
    """Call `bench run ADDRESS`, as a user does."""
    options = ("--vus", "3", "--duration", "1s", "--header", f"authorization: Bearer {SECRET}")
    async with serve(openai_chat) as service:
        address = f"{service.url}/v1/chat/completions"
        workers = str(replace(dask.access, workers=1))
        done = await asyncio.to_thread(bench, "run", address, *options, "--workers", workers, cwd=folder)
    observed.command = done
    observed.result = json.loads((folder / done.out.splitlines()[-1] / "result.json").read_text())


async def _until(condition: Any, load: "asyncio.Task[float]") -> None:
    while not condition():
        assert not load.done()
        await asyncio.sleep(0.02)


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """One scheduler with three workers, of which the second has another clock and the third lacks bench."""
    seen = Observed()
    folder = tmp_path_factory.mktemp("cluster")
    with (
        dask_processes(folder, ["a", "b", "c"], shifted="b", bare="c") as dask,
        pytest.MonkeyPatch.context() as patch,
    ):
        seen.bare = _refusal(dask, 3)
        cluster = find_cluster(replace(dask.access, workers=2))
        asyncio.run(_command(dask, folder, seen))
        asyncio.run(_send(cluster, dask.workers["b"], seen))
        patch.setattr("bench.measure.cluster.cluster.read_card", lambda: {**read_card(), "python": "3.99.1"})
        seen.other_python = _refusal(dask, 1)
        seen.bytes_of_scheduler = b"".join(dask.relay.seen)
    return seen


def test_several_machines_send_the_requests_of_one(observed: Observed) -> None:
    """Each message, VU, iteration and planned start of an open loop occurs as often as on one machine."""
    assert observed.cluster.requests() == observed.machine.requests()
    assert observed.cluster.planned_s() == pytest.approx(observed.machine.planned_s(), abs=1e-6)
    assert {sample.outcome for sample in observed.cluster.log.since(0)} == {Outcome.OK}
    assert [report.share for report in observed.reports] == [(1, 2), (2, 2)]
    assert sum(report.requests for report in observed.reports) == len(observed.machine.log)


def test_the_tokens_of_all_machines_are_counted(observed: Observed) -> None:
    """Each response has one time between its two tokens, on any number of machines."""
    counts = {phase: times.gaps.count for phase, times in observed.cluster.tokens.items()}
    assert counts == {phase: times.gaps.count for phase, times in observed.machine.tokens.items()}


def test_the_error_of_a_clock_covers_its_true_offset(observed: Observed) -> None:
    """One worker has the clock of this machine, and the other one is ahead if the system permits it."""
    shift_s = float(SHIFT_S) if shift_clock() else 0.0
    for offset, true_s in zip(observed.offsets, (0.0, shift_s), strict=True):
        assert abs(offset.offset_s - true_s) <= offset.error_s
    for report in observed.reports:
        assert report.clock.drift_ms is not None
        assert report.clock.error_ms >= abs(report.clock.drift_ms)


def test_the_command_reports_the_machine(observed: Observed) -> None:
    """The result has the share, the clock, the calibration and the resources of each load generator."""
    assert observed.command is not None
    assert observed.command.code in {Exit.PASS, Exit.MEASUREMENT}, observed.command.err
    generators = observed.result["generators"]
    assert [report["name"] for report in generators] == ["a"]
    assert sum(report["requests"] for report in generators) == observed.result["summary"]["requests"]
    for report in generators:
        assert report["lost"] is None
        assert report["after"]["requests"] > 0
        assert report["clock"]["error_ms"] >= report["clock"]["round_trip_ms"] / 2
        assert report["machine"]["cores"] > 0
    assert "worker a on " in observed.command.out


def test_one_run_at_a_time_uses_a_worker(observed: Observed) -> None:
    """The second run is refused, and learns the name of the worker and of the other run."""
    assert observed.second_run is not None
    assert "worker 'a' generates load for another run: process" in observed.second_run.message


def test_the_scheduler_never_gets_a_secret(observed: Observed) -> None:
    """All connections to the scheduler passed a relay, and none contained the token or a message."""
    assert b"greet" in observed.bytes_of_scheduler
    assert SECRET.encode() not in observed.bytes_of_scheduler
    assert b"Please help" not in observed.bytes_of_scheduler


def test_a_worker_that_does_not_fit_is_named(observed: Observed) -> None:
    """The error has the worker, both versions and the cure."""
    assert observed.bare is not None
    assert "worker 'c' lacks bench" in observed.bare.message
    assert "chatbench[cluster]==" in str(observed.bare.hint)
    assert observed.other_python is not None
    assert "worker 'a'" in observed.other_python.message
    assert "this machine has 3.99.1" in observed.other_python.message


def test_a_load_goes_on_without_a_lost_worker(observed: Observed) -> None:
    """The other one sends its share, and the report names the lost one, the time and the missing requests."""
    assert observed.sent_after > 0
    kept, lost = observed.lossy_reports
    assert kept.lost is None
    assert lost.lost is not None
    assert lost.lost.at_s > 0
    assert "the load generator of worker 'b'" in lost.lost.reason
    assert lost.lost.is_estimate


def test_a_load_after_a_loss_is_complete_and_names_the_lost_worker(observed: Observed) -> None:
    """The others send all requests, so the load is as planned, and the result still states who is missing."""
    assert observed.after_loss.requests() == observed.machine.requests()
    kept, lost = observed.later_reports
    assert (kept.share, kept.requests, lost.share, lost.requests) == (
        (1, 1),
        len(observed.machine.log),
        (0, 1),
        0,
    )
    (sentence,) = list_early_losses(observed.later_reports)
    assert "worker 'b' on " in sentence
    assert "its Dask worker ended" in sentence
    assert [*list_early_losses(observed.reports)] == []


def test_a_machine_that_is_too_small_is_named_before_the_load(observed: Observed) -> None:
    """Each load generator reads the limits of its machine; those of one machine share its ports."""
    first, second = observed.machines
    assert first.network == second.network
    assert first.machine_limits.ports
    assert first.machine_limits.memory_bytes
    assert observed.too_large is not None
    assert observed.too_large.message.startswith("worker 'a' on ")
