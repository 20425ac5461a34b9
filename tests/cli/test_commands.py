import json
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest

from bench.cli.app import main
from bench.core.config.run_spec import RunSpec
from bench.core.run.result import RunResult
from bench.core.samples.sample import Outcome, Stop, StopCause
from bench.errors import Exit
from bench.store import baselines, results
from bench.usecases.run import StoredRun
from bench.usecases.schema import SCHEMAS
from tests.command import Bench, Done
from tests.factories import (
    make_baseline,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_run,
    make_sample,
    make_scenario,
    make_spec,
    run_at,
)

# A scenario that has no baseline among the committed ones.
TRIAL = make_spec(make_scenario(name="trial"))


def store(run: RunResult) -> str:
    """Store a run and return its folder."""
    return str(results.save(run, make_recording(), Path("results")))


def test_compare_exits_with_the_verdict(bench: Bench) -> None:
    """0 for a pass, 1 for a regression, 5 for an invalid run; the report is on stdout."""
    baselines.save(make_baseline())
    passed = bench("compare", store(run_at(1.0, 1)))
    assert (passed.code, passed.out.split()[0]) == (Exit.PASS, "PASS")
    failed = bench("compare", store(run_at(1.4, 2)))
    assert (failed.code, failed.out.split()[0]) == (Exit.REGRESSION, "FAIL")
    broken_off = make_recording(stop=Stop(cause=StopCause.TARGET, reason="the model died"))
    invalid = bench("compare", store(make_run(broken_off)))
    assert (invalid.code, invalid.out.split()[:2]) == (Exit.MEASUREMENT, ["!", "INVALID"])


@pytest.fixture
def stored_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """`bench run` with a recording in place of a measurement."""

    def run(*arguments: str, spec: RunSpec | None = None, **recording: Any) -> Done:
        stored = StoredRun(make_run(make_recording(**recording), spec=spec), Path("results/mine"))
        monkeypatch.setattr("bench.cli.run.run_scenario", lambda *_, **__: stored)
        return bench("run", "mine", *arguments)

    return run


def test_run_prints_results_and_ends_with_the_folder(stored_run: Callable[..., Done]) -> None:
    """A script reads the last line of stdout, or the only one with --quiet."""
    done = stored_run(warnings=("a proxy buffers",))
    assert (done.code, done.err) == (Exit.PASS, "")
    assert "100 of 100 requests in 31.0 s" in done.out
    assert "warning: a proxy buffers" in done.out
    assert done.out.endswith("next: bench compare results/mine\nresults/mine\n")
    quiet = stored_run("--quiet", warnings=("a proxy buffers",))
    assert (quiet.code, quiet.out) == (Exit.PASS, "results/mine\n")


def test_an_invalid_run_exits_with_5(stored_run: Callable[..., Done]) -> None:
    """Its reason is the second line of the results; with --quiet, it is on stderr."""
    stop = Stop(cause=StopCause.TARGET, reason="the model died")
    done = stored_run(stop=stop)
    assert done.code == Exit.MEASUREMENT
    assert done.out.splitlines()[1] == "! INVALID the run ended early: the model died"
    quiet = stored_run("-q", stop=stop)
    assert (quiet.code, quiet.out) == (Exit.MEASUREMENT, "results/mine\n")
    assert quiet.err == "warning: the run is invalid: the run ended early: the model died\n"


def test_a_crossed_threshold_exits_with_1(stored_run: Callable[..., Done]) -> None:
    """A run needs no baseline for this; without a crossed threshold, failed requests do not matter."""
    refused = make_sample(0, outcome=Outcome.UNAUTHORIZED, status=401, detail="wrong \x1b[2Jkey")
    samples = [refused, make_sample(1)]
    lenient = stored_run(samples=samples, spec=make_spec(make_scenario(thresholds={})))
    assert lenient.code == Exit.PASS
    assert re.search(r"unauthorized +1 +50 % +target +401: wrong  \[2Jkey", lenient.out)
    strict = stored_run(samples=samples)
    assert strict.code == Exit.REGRESSION
    assert re.search(r"success +rate>0.95 +50 % of 2 requests +crossed", strict.out)
    assert stored_run("-q", samples=samples).err == "warning: threshold crossed: success_ratio rate>0.95\n"


@pytest.mark.parametrize("command", ["run", "check"])
def test_a_wrong_objective_is_refused(bench: Bench, command: str) -> None:
    """It is a usage error before bench starts the stack."""
    refused = bench(command, "quick", "--objective", "ttft:2000", "--objective", "e2e:fast")
    assert refused.code == Exit.USAGE
    assert "error: --objective e2e:fast" in refused.err
    assert refused.out == ""


@pytest.mark.parametrize("form", ["text", "markdown", "json", "junit"])
def test_merge_has_one_verdict_for_several_scenarios(bench: Bench, form: str) -> None:
    """Runs of several scenarios have one verdict and one exit code, in every format."""
    baselines.save(make_baseline())
    other = run_at(1.0, 3, spec=TRIAL)
    failed = bench("ci", "merge", store(run_at(1.4, 1)), store(other), "--out", form)
    assert failed.code == Exit.REGRESSION
    assert ("<failure" if form == "junit" else "Worse in quick (1 of 2 scenarios): ") in failed.out
    inconclusive = bench("ci", "merge", store(run_at(1.0, 1)), store(other), "--out", form)
    assert inconclusive.code == Exit.INCONCLUSIVE


def test_merge_annotates_failures_on_github(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a workflow a failure is an annotation; elsewhere its command is not printed."""
    baselines.save(make_baseline())
    run = store(run_at(1.4, 1))
    assert "::error" not in bench("ci", "merge", run).out
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert bench("ci", "merge", run).out.startswith("::error title=bench quick::Worse in quick: ")


def test_a_second_run_confirms_the_first(bench: Bench) -> None:
    """A regression needs both runs; a third run is refused."""
    baselines.save(make_baseline())
    suspect, well, worse = (store(run_at(factor, n)) for n, factor in enumerate((1.4, 1.0, 1.4), 1))
    assert bench("ci", "merge", suspect).code == Exit.REGRESSION
    assert bench("ci", "merge", suspect, well).code == Exit.PASS
    assert bench("ci", "merge", well, suspect).code == Exit.PASS
    assert bench("ci", "merge", suspect, worse).code == Exit.REGRESSION
    assert bench("ci", "merge", suspect, suspect).code == Exit.REGRESSION
    other = store(run_at(1.0, 9, fingerprint=make_fingerprint(work_digest="e" * 64)))
    unlike = bench("ci", "merge", suspect, other)
    assert unlike.code == Exit.USAGE
    assert "differs from the first in work_digest" in unlike.err
    done = bench("ci", "merge", suspect, well, worse)
    assert done.code == Exit.USAGE
    assert "scenario 'quick' has 3 runs" in done.err


def test_an_inconclusive_result_is_no_pass(bench: Bench) -> None:
    """Without a baseline the exit is 3, which is neither a pass nor a failure, and 1 with --strict."""
    home = store(run_at(1.0, spec=TRIAL))
    loose = bench("compare", home)
    assert loose.code == Exit.INCONCLUSIVE
    assert "there is no baseline" in loose.out
    assert bench("compare", home, "--strict").code == Exit.REGRESSION


def test_a_stack_that_does_not_start_leaves_its_reason(bench: Bench) -> None:
    """`bench check` stores it for the verdict on the suite, which is then no pass; a result removes it."""
    Path("scenarios/stacks").mkdir(parents=True)
    service = "{command: [sh, -c, 'echo broken import; exit 3'], port: 1999}"
    Path("scenarios/stacks/broken.yaml").write_text(
        f"name: broken\npurpose: Fails.\nservices: {{agent: {service}}}\n"
    )
    failed = bench("check", "quick", "--stack", "broken", "--service", "agent")
    assert failed.code == Exit.TARGET
    merged = bench("ci", "merge", "results/not-measured-quick")
    assert merged.code == Exit.MEASUREMENT
    assert "! INVALID Not measured: quick: service 'agent'" in merged.out
    assert "quick was not measured: service 'agent'" in merged.out
    assert "broken import" in merged.out


def test_compare_uses_a_named_baseline(bench: Bench, tmp_path: Path) -> None:
    """--baseline compares with that file, in any folder."""
    path = shutil.move(baselines.save(make_baseline()), tmp_path / "mine.json")
    assert bench("compare", store(run_at(1.4)), "--baseline", str(path)).code == Exit.REGRESSION


def test_an_accepted_run_is_shown_with_person_and_reason(bench: Bench) -> None:
    """An accepted run is in the file once, with the person and the reason."""
    homes = [store(run_at(1.0, number, spec=TRIAL)) for number in range(6)]
    done = bench("baseline", "accept", *homes, "--reason", "first runs", "--by", "Tess")
    assert done.code == Exit.PASS
    assert "has 6 runs" in done.err
    again = bench("baseline", "accept", homes[0], "--reason", "once more")
    assert "was accepted before" in again.err
    shown = bench("baseline", "show", "trial", "--runs")
    assert shown.out.count("Tess: first runs") == 7  # the level, and its runs
    assert "100/100 ok" in shown.out
    listed = bench("baseline", "list")
    assert re.search(r"trial +embedded/simulated +6 runs", listed.out)
    assert bench("compare", homes[0]).code == Exit.PASS


def test_an_injected_run_is_not_accepted(bench: Bench) -> None:
    """An injected run, and an empty reason, are refused with exit 2."""
    made_worse = make_run(provenance=make_provenance(injections={"model.slowdown": 1.3}))
    refused = bench("baseline", "accept", store(made_worse), "--reason", "because")
    assert refused.code == Exit.USAGE
    assert "has injected faults" in refused.err
    assert bench("baseline", "accept", store(run_at(1.0)), "--reason", " ").code == Exit.USAGE


def test_a_run_without_a_commit_is_shown_as_such(bench: Bench) -> None:
    """A run outside of a repository has no commit, and is shown as such."""
    runs = [
        run_at(1.0, spec=TRIAL, provenance=make_provenance(f"r-{number}", commit=None)) for number in range(2)
    ]
    bench("baseline", "accept", *[store(run) for run in runs], "--reason", "x", "--by", "y")
    assert "no commit" in bench("baseline", "show", "trial", "--runs").out


def test_scenarios_are_listed_and_checked(bench: Bench) -> None:
    """Every scenario is listed with its load, is valid, and has a schema."""
    assert re.search(r"quick +chat +10 VUs, 30 s +Ten VUs", bench("scenarios", "list").out)
    assert "extreme" in bench("scenarios", "list", "--suite", "monthly").out
    assert bench("scenarios", "list", "--suite", "hourly").code == Exit.USAGE
    assert "quick: ok; 13 messages" in bench("scenarios", "check").out
    assert bench("scenarios", "check", "nope").code == Exit.USAGE
    assert json.loads(bench("schema", "scenario").out)["title"] == "Scenario"


@pytest.mark.parametrize("kind", SCHEMAS)
def test_every_kind_of_file_has_a_schema(bench: Bench, kind: str) -> None:
    """The schema of each kind of file names its dialect and allows no other fields."""
    schema = json.loads(bench("schema", kind).out)
    assert schema["$schema"].endswith("2020-12/schema")
    one = (
        schema if schema["type"] == "object" else schema["$defs"][schema["items"]["$ref"].rpartition("/")[2]]
    )
    assert one["additionalProperties"] is False


def test_auth_token_prints_a_token(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """`auth token` prints a token that is signed with JWT_SECRET, and no other text."""
    secret = secrets.token_hex(32)
    monkeypatch.setenv("JWT_SECRET", secret)
    done = bench("auth", "token", "ab" * 12)
    claims = jwt.decode(done.out.strip(), secret, algorithms=["HS256"])
    assert claims["userId"] == "ab" * 12
    monkeypatch.delenv("JWT_SECRET")
    assert bench("auth", "token", "ab" * 12).code == Exit.USAGE


def test_a_stack_is_started_used_and_stopped(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """`up` prints the addresses, `status` the states, `auth user` creates users, `down` stops the stack."""
    assert bench("stack", "status").code == Exit.TARGET
    assert bench("stack", "up").code == Exit.USAGE  # no JWT_SECRET
    monkeypatch.setenv("JWT_SECRET", secrets.token_hex(32))
    try:
        up = bench("stack", "up")
        assert re.search(r"backend +http://127\.0\.0\.1:\d+", up.out)
        status = bench("stack", "status")
        assert (status.code, status.out.count(" up")) == (Exit.PASS, 3)
        users = bench("auth", "user", "--count", "2").out.split()
        assert [len(each) for each in users] == [24, 24]
        assert "removed 1" in bench("auth", "user", "--remove", users[0]).err
        monkeypatch.delenv("JWT_SECRET")
    finally:
        down = bench("stack", "down")
    assert "3 services ended" in down.err
    assert bench("stack", "status").code == Exit.TARGET


@pytest.mark.parametrize("text", ["backend", "backend=", "backend=x", "backend=70000"])
def test_a_wrong_port_is_refused(bench: Bench, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """--port accepts only SERVICE=N."""
    monkeypatch.setenv("JWT_SECRET", secrets.token_hex(32))
    done = bench("stack", "up", "--port", text)
    assert done.code == Exit.USAGE
    assert "not SERVICE=N" in done.err


def test_the_version_is_printed(bench: Bench) -> None:
    """--version prints name and version."""
    assert re.fullmatch(r"bench \d+\.\d+\.\d+\n", bench("--version").out)


def test_usage_errors_exit_with_2(bench: Bench) -> None:
    """Unknown commands and options are usage errors."""
    assert bench("chekc").code == Exit.USAGE
    assert bench("check", "quick", "--fast").code == Exit.USAGE


def test_a_bug_shows_its_traceback_and_exits_with_70(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception is reported as a bug, with its traceback."""

    def broken() -> None:
        raise ZeroDivisionError("by zero")

    with pytest.raises(SystemExit) as caught:
        main(broken)
    assert caught.value.code == Exit.BUG
    said = capsys.readouterr().err
    assert "ZeroDivisionError: by zero" in said
    assert "this is a bug in bench" in said


def test_an_incomparable_run_names_the_difference(bench: Bench) -> None:
    """A run of another stack version is inconclusive, and the report names the difference."""
    baselines.save(make_baseline())
    other = make_run(fingerprint=make_fingerprint(stack_digest="d" * 64))
    done = bench("compare", store(other))
    assert done.code == Exit.INCONCLUSIVE
    assert "stack_digest" in done.out
