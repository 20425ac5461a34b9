"""The calibration and the reference workload of one run, before and after its load."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from bench.core.calibration.calibration import Calibration, Trial
from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.load_words import in_words
from bench.core.config.scenario import Scenario
from bench.core.config.stack import RepeatedRequest
from bench.measure.calibration.reference import Reference
from bench.measure.http.route import Route
from bench.measure.load.workers import Workers

if TYPE_CHECKING:
    from bench.measure.calibration.calibrate import GeneratorTrials


class RunCalibration:
    """Measures the load generator and the machine, before the load if that delays no request, and after it.

    Args:
        reference: The reference server; `None` to measure nothing.
        scenario: The scenario of the run, whose concurrency the trials have.
        pinned: The stack's own reference request and the address of its service, if it has one.
        route: The way to the stack.
    """

    def __init__(
        self,
        reference: Reference | None,
        scenario: Scenario,
        pinned: tuple[RepeatedRequest, str] | None,
        route: Route,
    ) -> None:
        self._reference = reference
        self._scenario = scenario
        self._pinned = pinned
        self._route = route
        self._before: GeneratorTrials | None = None
        self._after: GeneratorTrials | None = None
        self._workload_before_ms: dict[str, float] = {}
        self._workload_after_ms: dict[str, float] = {}

    @property
    def precedes_load(self) -> bool:
        """Whether there is a measurement before the load: the run has started the stack itself."""
        return self._reference is not None and self._reference.precedes_load

    async def before(self, workers: Workers) -> None:
        """Measure before the load, if the run has started the stack itself."""
        if self._reference is None or not self._reference.precedes_load:
            return
        urls = await workers.start_references()
        url = await self._find_url(self._reference, urls)
        self._workload_before_ms = await self._time_workload(workers, url)
        self._before = await self._calibrate(workers, url, urls)

    async def after(self, workers: Workers) -> None:
        """Measure after the load."""
        if self._reference is None:
            return
        urls = await workers.start_references()
        url = await self._find_url(self._reference, urls)
        self._after = await self._calibrate(workers, url, urls)
        self._workload_after_ms = await self._time_workload(workers, url)

    def calibration(self) -> Calibration | None:
        """Return the errors of the load generator; `None` without a trial."""
        from bench.measure.calibration.calibrate import trial_load  # noqa: PLC0415 - see below

        if self._before is None and self._after is None:
            return None
        load = in_words([trial_load(self._scenario)])
        before = None if self._before is None else self._before.together
        after = None if self._after is None else self._after.together
        return Calibration(load=load, before=before, after=after)

    def of_generator(self, number: int) -> tuple[Trial | None, Trial | None]:
        """Return the errors of one load generator before and after the load."""
        before = None if self._before is None else self._before.alone.get(number)
        after = None if self._after is None else self._after.alone.get(number)
        return before, after

    def workload(self) -> ReferenceWorkload | None:
        """Return the times of the reference workload; `None` if it did not run."""
        if not self._workload_before_ms and not self._workload_after_ms:
            return None
        return ReferenceWorkload(before_ms=self._workload_before_ms, after_ms=self._workload_after_ms)

    async def _find_url(self, reference: Reference, urls: Mapping[int, str]) -> str:
        """Return the address of the reference server on the machine of the first load generator."""
        return next(iter(urls.values()), "") or await asyncio.to_thread(reference.start)

    async def _calibrate(self, workers: Workers, url: str, urls: Mapping[int, str]) -> "GeneratorTrials":
        # A load on a stack that is already up begins before these imports.
        from bench.measure.calibration.calibrate import calibrate  # noqa: PLC0415 - see above

        return await calibrate(workers, self._scenario, url, self._route.without_proxies(), urls)

    async def _time_workload(self, workers: Workers, url: str) -> dict[str, float]:
        """Return the times of the reference workload now, in milliseconds."""
        from bench.measure.calibration import reference_workload  # noqa: PLC0415 - see above

        times_ms = reference_workload.time_local_work()
        times_ms |= await reference_workload.time_echo(workers, url, self._route.without_proxies())
        if self._pinned is not None:
            times_ms |= await reference_workload.time_pinned_request(workers, *self._pinned, self._route)
        return times_ms
