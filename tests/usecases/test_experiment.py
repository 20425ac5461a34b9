"""Experiments with scripted runs in place of measurements, and the command as a person calls it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.core.config.run_spec import RunSpec
from bench.core.experiment.claim_range import ClaimVerdict
from bench.core.run.validity import Validity
from bench.errors import ConfigError, MeasurementError, TargetError
from bench.measure.run.alternate import Arm, PairRun
from bench.measure.run.conditions import Listener
from bench.store import experiments as store
from bench.usecases import experiment as usecase
from bench.usecases.experiment import ExperimentOptions, describe_experiment
from tests.command import bench
from tests.factories import make_provenance, make_recording, run_at

EXPERIMENT = """
name: faster
hypothesis: The variant takes half of the time.
base: embedded
variants:
  fast: embedded+OPTION=1
scenarios: [quick]
loads: [{vus: 5}, {vus: 10, name: many}]
claims:
  - {metric: e2e_ms, effect: -40%..-60%}
"""


@dataclass
class ScriptedArms:
    """Runs whose slowdown depends on their version; the errors happen first."""

    slowdowns: dict[str, float]
    errors: list[BaseException | str | None] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def measure(
        self, arm: Arm, spec: RunSpec, place: Path, _listener: Listener, *, calibrated: bool
    ) -> PairRun:
        """Return the next run, or raise the next error."""
        assert isinstance(calibrated, bool)
        self.order.append(f"{spec.scenario.vus} {arm.name}")
        problem = self.errors.pop(0) if self.errors else None
        if isinstance(problem, BaseException):
            raise problem
        noise = 1.0 + 0.001 * (len(self.order) % 5)
        run_id = f"20260105T120000Z-{spec.scenario.name}-0000"
        result = run_at(self.slowdowns[arm.name] * noise, spec=spec, provenance=make_provenance(run_id))
        if problem is not None:
            invalid = Validity(valid=False, reasons=(problem,))
            result = result.model_copy(update={"validity": invalid})
        return PairRun(place, result, make_recording())


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedArms]:
    """Replace the measurements of experiments, in a folder with the experiment `faster.yaml`."""
    monkeypatch.chdir(tmp_path)
    Path("faster.yaml").write_text(EXPERIMENT, encoding="utf-8")

    def script(*errors: BaseException | str, fast: float = 0.5) -> ScriptedArms:
        arms = ScriptedArms({"base": 1.0, "fast": fast}, [*errors])
        monkeypatch.setattr(usecase, "measure_arm", arms.measure)
        return arms

    return script


def test_the_versions_take_turns_at_each_load(scripted: Callable[..., ScriptedArms]) -> None:
    """Each block has both versions, in the order AB BA BA."""
    arms = scripted()
    measured = usecase.experiment("faster.yaml")
    assert measured.result.verdict is ClaimVerdict.SUPPORTED
    assert arms.order[:6] == ["5 base", "5 fast", "5 fast", "5 base", "5 fast", "5 base"]
    assert arms.order[6] == "10 base"
    assert [cell.load for cell in measured.result.cells] == ["5 VUs", "many"]
    assert {cell.stopped for cell in measured.result.cells} == {"each claim has a verdict"}
    effect = measured.result.cells[0].variants[0].find("e2e_ms")
    assert effect is not None
    assert effect.effect == pytest.approx(-0.5, abs=0.01)


def test_the_result_is_stored_and_the_newest_counts(scripted: Callable[..., ScriptedArms]) -> None:
    """Other commands read the newest result of each experiment."""
    scripted(fast=1.0)
    first = usecase.experiment("faster.yaml")
    assert store.read(first.folder) == first.result
    assert first.result.verdict is ClaimVerdict.REFUTED
    (newest,) = [result for result in store.list_results(Path("results")) if result.name == "faster"]
    assert newest == first.result


def test_a_stored_result_is_printed_again(scripted: Callable[..., ScriptedArms], tmp_path: Path) -> None:
    """The folder of a result replaces the name; the exit code is that of the verdict."""
    scripted(fast=1.0)
    folder = str(usecase.experiment("faster.yaml").folder)
    done = bench("experiment", folder, cwd=tmp_path)
    assert done.code == 1
    assert done.out.startswith("REFUTED: response time: -40%..-60% is refuted in 2 of 2 tests")
    done = bench("experiment", folder, "--out", "markdown=report.md", cwd=tmp_path)
    assert "| response time: -40%..-60% |" in (tmp_path / "report.md").read_text(encoding="utf-8")


def test_a_block_that_fails_once_is_measured_again(scripted: Callable[..., ScriptedArms]) -> None:
    """One bad run costs its block, and not the experiment."""
    scripted("the machine was not quiet", TargetError("port in use"))
    warnings: list[str] = []
    measured = usecase.experiment("faster.yaml", listener=Listener(warning=warnings.append))
    assert measured.result.cells[0].problem == "base: port in use"
    assert measured.result.cells[1].problem is None
    assert measured.result.cells[1].blocks == 3
    assert warnings == [
        "quick, 5 VUs: base: the machine was not quiet",
        "quick, 5 VUs: base: port in use",
    ]
    assert measured.result.verdict is ClaimVerdict.INCONCLUSIVE


def test_an_experiment_without_a_run_is_an_error(scripted: Callable[..., ScriptedArms]) -> None:
    """Nothing is stored that looks like a result."""
    scripted(*[TargetError("the model does not start")] * 4)
    with pytest.raises(MeasurementError, match="the model does not start"):
        usecase.experiment("faster.yaml")
    assert not [*Path("results").glob("*/experiment.json")]


def test_an_interrupted_experiment_continues(scripted: Callable[..., ScriptedArms]) -> None:
    """Complete blocks are not measured again, and a finished experiment is not continued."""
    arms = scripted()
    arms.errors = [*[None] * 4, KeyboardInterrupt()]
    with pytest.raises(
        KeyboardInterrupt, match="after 2 complete blocks; continue with: bench experiment faster"
    ):
        usecase.experiment("faster.yaml")
    arms.order.clear()
    continued = usecase.experiment("faster.yaml", resume=True)
    assert arms.order == [
        "5 fast",
        "5 base",
        "10 base",
        "10 fast",
        "10 fast",
        "10 base",
        "10 fast",
        "10 base",
    ]
    assert len([*Path("results").glob("*/experiment.json")]) == 1
    again = usecase.experiment("faster.yaml", resume=True)
    assert again.folder != continued.folder


def test_the_command_that_continues_finds_the_same_measurement(scripted: Callable[..., ScriptedArms]) -> None:
    """It has the file and the options of the measurement, in words of a shell."""
    scripted().errors = [KeyboardInterrupt()]
    expected = "bench experiment faster.yaml --resume --blocks 3 --results 'my results' --workers 2$"
    with pytest.raises(KeyboardInterrupt, match=expected):
        usecase.experiment("faster.yaml", blocks="3", results="my results", workers=2)


def test_a_changed_experiment_is_not_continued(scripted: Callable[..., ScriptedArms]) -> None:
    """Blocks of another declaration would answer another question."""
    arms = scripted()
    arms.errors = [*[None] * 4, KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        usecase.experiment("faster.yaml")
    Path("faster.yaml").write_text(EXPERIMENT.replace("OPTION=1", "OPTION=2"), encoding="utf-8")
    notes: list[str] = []
    usecase.experiment("faster.yaml", resume=True, listener=Listener(note=notes.append))
    assert "no unfinished measurement; a new one starts" in notes


def test_a_dry_run_states_runs_and_minutes(scripted: Callable[..., ScriptedArms]) -> None:
    """The plan is known before the first run."""
    arms = scripted()
    lines = describe_experiment("faster.yaml", **ExperimentOptions(blocks="3..4"))
    assert lines[1:3] == ("  base: embedded", "  fast: embedded+OPTION=1")
    assert lines[3] == "  quick, 5 VUs: 6 to 8 runs, 3.4 to 4.5 min"
    assert not arms.order


def test_every_shipped_experiment_has_a_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its versions, scenarios and loads exist and fit each other; a grid repeats its versions."""
    monkeypatch.chdir(Path(__file__).parents[2])
    for name in store.list_all():
        declared = store.load(name)
        has_commit = any("@" in variant.version for variant in declared.versions.values())
        if declared.grid is None and not has_commit:
            assert describe_experiment(name)[0].startswith(f"{name}: ")


def test_a_wrong_file_is_explained(tmp_path: Path) -> None:
    """The message names the line, the field and the cure; the command exits with 2."""
    text = EXPERIMENT.replace("e2e_ms,", "e2e,").replace("embedded+OPTION=1", "embeded+OPTION=1")
    (tmp_path / "faster.yaml").write_text(text, encoding="utf-8")
    done = bench("experiment", "faster.yaml", "--dry-run", cwd=tmp_path)
    assert done.code == 2
    assert "faster.yaml:10: claims[0].metric" in done.err
    assert "did you mean 'e2e_ms'" in done.err
    (tmp_path / "faster.yaml").write_text(text.replace("e2e,", "e2e_ms,"), encoding="utf-8")
    done = bench("experiment", "faster.yaml", "--dry-run", cwd=tmp_path)
    assert done.code == 2
    assert "experiment 'faster', fast: stack 'embeded' does not exist" in done.err


def test_an_error_names_the_version_and_the_load(scripted: Callable[..., ScriptedArms]) -> None:
    """The author of the file typed no option, so the place in the file leads to the mistake."""
    scripted()
    Path("faster.yaml").write_text(EXPERIMENT.replace("{vus: 10,", "{rate: 10,"), encoding="utf-8")
    with pytest.raises(ConfigError, match="experiment 'faster', base: quick, many: --rate 10"):
        usecase.experiment("faster.yaml")


def test_a_service_that_does_not_exist_is_refused(scripted: Callable[..., ScriptedArms]) -> None:
    """A variable of a service that the stack does not start would change nothing."""
    scripted()
    changed = EXPERIMENT.replace(
        "fast: embedded+OPTION=1", "fast: {version: embedded, services: {modle: {environment: {A: '1'}}}}"
    )
    Path("faster.yaml").write_text(changed, encoding="utf-8")
    with pytest.raises(ConfigError, match="has no process 'modle' to change"):
        usecase.experiment("faster.yaml")
