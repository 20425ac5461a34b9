"""The tables of docs/explanation/ci.md."""

from collections.abc import Iterable, Mapping
from math import ceil

from benchmarks.engine.page import table

from .journal import Case, Run, Step, is_wrapper

GREEN = "test_unchanged"
RED = "test_slowed"
ADOPTION = "test_one_file_measures_an_application"
_BOT = "github-actions[bot]"
_LONGEST = 110
_MEASURE = "bench ci measure"
# Seconds of a step on a hosted runner with four cores and warm caches: estimates, not measurements. A step
# that is not named here is counted as one second.
_HOSTED_S: Mapping[str, float] = {
    "Set up job": 3.0,  # downloads the actions
    "actions/checkout": 2.0,
    "actions/setup-python": 1.0,  # the image has this Python
    "actions/cache/restore": 4.0,  # 90 MB
    "install bench": 3.0,  # only bench itself, after a cache hit
    "actions/cache/save": 0.0,  # skipped after a cache hit
    "actions/upload-artifact": 2.0,
    "bench stack down": 2.0,
    "bench ci publish": 4.0,
    "Complete job": 1.0,
}
# The publishing job uses no cache, because code of a pull request can write to it.
_HOSTED_PUBLISH_S: Mapping[str, float] = {"install bench": 15.0}


def cases_section(cases: Mapping[str, Case]) -> str:
    """Return the table of the cases and what a person sees in the end."""
    rows = []
    for case in cases.values():
        shown = [f'"{check.name}" {check.conclusion}: {_cut(check.title)}' for check in case.checks]
        rows.append([_title(case), case.outcome, _jobs(case.runs), "<br>".join(shown) or "no check"])
    return table(["case", "test", "jobs", "checks in the end"], rows, side=":---")


def steps_section(cases: Mapping[str, Case]) -> str:
    """Return the table of the steps of a green and a red pull request."""
    green = _first(cases[GREEN])
    red = _first(cases[RED])
    rows = []
    for job in green.jobs:
        red_s = _by_name(red, job)
        for name, seconds in _by_name(green, job).items():
            estimate = _estimate(job, name, seconds)
            rows.append([f"{job}: {name}", f"{seconds:.1f}", f"{red_s.get(name, 0):.1f}", f"{estimate:.0f}"])
        hosted_s = sum(_estimate(job, name, seconds) for name, seconds in _by_name(green, job).items())
        rows.append(
            [
                f"**{job}**",
                f"**{green.job_seconds(job):.0f}**",
                f"**{red.job_seconds(job):.0f}**",
                f"**{hosted_s:.0f}, billed as {ceil(hosted_s / 60)} min**",
            ]
        )
    return table(["step, seconds", "green, here", "red, here", "green, hosted runner (estimate)"], rows)


def adoption_section(cases: Mapping[str, Case]) -> str:
    """Return the table of the runs of the adopting application."""
    rows: list[list[str]] = []
    for run in cases[ADOPTION].runs:
        if run.event != "pull_request":
            continue
        jobs = [f"{job} {run.job_seconds(job):.0f} s" for job in run.jobs]
        verdict = run.jobs.get("measure", "none")
        rows.append([f"pull request, push {len(rows) + 1}", verdict, ", ".join(jobs)])
    return table(["event", "job `measure`", "time here"], rows, side=":---")


def _title(case: Case) -> str:
    return case.case.removeprefix("test_").replace("_", " ")


def _jobs(runs: Iterable[Run]) -> str:
    lines = []
    for run in runs:
        jobs = ", ".join(f"{job} {result}" for job, result in run.jobs.items())
        if jobs:
            lines.append(f"`{run.event}`: {jobs}")
    return "<br>".join(lines)


def _first(case: Case) -> Run:
    return next(run for run in case.runs if run.jobs)


def _by_name(run: Run, job: str) -> dict[str, float]:
    """Return the seconds of the steps of a job by a short name, in their order."""
    seconds: dict[str, float] = {}
    for step in run.steps:
        if step.job == job and not is_wrapper(step):
            name = _short(step)
            seconds[name] = seconds.get(name, 0.0) + step.seconds
    return seconds


def _short(step: Step) -> str:
    """Return the name of a step without its version; steps after the job count as one."""
    if step.stage == "Post":
        return "clean up"
    first = step.name.splitlines()[0].partition("@")[0]
    return first if first in _HOSTED_S or first.startswith(("bench", "actions/")) else "small steps"


def _estimate(job: str, name: str, seconds: float) -> float:
    if name == _MEASURE:
        return seconds
    if job == "publish" and name in _HOSTED_PUBLISH_S:
        return _HOSTED_PUBLISH_S[name]
    return _HOSTED_S.get(name, 1.0)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
