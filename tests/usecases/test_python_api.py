"""The Python API, as docs/how-to/use-from-python.md documents it."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.store import baselines, results
from bench.store.folders import RESULTS
from tests.command import short_scenario
from tests.factories import make_baseline, make_fingerprint, make_recording, run_at

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "use-from-python.md"


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def store(factor: float = 1.0, number: int = 0) -> Path:
    """Store a run whose times are `factor` times those of the baseline, and return its folder."""
    return results.save(run_at(factor, number), make_recording(), Path("results"))


def test_import_bench_is_cheap() -> None:
    """`import bench` imports no use case and no library; a name is imported when it is used."""
    code = "import bench, sys; print([name for name in sys.modules if name.startswith('bench.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_every_public_name_exists() -> None:
    """The table of names, `__all__` and the imports for type checkers have the same names."""
    assert sorted(bench._MODULES) == sorted(bench.__all__)
    tree = ast.parse(Path(bench.__file__).read_text(encoding="utf-8"))
    typed = {
        (name.name, node.module)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If)
        for node in branch.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert typed >= set(bench._MODULES.items())
    assert all(getattr(bench, name) is not None for name in bench.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A wrong name fails as it does in every module."""
    with pytest.raises(AttributeError, match="module 'bench' has no attribute 'chekc'"):
        getattr(bench, "chekc")  # noqa: B009 - mypy refuses the attribute


def test_check_returns_the_verdict_and_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """`bench.check` measures, judges and stores; the listener receives the notes and the progress."""
    notes: list[str] = []
    progress: list[object] = []
    judged = bench.check(
        str(short_scenario(Path.cwd())),
        stack="embedded",
        listener=bench.Listener(progress=progress.append, note=notes.append),
        calibration=False,
        pin=False,
    )
    # On a busy machine the load generator is late, which makes the run invalid.
    headlines = {
        bench.Decision.INCONCLUSIVE: "there is no baseline",
        bench.Decision.INVALID: "the load generator",
    }
    assert headlines[judged.decision] in judged.report.headline
    assert {path.name for path in judged.folder.iterdir()} >= {
        "result.json",
        "comparison.json",
        "report.html",
    }
    assert notes[0].startswith("short on embedded: 3 VUs, 1 s")
    assert progress
    assert capsys.readouterr() == ("", "")


def test_run_takes_another_load_and_the_result_has_it() -> None:
    """The options change the scenario in the result, so that its baseline is another one."""
    scenario = str(short_scenario(Path.cwd()))
    stored = bench.run(scenario, vus=2, duration="500ms", calibration=False, pin=False)
    (phase,) = stored.result.scenario.phases
    assert (phase.duration_s, getattr(phase, "vus", None)) == (0.5, 2)
    assert results.load(stored.folder) == stored.result
    usual = bench.run(scenario, calibration=False, pin=False).result
    assert stored.result.fingerprint.work_digest != usual.fingerprint.work_digest


def test_a_wrong_option_is_an_error_with_a_hint() -> None:
    """An error has a message, a hint and an exit code."""
    with pytest.raises(bench.BenchError, match="--duration: 'soon' is not a duration") as caught:
        bench.run("quick", duration="soon")
    assert caught.value.hint == "--duration 30s"
    assert caught.value.exit_code == 2
    with pytest.raises(bench.BenchError, match="target 'caht' does not exist") as caught:
        bench.run("quick", target="caht")
    assert caught.value.hint == "did you mean 'chat'?"
    with pytest.raises(bench.BenchError, match="the executor constant-vus has no rate"):
        bench.run("quick", rate=5)


def test_a_stored_run_is_compared_reported_and_accepted() -> None:
    """`compare`, `report` and `accept` work on stored runs."""
    baselines.save(make_baseline())
    folder = store(1.4)
    assert bench.compare(folder).decision is bench.Decision.FAIL
    assert bench.report(folder, "markdown").startswith("## 🔴 quick")
    with pytest.raises(bench.BenchError, match="unknown format 'pdf'"):
        bench.report(folder, "pdf")
    (accepted,) = bench.accept([store(1.0, 30)], reason="as expected", by="Tess")
    assert len(accepted.baseline.runs) == 11
    (again,) = bench.accept([RESULTS / accepted.run_id], reason="as expected", by="Tess")
    assert again.path is None


def test_several_runs_and_a_history_are_judged() -> None:
    """`merge` judges scenarios together; `trend` judges a history, and `site` writes its pages."""
    baselines.save(make_baseline())
    folders = [store(1.0, number) for number in range(3)]
    assert bench.merge(folders[:1]).decision is bench.Decision.PASS
    added = bench.add_to_history(folders)
    assert added[-1].runs == 3
    (trend,) = bench.trend("quick")
    assert trend.decision is bench.Decision.INCONCLUSIVE
    assert bench.site().pages == 1


def test_the_functions_of_the_page_exist() -> None:
    """The page names functions that `bench` has, and every function that it has."""
    text = PAGE.read_text(encoding="utf-8")
    named = set(re.findall(r"\bbench\.([a-zA-Z_]+)", text)) - {"errors"}
    assert named <= set(bench.__all__)
    assert {name for name in bench.__all__ if name.islower()} <= named


def test_the_example_of_the_page_runs(capsys: pytest.CaptureFixture[str]) -> None:
    """The first example of the page works as it is written, here with a shorter run."""
    (example, *_) = re.findall(
        r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    scenario = str(short_scenario(Path.cwd()))
    exec(compile(example.replace('"quick"', repr(scenario)), str(PAGE), "exec"), {})  # noqa: S102 - our own page
    # A slow machine delays the load generator, which makes the run invalid.
    printed = capsys.readouterr().out
    assert printed.startswith(("inconclusive Cannot tell: there is no baseline", "invalid Invalid run: "))


def test_a_changed_load_is_not_compared_with_the_baseline() -> None:
    """The report gives the reason in one sentence."""
    baselines.save(make_baseline())
    changed = run_at(1.4, fingerprint=make_fingerprint(work_digest="e" * 64))
    judged = bench.compare(results.save(changed, make_recording(), Path("results")))
    assert judged.decision is bench.Decision.INCONCLUSIVE
    assert "another load, other messages or another target, for example by --vus" in judged.report.headline
