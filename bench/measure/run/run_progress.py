"""The progress of one run: its counts, its present step, and its next steps."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from bench.core.config.executors import planned_s
from bench.core.config.run_spec import RunSpec
from bench.core.load.load_steps import LoadSteps
from bench.core.load.plan import plan
from bench.core.load.progress import PlannedVus, Progress, ProgressWatch
from bench.core.samples.sample import ResourceSample
from bench.core.samples.samples import Samples

CALIBRATION = "calibration"


@dataclass(frozen=True, slots=True)
class LoadMoment:
    """A moment of a load."""

    elapsed_s: float
    """Seconds since the start of the load."""
    phase: int
    """Index of the newest phase."""
    phase_s: float
    """Seconds since the start of this phase."""
    in_flight: int | None
    """Requests in flight, as the load generators reported last."""


@dataclass(slots=True)
class RunProgress:
    """Reports the progress of one run.

    Args:
        spec: The run.
        on_progress: Receives the progress.
        afterwards: The steps after the load, the next one first.
    """

    spec: RunSpec
    on_progress: Callable[[Progress], None]
    afterwards: tuple[str, ...]
    _watch: ProgressWatch = field(default_factory=ProgressWatch, init=False)
    _resources: dict[str, ResourceSample] = field(default_factory=dict, init=False)
    _steps: LoadSteps = field(init=False)
    _planned_vus: PlannedVus = field(init=False)
    _newest: Progress = field(init=False)

    def __post_init__(self) -> None:
        phases = self.spec.scenario.phases
        self._steps = LoadSteps(phases)
        self._planned_vus = PlannedVus(plan(self.spec))
        self._newest = Progress(0.0, planned_s(phases), 0, 0)

    def add(self, samples: Samples) -> None:
        """Add requests that have ended."""
        self._watch.add(samples)

    def add_resource(self, sample: ResourceSample) -> None:
        """Add the newest sample of a process."""
        self._resources[sample.source] = sample

    def show_load(self, moment: LoadMoment) -> None:
        """Report a moment of the load."""
        present = self._steps.at(moment.phase, moment.phase_s)
        progress = self._watch.progress(
            moment.elapsed_s,
            self._newest.planned_s,
            vus=self._planned_vus.at(moment.phase, moment.phase_s),
            in_flight=moment.in_flight,
            resources=tuple(self._resources.values()),
        )
        self._newest = replace(
            progress, step=present.words, stages=present.stages, afterwards=self.afterwards
        )
        self.on_progress(self._newest)

    def show_step(self, step: str, *afterwards: str) -> None:
        """Report a step before or after the load.

        Args:
            step: The step, such as `calibration`.
            afterwards: The steps after it.
        """
        self.on_progress(replace(self._newest, step=step, stages=(), afterwards=afterwards, is_load=False))
