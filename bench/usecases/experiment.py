"""Test claims about variants of a stack: measure them in blocks with their base, and judge the claims."""

import shlex
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypedDict, Unpack

from bench.core.experiment.block_order import block_order
from bench.core.experiment.experiment import BASE, Experiment
from bench.core.experiment.experiment_progress import ExperimentProgress, MeasuredBlock
from bench.core.experiment.experiment_result import ExperimentResult
from bench.core.experiment.judgement import CellRuns, ExperimentJudge, join_verdicts
from bench.core.run.origin import Fingerprint
from bench.core.run.result import RunResult
from bench.core.run.run_start import RUNS
from bench.errors import ConfigError, MeasurementError, TargetError
from bench.measure.http.route import direct_route
from bench.measure.machine.host import choose_cores
from bench.measure.run.alternate import PairRun
from bench.measure.run.arm_run import measure_arm
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.provenance import current_commit, new_run_id
from bench.store import experiments
from bench.store import results as store
from bench.store.folders import RESULTS
from bench.store.sample_files import FileStore
from bench.usecases.generators import choose_generators
from bench.usecases.options import QUIET, RunOptions
from bench.usecases.plan_experiment import (
    PlannedCell,
    PlannedExperiment,
    describe_versions,
    plan_experiment,
)

_ATTEMPTS = 2
"""Attempts of a block; the second follows a run that failed."""


class ExperimentOptions(TypedDict, total=False):
    """Options of an experiment. An option that is left out has its default."""

    blocks: str | None
    """Number of blocks, `LEAST..MOST`; default: that of the experiment."""
    resume: bool
    """Continue the newest unfinished measurement of the same experiment; default: False."""
    ca: Path | None
    """PEM file with certificates that are trusted as well as those of the system."""
    workers: int | str
    """Processes that generate the load; default: 1."""
    pin: bool
    """Give load and stack separate cores on machines with four or more cores; default: True."""
    allow_side_effects: bool
    """Run a scenario although its changes outlast the run; default: False."""
    results: Path | str
    """Folder of the stored runs; default: `results`."""


@dataclass(frozen=True, slots=True)
class MeasuredExperiment:
    """A measured experiment and the folder of its runs."""

    result: ExperimentResult
    """The result."""
    folder: Path
    """The folder, which has the result and all runs."""


def list_experiments() -> tuple[Experiment, ...]:
    """Return all experiments, by name.

    Raises:
        ConfigError: A file is wrong.
    """
    return tuple(map(experiments.load, experiments.list_all()))


def describe_experiment(
    name: str, *, listener: Listener = QUIET, **options: Unpack[ExperimentOptions]
) -> tuple[str, ...]:
    """Return the versions, the runs and the expected duration of an experiment, without a measurement.

    Args:
        name: Name of an experiment, or the path of its file.
        listener: Receives notes.
        options: See `ExperimentOptions`.

    Raises:
        ConfigError: The experiment is wrong.
    """
    declared = _choose_blocks(experiments.load(name), options.get("blocks"))
    with ExitStack() as files:
        return _plan(declared, options, files, listener).describe()


def experiment(
    name: str, *, listener: Listener = QUIET, **options: Unpack[ExperimentOptions]
) -> MeasuredExperiment:
    """Measure an experiment in blocks until each claim has a verdict, judge it, and store the result.

    Args:
        name: Name of an experiment, or the path of its file.
        listener: Receives progress, notes and warnings.
        options: See `ExperimentOptions`.

    Raises:
        ConfigError: The experiment, a version or an option is wrong.
        StoreError: The folder of the results is not writable.
        KeyboardInterrupt: Ctrl-C ended the runs. Complete blocks are stored, and `resume` continues.
    """
    declared = _choose_blocks(experiments.load(name), options.get("blocks"))
    results = Path(options.get("results", RESULTS))
    with ExitStack() as files:
        plan = _plan(declared, options, files, listener)
        measurement = _Measurement(plan, results, listener, _write_resume_command(name, options))
        if options.get("resume", False):
            measurement.resume()
        measurement.measure()
    return measurement.finish()


def read_experiment(path: Path | str) -> ExperimentResult:
    """Return the stored result of an experiment, by its file or the folder of its runs.

    Raises:
        StoreError: The file does not exist, or has other content.
    """
    return experiments.read(Path(path))


def _choose_blocks(declared: Experiment, blocks: str | None) -> Experiment:
    if blocks is None:
        return declared
    try:
        return Experiment.model_validate({**declared.model_dump(), "blocks": blocks})
    except ValueError as error:
        raise ConfigError(f"--blocks {blocks}: write LEAST..MOST from 3 to 12", "--blocks 3..5") from error


def _plan(
    declared: Experiment, options: ExperimentOptions, files: ExitStack, listener: Listener
) -> PlannedExperiment:
    workers, cluster = choose_generators(options.get("workers", 1))
    conditions = Conditions(
        workers=workers,
        cluster=cluster,
        route=direct_route(options.get("ca")),
        cores=choose_cores(workers, pin=options.get("pin", True) and cluster is None),
        results=Path(options.get("results", RESULTS)),
        open_store=FileStore,
    )
    of_runs = RunOptions(allow_side_effects=options.get("allow_side_effects", False))
    return plan_experiment(declared, of_runs, conditions, files, listener)


def _write_resume_command(name: str, options: ExperimentOptions) -> str:
    """Return the command that continues a measurement: it needs the same blocks, folder and workers."""
    words = ["bench", "experiment", name, "--resume"]
    blocks = options.get("blocks")
    if blocks is not None:
        words += ["--blocks", blocks]
    results = str(options.get("results", RESULTS))
    if results != str(RESULTS):
        words += ["--results", results]
    workers = str(options.get("workers", 1))
    if workers != "1":
        words += ["--workers", workers]
    return shlex.join(words)


@dataclass(slots=True)
class _Measurement:
    """The blocks of an experiment so far."""

    plan: PlannedExperiment
    results: Path
    listener: Listener
    resume_command: str
    run_id: str = ""
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    cells: list[CellRuns] = field(default_factory=list)
    blocks: list[MeasuredBlock] = field(default_factory=list)
    fingerprint: Fingerprint | None = None
    dirty: bool | None = None
    runs: int = 0

    def __post_init__(self) -> None:
        self.run_id = new_run_id(self.plan.experiment.name)
        self.cells = [CellRuns(cell.scenario, cell.load) for cell in self.plan.cells]

    @property
    def judge(self) -> ExperimentJudge:
        """The judge of this experiment."""
        return ExperimentJudge(self.plan.experiment, len(self.cells))

    @property
    def home(self) -> Path:
        """The folder of the result and of all runs."""
        return self.results / self.run_id

    def resume(self) -> None:
        """Continue the newest unfinished measurement, if there is one.

        Raises:
            StoreError: A run cannot be read.
        """
        unfinished = experiments.find_unfinished(self.plan.experiment, self.results)
        if unfinished is None:
            self.listener.note("no unfinished measurement; a new one starts")
            return
        home, progress = unfinished
        self.run_id = home.name
        self.started_at = progress.started_at
        self.runs = len([*(home / RUNS).glob("*")])
        for block in progress.blocks:
            loaded = {name: store.load(home / RUNS / folder) for name, folder in block.runs.items()}
            self._add(block, loaded)
        self.listener.note(f"continuing {home} after {len(self.blocks)} blocks")

    def measure(self) -> None:
        """Measure the blocks of all cells.

        Raises:
            KeyboardInterrupt: Ctrl-C ended a run. The message names the command that continues.
        """
        try:
            for planned, cell in zip(self.plan.cells, self.cells, strict=True):
                while self.judge.find_end(cell) is None:
                    self._measure_block(planned, cell)
        except KeyboardInterrupt as interrupt:
            message = f"interrupted after {len(self.blocks)} complete blocks; continue with: "
            raise KeyboardInterrupt(message + self.resume_command) from interrupt

    def finish(self) -> MeasuredExperiment:
        """Judge the experiment, and store the result.

        Raises:
            MeasurementError: No run could be measured.
            StoreError: The folder is not writable.
        """
        if self.fingerprint is None:
            problems = "; ".join(dict.fromkeys(cell.problem or "" for cell in self.cells))
            raise MeasurementError(f"no run of the experiment could be measured: {problems}")
        result = self._make_result(self.fingerprint)
        experiments.save(result, self.home)
        return MeasuredExperiment(result, self.home)

    def _make_result(self, fingerprint: Fingerprint) -> ExperimentResult:
        declared = self.plan.experiment
        claims = self.judge.judge_claims(self.cells)
        return ExperimentResult(
            name=declared.name,
            run_id=self.run_id,
            hypothesis=declared.hypothesis,
            promise=declared.promise,
            advice=declared.advice,
            started_at=self.started_at,
            commit=current_commit(),
            dirty=self.dirty,
            system=fingerprint.system,
            cpu_count=fingerprint.cpu_count,
            simulated=fingerprint.simulated,
            versions=describe_versions(declared),
            verdict=join_verdicts([claim.verdict for claim in claims]) if claims else None,
            claims=claims,
            cells=tuple(map(self.judge.judge_cell, self.cells)),
            pareto=self.judge.list_points(self.cells),
        )

    def _measure_block(self, planned: PlannedCell, cell: CellRuns) -> None:
        """Measure a block; if a run fails twice, the cell has a problem and ends."""
        for attempt in range(1, _ATTEMPTS + 1):
            runs, problem = self._try_block(planned, len(cell.blocks) + 1)
            if problem is None:
                self._store_block(planned, runs)
                return
            if attempt == _ATTEMPTS:
                cell.problem = problem
            self.listener.warning(f"{cell.scenario.name}, {cell.load}: {problem}")

    def _try_block(self, planned: PlannedCell, number: int) -> tuple[dict[str, PairRun], str | None]:
        """Return the runs of a block, and why it failed; None if it is complete."""
        names = [*self.plan.arms]
        runs: dict[str, PairRun] = {}
        for index in block_order(len(names), number):
            name = names[index]
            self.listener.note(f"{planned.scenario.name}, {planned.load}, block {number}: {name}")
            try:
                run = self._measure_run(planned, name)
            except (TargetError, MeasurementError) as error:
                return runs, f"{name}: {error.message}"
            if run.problem is not None:
                return runs, f"{name}: {run.problem}"
            runs[name] = run
        return runs, None

    def _measure_run(self, planned: PlannedCell, name: str) -> PairRun:
        self.runs += 1
        version = [*self.plan.arms].index(name)
        place = Path(self.run_id, RUNS, f"{self.runs:03}-{BASE if version == 0 else f'variant-{version}'}")
        is_first = self.fingerprint is None
        run = measure_arm(
            self.plan.arms[name], planned.specs[name], place, self.listener, calibrated=is_first
        )
        store.save_in(run.result, run.recording, self.results / place)
        return run

    def _store_block(self, planned: PlannedCell, runs: dict[str, PairRun]) -> None:
        folders = {name: run.place.name for name, run in runs.items()}
        block = MeasuredBlock(scenario=planned.scenario.name, load=planned.load, runs=folders)
        self._add(block, {name: run.result for name, run in runs.items()})
        progress = ExperimentProgress(
            experiment=self.plan.experiment,
            started_at=self.started_at,
            commit=current_commit(),
            blocks=tuple(self.blocks),
        )
        experiments.save_progress(progress, self.home)

    def _add(self, block: MeasuredBlock, results: dict[str, RunResult]) -> None:
        """Add a complete block to its cell."""
        for cell in self.cells:
            if (cell.scenario.name, cell.load) == (block.scenario, block.load):
                cell.blocks.append({name: result.summary for name, result in results.items()})
        self.blocks.append(block)
        base = results[BASE]
        self.fingerprint = base.fingerprint
        self.dirty = base.provenance.dirty
