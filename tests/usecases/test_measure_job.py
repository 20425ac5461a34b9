"""The job that measures a suite, with scripted runs in place of measurements."""

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.core.run.job import JobOutcome, JudgedBy, SuiteJob
from bench.core.run.result import RunResult
from bench.core.run.validity import Validity
from bench.core.samples.sample import Stop, StopCause
from bench.core.verdict.compare import Comparison
from bench.core.verdict.stopping import MIN_PAIRS
from bench.errors import BaseUnavailableError, ConfigError, TargetError
from bench.store import baselines, failures
from bench.store.jobs import load_foreign_job
from bench.usecases.measure_job import STARTED_AT, MeasuredJob, measure_job, render_summary
from bench.usecases.paired_suite import select_scenarios
from bench.usecases.stored_runs import load_suite
from tests.command import short_scenario
from tests.factories import make_baseline, make_recording, make_spec, run_at
from tests.scripted_versions import Ended, Row, Versions
from tests.small_application import commit, git

SAME, SLOW = (1.0, 1.0), (1.0, 1.4)
NOBODY = "0" * 40
RESULTS = Path("results")
SUITES = """
pr: [quick, short]
docs: {scenarios: [quick], paths: ["!docs/**"]}
mixed: [quick, {scenario: timeout, stack: other}, agent-comparison]
full: [timeout]
only-short: [short]
"""
Script = Mapping[str, Sequence[Row]]


@pytest.fixture(autouse=True)
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a repository with suites, outside of a workflow."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "BENCH_"))]:
        monkeypatch.delenv(name)
    Path("scenarios").mkdir()
    Path("scenarios/suites.yaml").write_text(SUITES)
    short_scenario(Path("scenarios"))
    Path("scenarios/stacks").mkdir()
    Path("scenarios/stacks/other.yaml").write_text("extends: embedded\n")
    Path(".gitignore").write_text("results/\nevent.json\n")
    git(tmp_path, "init", "--quiet", "-b", "main")
    commit(tmp_path)
    return tmp_path


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> Versions:
    """Measure scripted pairs; each comparison ends after the least number of them."""
    versions = Versions({})

    @contextmanager
    def open_versions(*arguments: object) -> Iterator[Versions]:
        versions.on_run = arguments[-1]  # type: ignore[assignment]
        yield versions

    def next_step(comparison: Comparison) -> str | None:
        return "the script ends" if (comparison.pairs or 0) >= MIN_PAIRS else None

    monkeypatch.setattr("bench.usecases.paired.open_versions", open_versions)
    monkeypatch.setattr("bench.usecases.paired.next_step", next_step)
    return versions


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[float | BaseException]:
    """Measure scripted single runs, by their slowdowns or errors."""
    script: list[float | BaseException] = []
    numbers = iter(range(1, 100))

    def measure(spec: Any, *_: object) -> tuple[RunResult, object]:
        row = script.pop(0)
        if isinstance(row, BaseException):
            raise row
        return run_at(row, next(numbers), spec=make_spec(spec.scenario)), make_recording()

    monkeypatch.setattr("bench.usecases.run.measure", measure)
    return script


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, repository: Path) -> Callable[..., None]:
    """Let an event start the job."""

    def start_by(event: str, content: Mapping[str, Any], **variables: str) -> None:
        file = repository / "event.json"
        file.write_text(json.dumps(content))
        own = {"GITHUB_EVENT_NAME": event, "GITHUB_EVENT_PATH": str(file), "GITHUB_RUN_ID": "1700"}
        for name, value in {**own, "GITHUB_SHA": git(repository, "rev-parse", "HEAD"), **variables}.items():
            monkeypatch.setenv(name, value)

    return start_by


def pull_request(base: str, head: str, **fields: object) -> dict[str, Any]:
    """Return the event of a pull request."""
    return {"pull_request": {"number": 7, "base": {"sha": base}, "head": {"sha": head}, **fields}}


def stored_job() -> SuiteJob:
    """Return the stored file of the job."""
    return load_foreign_job(RESULTS / "job.json")


def words(measured: MeasuredJob) -> dict[str, str]:
    """Return the decision on each scenario of a job."""
    assert measured.judged is not None
    report = measured.judged.report
    decided = {run.result.scenario.name: run.decision.value for run in report.reports}
    return decided | {failure.scenario: "not measured" for failure in report.not_measured}


def test_a_pull_request_is_compared_with_its_base_commit(
    versions: Versions, start: Callable[..., None], repository: Path
) -> None:
    """A checkout of the head itself is compared with the base of the event."""
    base = git(repository, "rev-parse", "HEAD")
    head = commit(repository)
    versions.script = {"quick": [SAME], "short": [SLOW]}
    start("pull_request", pull_request(base, head))
    measured = measure_job("pr")
    assert words(measured) == {"short": "fail", "quick": "pass"}
    assert measured.job == stored_job()
    assert (measured.job.outcome, measured.job.base_sha) == (JobOutcome.FAIL, base)
    assert (measured.job.head_sha, measured.job.merge_sha) == (head, None)
    assert versions.order[:4] == ["quick 1", "short 1", "quick 2", "short 2"]


def test_a_merge_group_is_compared_with_its_base(
    versions: Versions, start: Callable[..., None], repository: Path
) -> None:
    """The event names both commits, and has no label."""
    base = git(repository, "rev-parse", "HEAD")
    head = commit(repository)
    versions.script = {"quick": [SAME], "short": [SAME]}
    start("merge_group", {"action": "checks_requested", "merge_group": {"base_sha": base, "head_sha": head}})
    job = measure_job("pr").job
    assert (job.outcome, job.base_sha, job.head_sha) == (JobOutcome.PASS, base, head)


@pytest.mark.parametrize("event", ["schedule", "push", "workflow_dispatch", None])
def test_other_events_are_compared_with_the_baselines(
    alone: list[float | BaseException], start: Callable[..., None], event: str | None
) -> None:
    """They have no base; a suspect run is confirmed."""
    baselines.save(make_baseline())
    if event is not None:
        start(event, {})
    alone += [1.4, 1.4, 1.0]
    measured = measure_job("pr")
    assert words(measured)["quick"] == "fail"
    assert measured.job.base_sha is None
    assert {row.judged_by for row in measured.job.scenarios} == {JudgedBy.BASELINE}
    assert alone == []


def test_a_base_that_is_not_here_is_named(
    alone: list[float | BaseException], start: Callable[..., None], repository: Path
) -> None:
    """A shallow clone has no base: the baselines decide, and the report has the reason."""
    start("pull_request", pull_request(NOBODY, git(repository, "rev-parse", "HEAD")))
    alone += [1.0, 1.0]
    measured = measure_job("pr")
    assert measured.judged is not None
    assert measured.job.outcome is JobOutcome.INCONCLUSIVE  # without a baseline
    assert any("fetch-depth: 2" in reason for reason in measured.judged.report.reasons)
    assert all("fetch-depth: 2" in str(row.reason) for row in measured.job.scenarios)


def test_a_base_that_does_not_start_leaves_the_verdict_to_the_baseline(
    versions: Versions, alone: list[float | BaseException]
) -> None:
    """The scenario with enough pairs keeps its verdict; the others are measured alone."""
    baselines.save(make_baseline())
    versions.script = {
        "short": [SAME],
        "quick": [SAME, SAME, BaseUnavailableError("base: the agent exited\nTraceback")],
    }
    Path("scenarios/suites.yaml").write_text("pr: [short, quick]\n")
    alone += [1.0]
    measured = measure_job("pr", against="main")
    assert words(measured) == {"short": "pass", "quick": "pass"}
    by_scenario = {row.scenario: row for row in measured.job.scenarios}
    assert by_scenario["short"].judged_by is JudgedBy.PAIRS
    assert by_scenario["quick"].judged_by is JudgedBy.BASELINE
    reason = "the base cannot be measured: base: the agent exited"
    assert by_scenario["quick"].reason == reason
    assert measured.judged is not None
    assert any(reason in text for text in measured.judged.report.reasons)


def test_a_base_that_does_not_start_is_never_green_alone(
    versions: Versions, alone: list[float | BaseException]
) -> None:
    """Without a baseline, the result is inconclusive."""
    versions.script = {"quick": [BaseUnavailableError("base: no image")], "short": [SAME]}
    alone += [1.0, 1.0]
    assert measure_job("pr", against="main").job.outcome is JobOutcome.INCONCLUSIVE


def test_a_head_that_crashes_is_red(versions: Versions) -> None:
    """Its scenarios without a complete comparison have the error with the end of the log."""
    error = TargetError("the agent exited\nline of its log", service="agent", service_exit_code=3)
    versions.script = {"quick": [SAME, error], "short": [SAME]}
    measured = measure_job("pr", against="main")
    assert measured.job.outcome is JobOutcome.INVALID
    assert words(measured) == {"quick": "not measured", "short": "not measured"}
    failure = failures.load_foreign(RESULTS / "not-measured-quick")
    assert (failure.reason, failure.service, failure.exit_code) == ("the agent exited", "agent", 3)
    assert failure.log == ("line of its log",)
    assert measured.judged is not None
    assert measured.judged.report.headline.startswith(
        "Not measured: 2 of 2 scenarios, first quick: the agent"
    )


def test_a_head_whose_service_ends_twice_hides_no_other_scenario(versions: Versions) -> None:
    """The scenario that ended it is not measured, the other one has its verdict, and the job is red."""
    stop = Stop(cause=StopCause.TARGET, reason="service 'agent' ended with code 3", log=("KeyError",))
    versions.script = {"quick": [SAME, Ended("head", stop)], "short": [SAME]}
    measured = measure_job("pr", against="main")
    assert measured.job.outcome is JobOutcome.INVALID
    assert words(measured) == {"quick": "not measured", "short": "pass"}
    assert "agent, exit code 3: the last line of its log" in render_summary(measured)


def test_a_service_that_ends_during_a_single_run_is_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stored requests do not hide the reason."""
    stop = Stop(cause=StopCause.TARGET, reason="service 'agent' ended with code 3", log=("KeyError",))
    ended = run_at(1.0).model_copy(
        update={"stop": stop, "validity": Validity(valid=False, reasons=("ended",))}
    )
    monkeypatch.setattr("bench.usecases.run.measure", lambda *_: (ended, make_recording()))
    Path("scenarios/suites.yaml").write_text("pr: [quick]\n")
    measured = measure_job("pr")
    failure = failures.load_foreign(RESULTS / "not-measured-quick")
    assert (failure.service, failure.exit_code, failure.log) == ("agent", 3, ("KeyError",))
    assert words(measured) == {"quick": "not measured"}


def test_every_scenario_has_a_result_or_a_reason(alone: list[float | BaseException]) -> None:
    """A stack that does not start and a wrong file do not hide the other scenarios."""
    Path("scenarios/suites.yaml").write_text("pr: [quick, mine, short]\n")
    Path("scenarios/mine.yaml").write_text("name: mine\nloud: 1\n")
    alone += [TargetError("died"), 1.0]
    measured = measure_job("pr")
    assert words(measured) == {"quick": "not measured", "mine": "not measured", "short": "inconclusive"}
    assert measured.job.outcome is JobOutcome.INVALID
    assert "scenarios/mine.yaml:1: " in failures.load_foreign(RESULTS / "not-measured-mine").reason


def test_a_scenario_that_cannot_be_paired_is_compared_with_its_baseline(
    versions: Versions, alone: list[float | BaseException]
) -> None:
    """One report has both kinds; a scenario may name its stack."""
    versions.script = {"quick": [SAME], "timeout": [SAME]}
    alone += [1.0]
    measured = measure_job("mixed", against="main")
    listed = [(row.scenario, row.stack, row.judged_by.value) for row in measured.job.scenarios]
    assert listed == [
        ("quick", "embedded", "pairs"),
        ("agent-comparison", "embedded", "baseline"),
        ("timeout", "other", "pairs"),
    ]
    assert measured.job.scenarios[1].reason == "it compares two targets itself"
    assert set(words(measured)) == {"quick", "timeout", "agent-comparison"}


def test_a_comparison_of_one_stack_leaves_out_scenarios_of_another_one() -> None:
    """The sentence names the command that measures them."""
    selected = select_scenarios("mixed")
    assert selected.names == ("quick",)
    assert any("bench check timeout --stack other --against REF" in text for text in selected.skipped)


def test_a_deployment_is_measured_at_its_address(
    start: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each scenario runs on the preview, also one that names a stack."""
    status = {"state": "success", "environment_url": "https://preview.example.invalid"}
    start("deployment_status", {"deployment": {"sha": "1" * 40}, "deployment_status": status})
    urls: list[object] = []
    monkeypatch.setattr(
        "bench.usecases.measure_job.check", lambda *_, **options: urls.append(options["urls"])
    )
    job = measure_job("mixed", stack="compose").job
    assert urls == [("https://preview.example.invalid",)] * 3
    assert job.head_sha == "1" * 40
    assert {row.stack for row in job.scenarios} == {"external"}


def test_the_label_full_adds_a_suite(
    versions: Versions, start: Callable[..., None], repository: Path
) -> None:
    """The check keeps its suite, so a required check still reports."""
    head = commit(repository)
    versions.script = {"quick": [SAME], "short": [SAME], "timeout": [SLOW]}
    labels = [{"name": "bench:full"}]
    base = git(repository, "rev-parse", "HEAD^1")
    start("pull_request", pull_request(base, head, labels=labels, draft=True))
    measured = measure_job("pr")
    assert words(measured) == {"timeout": "fail", "quick": "pass", "short": "pass"}
    assert measured.job.suite == "pr"


@pytest.mark.parametrize(
    ("file", "is_measured"), [("docs/page.md", False), ("src/app.py", True), ("scenarios/a.yaml", True)]
)
def test_a_change_outside_of_the_paths_is_skipped(
    versions: Versions, repository: Path, file: str, *, is_measured: bool
) -> None:
    """The job reports it, and its own files are always measured."""
    versions.script = {"quick": [SAME]}
    (repository / file).parent.mkdir(exist_ok=True)
    (repository / file).write_text("changed")
    commit(repository)
    job = measure_job("docs", against="HEAD^1").job
    assert job.outcome is (JobOutcome.PASS if is_measured else JobOutcome.SKIPPED)
    assert ("no changed file matches" in job.reason) is not is_measured


def test_a_scenario_with_side_effects_is_left_out_with_a_sentence(alone: list[float | BaseException]) -> None:
    """It is measured only with the option, and never in pairs, which would repeat its effects."""
    short = Path("scenarios/short.yaml")
    short.write_text(f"{short.read_text()}side_effects: orders pizza\n")
    alone += [1.0]
    measured = measure_job("pr")
    assert measured.judged is not None
    assert words(measured).keys() == {"quick"}
    assert any("orders pizza" in reason for reason in measured.judged.report.reasons)
    alone += [1.0]
    (row,) = measure_job("only-short", against="main", allow_side_effects=True).job.scenarios
    assert (row.judged_by, row.reason) == (JudgedBy.BASELINE, "it has side effects, which pairs would repeat")
    with pytest.raises(ConfigError, match="all scenarios of suite 'only-short' have side effects"):
        measure_job("only-short")


def test_a_cancelled_job_keeps_complete_pairs(versions: Versions) -> None:
    """It has no verdict, and its file and each scenario without a result have the reason."""
    versions.script = {"quick": [SAME, SAME, KeyboardInterrupt()], "short": [SAME]}
    measured = measure_job("pr", against="main")
    assert measured.judged is None
    assert stored_job().outcome is JobOutcome.CANCELLED
    assert len(list(RESULTS.glob("*/pairs.json"))) == 2
    assert not list(RESULTS.glob("not-measured-*"))


def test_a_job_that_is_cancelled_at_its_start_names_each_scenario(versions: Versions) -> None:
    """The publisher shows why there is no result."""
    versions.script = {"quick": [KeyboardInterrupt()], "short": [SAME]}
    measure_job("pr", against="main")
    for name in ("quick", "short"):
        assert "cancelled" in failures.load_foreign(RESULTS / f"not-measured-{name}").reason


def test_a_job_without_time_left_judges_nothing_and_is_red(
    versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time counts from the start of the job, which a variable has."""
    monkeypatch.setenv(STARTED_AT, "1000000000")
    versions.script = {"quick": [SAME], "short": [SAME]}
    measured = measure_job("pr", against="main", limit_s=3600.0)
    assert versions.order == []
    assert measured.job.outcome is JobOutcome.INVALID
    assert measured.job.minutes > 60
    assert "time of the job was over" in failures.load_foreign(RESULTS / "not-measured-quick").reason


def test_a_measurement_that_hangs_is_interrupted_and_judged(
    versions: Versions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job ends with a verdict on what is complete, and is not a cancelled one."""

    @contextmanager
    def interrupt_at_once(*_: object) -> Iterator[Any]:
        class Over:
            def is_set(self) -> bool:
                return True

        yield Over()

    monkeypatch.setattr("bench.usecases.measure_job.interrupt_after", interrupt_at_once)
    versions.script = {"quick": [SAME, SAME, SAME], "short": [SAME, SAME, KeyboardInterrupt()]}
    measured = measure_job("pr", against="main")
    assert measured.judged is not None
    assert words(measured)["quick"] == "pass"
    assert words(measured)["short"] != "pass"


def test_an_error_before_the_measurement_is_stored(start: Callable[..., None]) -> None:
    """Its file and each scenario of the suite have the reason, and the command fails."""
    with pytest.raises(ConfigError, match="no such commit"):
        measure_job("pr", against="gone")
    assert stored_job().outcome is JobOutcome.INVALID
    assert "no such commit" in failures.load_foreign(RESULTS / "not-measured-quick").reason
    start("pull_request_target", {})
    with pytest.raises(ConfigError, match="may have secrets"):
        measure_job("pr")


def test_a_failure_of_an_earlier_job_is_forgotten(alone: list[float | BaseException]) -> None:
    """The second job in the same folder judges its own runs only."""
    alone += [TargetError("died"), 1.0]
    measure_job("pr")
    alone += [1.0, 1.0]
    assert set(words(measure_job("pr")).values()) == {"inconclusive"}


def test_the_files_of_a_job_are_read_together() -> None:
    """`results/*` names runs, failures and the file of the job."""
    with pytest.raises(ConfigError):
        measure_job("pr", against="gone")
    stored = load_suite(sorted(RESULTS.iterdir()))
    assert stored.job == stored_job()
    assert {failure.scenario for failure in stored.failures} == {"quick", "short"}
