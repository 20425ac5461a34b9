"""Every file that bench reads or writes conforms to its published schema, by an independent validator."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.core.samples.sample import Outcome
from bench.errors import Exit
from bench.store import baselines, results
from tests.command import Bench
from tests.factories import make_baseline, make_recording, make_sample, run_at
from tests.render.reports import reports

ROOT = Path(__file__).parents[2]
SHIPPED = {
    "scenario": "scenarios/*.yaml",
    "target": "scenarios/targets/*.yaml",
    "prompts": "scenarios/prompts/*.yaml",
    "stack": "scenarios/stacks/*.yaml",
    "baseline": "baselines/*/*/*.json",
    "noise": "baselines/*/*/noise/*.json",
}


def _validate(bench: Bench, kind: str, files: list[Path]) -> None:
    """Validate files with the schema that the command line prints for their kind."""
    schema = Path(f"{kind}.schema.json")
    schema.write_text(bench("schema", kind).out)
    assert files
    done = subprocess.run(
        [Path(sys.executable).with_name("check-jsonschema"), "--schemafile", schema, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _write(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text)
    return path


@pytest.mark.parametrize("kind", SHIPPED)
def test_shipped_files_conform_to_their_schemas(bench: Bench, kind: str) -> None:
    """Every shipped scenario, target, stack, message file and baseline."""
    _validate(bench, kind, [path for path in ROOT.glob(SHIPPED[kind]) if path.name != "suites.yaml"])


def test_files_that_inherit_or_have_variables_conform_to_their_schemas(bench: Bench) -> None:
    """They need neither a name nor the inherited fields, and a number may be a variable."""
    scenario = (
        "extends: quick\nvus: '${env.USERS:-5}'\nduration: '${env.TIME:-9s}'\nmessages: [a, {text: b}]\n"
    )
    target = "extends: chat\nbody: {n: '${env.N:-4}'}\n"
    stack = "extends: embedded\nservice: {chat: backend}\nthresholds: {e2e_ms: null}\n"
    for kind, text in {"scenario": scenario, "target": target, "stack": stack}.items():
        _validate(bench, kind, [_write(f"{kind}.yaml", text)])


def test_a_file_without_a_required_field_does_not_conform(bench: Bench) -> None:
    """Only a file that extends another one may leave it out."""
    with pytest.raises(AssertionError, match="'purpose' is a required"):
        _validate(bench, "stack", [_write("stack.yaml", "name: mine\n")])


def test_every_report_conforms_to_its_schema(bench: Bench) -> None:
    """`bench report --out json` conforms to `bench schema report`, for every verdict."""
    files = []
    for name, report in reports().items():
        home = results.save(report.result, make_recording(), Path("results", name))
        done = bench("report", str(home), "--out", "json")
        assert done.code == Exit.PASS
        files.append(_write(f"{name}.json", done.out))
        files.append(_write(f"{name}-judged.json", report.model_dump_json()))
    _validate(bench, "report", files)


def test_the_files_of_a_run_conform_to_their_schemas(bench: Bench) -> None:
    """Result, recording and each request, also streamed and failed ones."""
    samples = [
        make_sample(0),
        make_sample(1, tokens=3, first_token_s=0.1, last_token_s=0.2, intercepted=True, connect_s=0.001),
        make_sample(2, outcome=Outcome.DROPPED, status=None, sent_s=None, first_byte_s=None, detail="late"),
    ]
    home = results.save(run_at(1.0), make_recording(samples), Path("results"))
    _validate(bench, "result", [home / "result.json"])
    _validate(bench, "recording", [home / "recording.json"])
    lines = bench("export", str(home)).out.splitlines()
    assert len(lines) == len(samples)
    _validate(bench, "request", [_write(f"{n}.json", each) for n, each in enumerate(lines)])


def test_derived_files_conform_to_their_schemas(bench: Bench) -> None:
    """A comparison, a suite, a history and a trend."""
    baselines.save(make_baseline())
    homes = [str(results.save(run_at(1.0, n), make_recording(), Path("results"))) for n in range(6)]
    merged = _write("suite.json", bench("ci", "merge", homes[0], "--out", "json").out)
    _validate(bench, "suite", [merged])
    judged = reports()["regression"].comparison
    _validate(bench, "comparison", [_write("comparison.json", judged.model_dump_json())])
    assert bench("ci", "history", "add", *homes).code == Exit.PASS
    (kept,) = Path("history").rglob("*.jsonl")
    points = kept.read_text().splitlines()
    _validate(bench, "history", [_write(f"{n}.json", each) for n, each in enumerate(points)])
    trend = bench("trend", "quick", "--out", "json")
    _validate(bench, "trend", [_write("trend.json", trend.out)])
