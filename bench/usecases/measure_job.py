"""Measure a suite in one job, as its event asks for it, and judge in any case what was measured."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Unpack

from bench.core.run.job import JobOutcome, SuiteJob, cut_sentence
from bench.core.values import wording
from bench.core.values.escape import escape_markdown
from bench.core.verdict.pair_limits import choose_limits
from bench.errors import BaseUnavailableError, BenchError, ConfigError, MeasurementError
from bench.measure.machine.signals import defer_signals
from bench.measure.run.conditions import Listener
from bench.publish.trigger import Trigger, read_trigger
from bench.render.comment import Origin, render_comment
from bench.store import scenarios
from bench.store.folders import RESULTS
from bench.store.jobs import save_job
from bench.usecases.against import measure_against
from bench.usecases.check import check
from bench.usecases.job import read_event
from bench.usecases.job_plan import AUTO, JobPlan, StackGroup, plan_job
from bench.usecases.job_runs import JobRuns
from bench.usecases.merge import JudgedSuite, merge
from bench.usecases.options import QUIET, RunOptions
from bench.usecases.time_limit import TimeLimit, interrupt_after

STARTED_AT = "BENCH_STARTED_AT"
"""Variable with the time at which the job began, in seconds since 1970; its set-up is then a part of it."""
_JUDGING_S = 15.0
"""Time at the end of a job to judge the runs and to store the reports."""
_SHORT = 9  # digits of a commit
_CANCELLED = "the job was cancelled before its result"
_TIME_OVER = "the time of the job was over before its result"


@dataclass(frozen=True, slots=True)
class MeasuredJob:
    """A job that measured a suite, or that skipped it."""

    job: SuiteJob
    """The job, as its file has it."""
    judged: JudgedSuite | None = None
    """The report on all scenarios; `None` if the job was skipped or cancelled."""


def measure_job(
    suite: str,
    *,
    against: str = AUTO,
    pairs: str | int | None = None,
    limit_s: float | None = None,
    listener: Listener = QUIET,
    **options: Unpack[RunOptions],
) -> MeasuredJob:
    """Measure a suite in one job, as the event of GitHub Actions asks for it.

    Scenarios that have a base run in pairs on both versions; the others are compared with their baselines.
    Every scenario gets a result or the reason why it has none, and `results/job.json` describes the job.

    Args:
        suite: A suite of scenarios/suites.yaml.
        against: A branch, a tag or a commit to compare with. `auto` is the base of a pull request or a merge
            group; other events have none. An empty text compares with the baselines only.
        pairs: Largest number of pairs of each scenario, or `LEAST..MOST`; default: 12.
        limit_s: Seconds from the start of the job, after which no measurement begins; default: no limit.
        listener: Receives progress, notes and warnings.
        options: See `RunOptions`.

    Raises:
        ConfigError: The suite does not exist, or the event or an option is wrong.
        StoreError: A baseline cannot be read, or the folder of the results is not writable.
    """
    began_s = _read_start()
    choose_limits(pairs)
    left_s = None if limit_s is None else limit_s - (time.time() - began_s) - _JUDGING_S
    limit = TimeLimit(left_s)
    trigger = read_trigger(os.environ, read_event())
    runs = JobRuns(Path(options.get("results", RESULTS)))
    keeper = _JobKeeper(suite, trigger, runs, began_s)
    with keeper.explain_error():
        plan = plan_job(suite, against, trigger, options)
        if plan.skip is not None:
            return MeasuredJob(keeper.save(JobOutcome.SKIPPED, f"Skipped: {plan.skip}.", plan))
        runs.forget(plan.names)
        for name, error in plan.broken.items():
            runs.fail(name, error)
        measurement = _Measurement(plan, trigger, runs, options, listener, pairs)
        is_cancelled = measurement.run(limit)
        with defer_signals():
            return keeper.finish(measurement.plan, options, is_cancelled=is_cancelled)


def render_summary(measured: MeasuredJob) -> str:
    """Return the report on a job as Markdown, for the summary of the job."""
    job = measured.job
    if measured.judged is None:
        return f"### bench {job.suite}\n\n{escape_markdown(job.reason)}\n"
    commit = job.head_sha or "0" * 40
    origin = Origin(job.suite, commit, _find_run_url(job), job.pull_request, minutes=job.minutes)
    return render_comment(measured.judged.report, origin)


def _find_run_url(job: SuiteJob) -> str | None:
    """Return the address of the workflow run; `None` outside of GitHub Actions."""
    repository = os.environ.get("GITHUB_REPOSITORY")
    if repository is None or job.run_id is None:
        return None
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    return f"{server}/{repository}/actions/runs/{job.run_id}"


def _read_start() -> float:
    """Return the time at which the job began; the current time if it is unknown."""
    with suppress(ValueError):
        return min(time.time(), float(os.environ.get(STARTED_AT, "")))
    return time.time()


@dataclass(frozen=True, slots=True)
class _JobKeeper:
    """Judges the runs of a job, and stores its file."""

    suite: str
    trigger: Trigger
    runs: JobRuns
    began_s: float

    def finish(self, plan: JobPlan, options: RunOptions, *, is_cancelled: bool) -> MeasuredJob:
        """Judge the runs and store the file of the job. A cancelled job has no verdict."""
        self.runs.fail_rest(plan.names, MeasurementError(_CANCELLED if is_cancelled else _TIME_OVER))
        if is_cancelled:
            total = wording.counted(len(plan.names), "scenario")
            reason = f"Cancelled: {len(self.runs.list_decided())} of {total} have a result."
            return MeasuredJob(self.save(JobOutcome.CANCELLED, reason, plan))
        homes = [*self.runs.list_new(), *self.runs.list_failed(plan.names)]
        notes = [note for scenario in plan.scenarios for note in scenario.notes]
        is_allowed = options.get("allow_side_effects", False)
        judged = merge(homes, suite=self.suite, allow_side_effects=is_allowed, notes=notes)
        job = self.save(JobOutcome(judged.decision.value), judged.report.headline, plan)
        return MeasuredJob(job, judged)

    def save(self, outcome: JobOutcome, reason: str, plan: JobPlan) -> SuiteJob:
        """Store the file of the job, and return its content."""
        job = SuiteJob(
            suite=self.suite,
            run_id=self.trigger.run_id,
            attempt=self.trigger.attempt,
            event=self.trigger.event,
            pull_request=self.trigger.pull_request,
            base_sha=plan.base,
            head_sha=self.trigger.head_sha,
            merge_sha=self.trigger.merge_sha,
            minutes=round((time.time() - self.began_s) / 60, 2),
            outcome=outcome,
            reason=cut_sentence(reason),
            scenarios=plan.scenarios,
        )
        save_job(job, self.runs.folder)
        return job

    @contextmanager
    def explain_error(self) -> Iterator[None]:
        """Store an error that ends the block as the reason of the job and of the missing results."""
        try:
            yield
        except BenchError as error:
            with suppress(BenchError, ValueError):  # the error itself is more important
                self.save(JobOutcome.INVALID, error.message, JobPlan())
                self.runs.fail_rest(scenarios.of_suite(self.suite), error)
            raise


class _Measurement:
    """Measures the scenarios of a plan, stack by stack."""

    def __init__(  # noqa: PLR0917 - the plan and how to execute it
        self,
        plan: JobPlan,
        trigger: Trigger,
        runs: JobRuns,
        options: RunOptions,
        listener: Listener,
        pairs: str | int | None,
    ) -> None:
        self.plan = plan
        self._runs = runs
        self._options = RunOptions(**options)
        if trigger.is_deployment and trigger.url is not None:
            self._options["urls"] = (trigger.url,)
        self._listener = listener
        self._pairs = pairs

    def run(self, limit: TimeLimit) -> bool:
        """Measure all scenarios until the time is over; return whether a signal ended them."""
        with interrupt_after(limit) as is_over:
            try:
                self._measure_all(limit)
            except KeyboardInterrupt:
                return not is_over.is_set()
        return False

    def _measure_all(self, limit: TimeLimit) -> None:
        """Measure all stacks. Each gets a share of the time, by the duration of its loads."""
        waiting = list(self.plan.groups)
        while waiting:
            total_s = sum(group.duration_s for group in waiting)
            group = waiting.pop(0)
            part = limit.share(group.duration_s / total_s if total_s else 1.0)
            if self.plan.base is not None and group.paired:
                group = self._measure_pairs(group, self.plan.base, part)
            for name in group.alone:
                self._measure_alone(name, group, part)

    def _measure_pairs(self, group: StackGroup, base: str, limit: TimeLimit) -> StackGroup:
        """Measure scenarios in pairs. If the base cannot be measured, the rest is left to the baselines.

        Another error is one of the head, so the scenarios without a result are not measured.
        """
        options = RunOptions(**{**self._options, "stack": group.stack})
        try:
            measure_against(
                base,
                group.paired,
                options,
                self._listener,
                pairs=self._pairs,
                scenarios=len(self.plan.paired),
                time_limit=limit,
                base_name=f"base {base[:_SHORT]}",
            )
        except (BaseUnavailableError, ConfigError) as error:
            self._listener.warning(f"{error.message}; bench compares with the committed baselines instead")
            changed = group.leave_to_baselines(
                self._runs.list_decided(), f"the base cannot be measured: {error.message}"
            )
            self.plan = replace(self.plan, groups=_replace(self.plan.groups, group, changed))
            return changed
        except BenchError as error:
            self._listener.warning(error.message)
            self._runs.fail_rest(group.paired, error)
        return group

    def _measure_alone(self, name: str, group: StackGroup, limit: TimeLimit) -> None:
        """Measure a scenario and compare it with its baseline. An error of it does not end the job."""
        options = RunOptions(**{**self._options, "stack": group.stack})
        duration_s = group.durations_s[name]
        if not limit.has_time_for(duration_s):
            return
        confirm = limit.has_time_for(2.0 * duration_s)
        try:
            check(name, confirm=confirm, listener=self._listener, **options)
        except BenchError as error:
            self._runs.fail(name, error)
            self._listener.warning(f"{name} was not measured: {error.message}")


def _replace(groups: Sequence[StackGroup], old: StackGroup, new: StackGroup) -> tuple[StackGroup, ...]:
    return tuple(new if group is old else group for group in groups)
