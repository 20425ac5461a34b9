"""Comparisons of two versions in pairs, with scripted runs in place of measurements."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

import bench
from bench.core.run.validity import Validity
from bench.core.samples.sample import Stop, StopCause
from bench.core.verdict.baseline import Baseline
from bench.core.verdict.compare import Comparison, Decision
from bench.core.verdict.levels import start_level
from bench.core.verdict.pair_limits import PairLimits, choose_limits
from bench.core.verdict.stopping import MAX_PAIRS, MIN_PAIRS
from bench.errors import BaseUnavailableError, ConfigError, StoreError, TargetError
from bench.measure.run.alternate import Arm, PairedSpec, PairRun
from bench.measure.run.conditions import Conditions, Listener
from bench.store import baselines, failures, results, stacks
from bench.store.pairs import PAIRS, load_pairs
from bench.usecases.compare import JudgedRun, judge_stored_pairs
from bench.usecases.merge import merge
from bench.usecases.paired import MeasuredPairs, PairedPlan, measure_pairs
from bench.usecases.paired_suite import SelectedScenarios
from tests.factories import make_baseline, make_recording, make_scenario, make_spec, run_at
from tests.scripted_versions import Ended, Row, Versions

SAME, SLOW = (1.0, 1.0), (1.0, 1.4)
BROKEN = "the load generator was late"
RESULTS = Path("results")


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@dataclass
class Measured:
    """What a comparison did."""

    pairs: MeasuredPairs
    order: list[str]
    notes: list[str]

    @property
    def judged(self) -> tuple[JudgedRun, ...]:
        """The judged scenarios."""
        return self.pairs.judged


@pytest.fixture
def measure(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Measured]:
    """Compare two versions whose pairs are scripted, and end after some pairs at the earliest."""
    notes: list[str] = []
    versions = Versions({})

    def run(
        script: dict[str, Sequence[Row]],
        enough: int = MIN_PAIRS,
        limits: PairLimits = PairLimits(),
    ) -> Measured:
        versions.script = {name: list(rows) for name, rows in script.items()}

        @contextmanager
        def open_versions(*arguments: object) -> Iterator[Versions]:
            versions.on_run = arguments[-1]  # type: ignore[assignment]
            yield versions

        def next_step(comparison: Comparison) -> str | None:
            return "the script ends" if (comparison.pairs or 0) >= enough else None

        monkeypatch.setattr("bench.usecases.paired.open_versions", open_versions)
        monkeypatch.setattr("bench.usecases.paired.next_step", next_step)
        arm = Arm("old", stacks.load("embedded"), Conditions())
        specs = []
        for name in script:
            spec = make_spec(make_scenario(name=name))
            specs.append(PairedSpec(spec, spec))
        listener = Listener(note=notes.append, warning=notes.append)
        measured = measure_pairs(PairedPlan(arm, arm, specs, limits, len(specs)), RESULTS, listener)
        return Measured(measured, versions.order, notes)

    return run


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        (None, (MIN_PAIRS, MAX_PAIRS)),
        (7, (MIN_PAIRS, 7)),
        ("7", (MIN_PAIRS, 7)),
        ("4..8", (4, 8)),
        ("6..6", (6, 6)),
    ],
)
def test_pairs_have_a_least_and_a_most_number(text: str | int | None, limits: tuple[int, int]) -> None:
    """One number is the most; two numbers are the least and the most."""
    assert choose_limits(text) == PairLimits(*limits)


@pytest.mark.parametrize("text", ["", "x", "-4", "2", "2..6", "6..4", "13", "3..13", "3...5", "4.5", "99999"])
def test_other_numbers_of_pairs_are_refused(text: str) -> None:
    """The message names the option and its value."""
    with pytest.raises(ConfigError, match=f"--pairs {text}: "):
        choose_limits(text)


def test_pairs_end_when_the_rule_says_so(measure: Callable[..., Measured]) -> None:
    """The comparison has the number of pairs, and why they ended."""
    measured = measure({"quick": [SLOW]}, enough=4)
    comparison = measured.judged[0].report.comparison
    assert measured.order == ["quick 1", "quick 2", "quick 3", "quick 4"]
    assert (comparison.pairs, comparison.stopped) == (4, "the script ends")
    assert comparison.base_name == "old"


@pytest.mark.parametrize(("least", "most", "pairs"), [(3, 12, 3), (5, 12, 5), (3, 4, 3), (6, 6, 6)])
def test_limits_come_before_the_rule(
    measure: Callable[..., Measured], least: int, most: int, pairs: int
) -> None:
    """A rule that would end at once does so after the least number of pairs."""
    assert len(measure({"quick": [SAME]}, 1, PairLimits(least, most)).order) == pairs


def test_the_most_pairs_end_a_comparison_without_an_answer(measure: Callable[..., Measured]) -> None:
    """The reason is the number."""
    measured = measure({"quick": [SAME]}, 99, PairLimits(3, 5))
    assert len(measured.order) == 5
    assert measured.judged[0].report.comparison.stopped == "5 pairs are the largest number"


def test_each_pair_tells_what_is_known_so_far(measure: Callable[..., Measured]) -> None:
    """From the pair on that has an estimate, the note has the change, its interval and the pairs left."""
    notes = measure({"quick": [SLOW]}, enough=6).notes
    assert notes[0] == "quick, pair 1: complete, 11 more at most"
    assert notes[4].startswith("quick, pair 5: response time +40 % (+")
    assert notes[4].endswith("), 7 more at most")
    assert notes[5].endswith("; no more pairs: the script ends")


def test_scenarios_take_turns_and_end_on_their_own(measure: Callable[..., Measured]) -> None:
    """A suite reports each scenario; a failed one fails the suite."""
    script = {"one": [SAME, SAME, SAME, SAME, SAME], "two": [SLOW, SLOW, BROKEN, SLOW, SLOW]}
    measured = measure(script, enough=4)
    assert measured.order[:5] == ["one 1", "two 1", "one 2", "two 2", "one 3"]
    assert measured.order[5:7] == ["two 3", "two 3"]
    assert [judged.report.comparison.pairs for judged in measured.judged] == [4, 4]
    suite = SelectedScenarios(("one", "two"), ()).judge(measured.pairs)
    assert suite.decision is Decision.FAIL
    assert {report.result.scenario.name: report.decision for report in suite.report.reports} == {
        "one": Decision.PASS,
        "two": Decision.FAIL,
    }
    assert set(suite.folders) == {"20260105T120000Z-one-0000", "20260105T120000Z-two-0000"}


def test_a_failed_pair_is_measured_once_more(measure: Callable[..., Measured]) -> None:
    """The second attempt counts, and the comparison is valid."""
    measured = measure({"quick": [SLOW, BROKEN, SLOW]}, enough=4)
    assert measured.order == ["quick 1", "quick 2", "quick 2", "quick 3", "quick 4"]
    assert measured.judged[0].decision is Decision.FAIL


@pytest.mark.parametrize("good", [0, 2, 5])
def test_a_pair_that_fails_twice_makes_the_comparison_invalid(
    measure: Callable[..., Measured], good: int
) -> None:
    """The reason names the pair and its problem; other scenarios go on."""
    rows = [*[SLOW] * good, BROKEN]
    measured = measure({"quick": rows, "other": [SAME]}, enough=6)
    quick, other = measured.judged
    assert quick.decision is Decision.INVALID
    assert quick.report.comparison.reasons == (f"pair {good + 1} failed twice: head: {BROKEN}",)
    assert quick.report.comparison.pairs == good
    assert other.decision is Decision.PASS
    assert bench.compare(quick.folder).decision is Decision.INVALID


def test_a_base_whose_service_ends_twice_is_unavailable(measure: Callable[..., Measured]) -> None:
    """The head can still be judged by its baseline; another end of the base is invalid."""
    died = Stop(cause=StopCause.TARGET, reason="service 'agent' ended with code 137")
    with pytest.raises(BaseUnavailableError, match=r"pair 1 failed twice: base: service 'agent' ended"):
        measure({"quick": [Ended("base", died)]}, enough=6)
    lost = Stop(cause=StopCause.GENERATOR, reason="a load generator ended")
    assert measure({"quick": [Ended("base", lost)]}, enough=6).judged[0].decision is Decision.INVALID


CRASH = Stop(
    cause=StopCause.TARGET,
    reason="service 'agent' ended with code 3: KeyError",
    log=tuple(f"line {number}" for number in range(30)),
)


@pytest.mark.parametrize("good", [0, 2])
def test_a_head_whose_service_ends_twice_is_not_measured(measure: Callable[..., Measured], good: int) -> None:
    """The reason has the service, its exit code and the end of its log; other scenarios go on."""
    rows = [*[SAME] * good, Ended("head", CRASH)]
    measured = measure({"quick": rows, "other": [SAME]}, enough=5)
    assert [run.decision for run in measured.judged] == [Decision.PASS]
    failure = failures.load_foreign(RESULTS / "not-measured-quick")
    assert failure.reason == f"pair {good + 1} failed twice: head: {CRASH.reason}"
    assert (failure.service, failure.exit_code, failure.log) == ("agent", 3, CRASH.log)
    suite = SelectedScenarios(("quick", "other"), ()).judge(measured.pairs).report
    assert suite.not_measured == (failure,)
    assert suite.headline == f"Not measured: quick (1 of 2 scenarios): {failure.reason}."
    stored = [file.parent for file in RESULTS.glob("*/*.json") if file.name in {"failure.json", PAIRS}]
    assert merge(stored).report.not_measured == (failure,)
    with pytest.raises(TargetError, match="service 'agent' ended with code 3"):
        _ = measured.pairs.single


def test_a_head_that_does_not_start_leaves_a_reason_for_each_scenario(
    measure: Callable[..., Measured],
) -> None:
    """A scenario whose pairs ended before keeps its verdict, and a later measurement forgets the reasons."""
    error = TargetError("head: no image\nline", service="agent", service_exit_code=1)
    with pytest.raises(TargetError):
        measure({"quick": [SAME, SAME, SAME, SAME, error], "other": [error]}, enough=6)
    for name in ("quick", "other"):
        failure = failures.load_foreign(RESULTS / f"not-measured-{name}")
        assert (failure.reason, failure.service, failure.log) == ("head: no image", "agent", ("line",))
    measure({"quick": [SAME], "other": [SAME]}, enough=5)
    assert not list(RESULTS.glob("not-measured-*"))


def test_a_threshold_that_ends_the_head_ends_the_pairs(
    measure: Callable[..., Measured], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More pairs would end in the same way."""
    monkeypatch.setattr(PairRun, "is_aborted", property(lambda _: True))
    measured = measure({"quick": [SLOW]})
    assert measured.order == ["quick 1"]
    assert measured.judged[0].report.comparison.stopped == "a threshold ended the run of the head"


def test_only_a_threshold_may_end_a_run_of_a_pair_early() -> None:
    """A run that ended for another reason, or is invalid, has a problem."""

    def problem(**changes: object) -> str | None:
        return PairRun(Path("x"), run_at().model_copy(update=changes), make_recording()).problem

    assert problem() is None
    assert problem(stop=Stop(cause=StopCause.THRESHOLD, reason="e2e_ms p(95)<5000")) is None
    assert problem(stop=Stop(cause=StopCause.TARGET, reason="the model died")) == "the model died"
    assert problem(validity=Validity(valid=False, reasons=(BROKEN,))) == BROKEN


@pytest.mark.parametrize(
    ("fail", "text"), [(KeyboardInterrupt, "interrupted"), (lambda: TargetError("died"), "died")]
)
@pytest.mark.parametrize("complete", [1, 4])
def test_complete_pairs_are_kept(
    measure: Callable[..., Measured], fail: Callable[[], BaseException], text: str, complete: int
) -> None:
    """After Ctrl-C, and after an error, the last line names the command that judges the complete pairs."""
    error = fail()
    with pytest.raises(type(error)) as caught:
        measure({"quick": [*[SLOW] * complete, error]}, enough=9)
    assert str(caught.value).startswith(text)
    message = getattr(caught.value, "hint", str(caught.value))
    assert f"{complete} complete pair" in message
    folder = message.rpartition(" ")[2]
    comparison = bench.compare(folder).report.comparison
    assert comparison.pairs == complete
    assert comparison.stopped is not None
    assert "ended the comparison" in comparison.stopped
    is_error = isinstance(error, TargetError)
    assert (comparison.decision is Decision.INVALID) is is_error


def test_an_early_error_keeps_nothing(measure: Callable[..., Measured]) -> None:
    """Without a complete pair, no folder is named."""
    with pytest.raises(KeyboardInterrupt, match="no pair is complete"):
        measure({"quick": [KeyboardInterrupt()]})
    with pytest.raises(TargetError, match=r"^died$"):
        measure({"quick": [TargetError("died")]})


def test_a_stored_comparison_is_judged_again_from_its_runs(measure: Callable[..., Measured]) -> None:
    """`bench compare` and `bench ci merge` trust the runs of the pairs, and not a stored verdict."""
    judged = measure({"quick": [SLOW]}, enough=4).judged[0]
    (judged.folder / "comparison.json").write_text("{}")
    again = bench.compare(judged.folder)
    assert again.report == judged.report
    together = merge([judged.folder])
    assert together.decision is Decision.FAIL
    assert together.report.reports == (judged.report,)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace('"01-base"', '"../01-base"'),
        lambda text: text.replace('"01-base"', '"77-base"'),
        lambda _: "[]",
    ],
)
def test_a_changed_file_of_pairs_is_an_error(
    measure: Callable[..., Measured], change: Callable[[str], str]
) -> None:
    """Folders outside of the run, and missing ones, are refused."""
    folder = measure({"quick": [SLOW]}).judged[0].folder
    file = folder / PAIRS
    file.write_text(change(file.read_text()))
    with pytest.raises(StoreError):
        bench.compare(folder)


def test_no_pairs_are_not_a_pass(measure: Callable[..., Measured]) -> None:
    """A comparison without pairs is invalid, also in a file that a person wrote."""
    folder = measure({"quick": [SAME]}).judged[0].folder
    (folder / PAIRS).write_text('{"base_name": "old", "pairs": []}')
    assert bench.compare(folder).decision is Decision.INVALID


def test_runs_of_another_comparison_are_refused(measure: Callable[..., Measured]) -> None:
    """The runs of the pairs belong to the joined run."""
    one, other = measure({"one": [SLOW], "two": [SAME]}).judged
    (one.folder / "runs").rename(RESULTS / "away")
    (other.folder / "runs").rename(one.folder / "runs")
    (one.folder / PAIRS).write_text((other.folder / PAIRS).read_text())
    with pytest.raises(StoreError, match="another comparison"):
        bench.compare(one.folder)


def test_the_head_is_also_compared_with_its_baseline(measure: Callable[..., Measured]) -> None:
    """The pairs decide; the level is one sentence, which a comparison without a baseline does not have."""
    alone = measure({"quick": [SAME]}).judged[0]
    assert alone.report.comparison.level is None
    baselines.save(make_baseline())
    level = bench.compare(alone.folder).report.comparison.level
    assert level is not None
    slow_on_both = measure({"quick": [(1.4, 1.4)]}, enough=4).judged[0]
    assert slow_on_both.decision is Decision.PASS
    assert "40 %" in (slow_on_both.report.comparison.level or "")


def _accept(factor: float) -> Baseline:
    """Return the usual baseline with a new level of this slowdown."""
    at = datetime(2026, 1, 20, tzinfo=UTC)
    return start_level(make_baseline(), run_at(factor, 300), reason="a larger model", by="Ada", at=at)


@pytest.mark.parametrize(
    ("accepted", "head", "decision"),
    [
        (1.4, 1.4, Decision.PASS),
        (1.4, 2.0, Decision.FAIL),
        (None, 1.4, Decision.FAIL),
    ],
)
def test_an_accepted_level_excuses_the_change_that_leads_to_it(
    measure: Callable[..., Measured], accepted: float | None, head: float, decision: Decision
) -> None:
    """The pairs compare with the commit before; the head's own files accept its level, and no more."""
    baselines.save(make_baseline())
    judged = measure({"quick": [(1.0, head)]}, enough=5).judged[0]
    assert judged.decision is Decision.FAIL
    paired = load_pairs(judged.folder)
    assert paired is not None
    baseline = make_baseline() if accepted is None else _accept(accepted)
    report = judge_stored_pairs(paired, results.load(judged.folder), lambda _: baseline)
    assert report.decision is decision


def test_the_baseline_of_the_base_is_the_one_in_its_commit(
    measure: Callable[..., Measured], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the folder of the head, its accepted level is new."""
    baselines.save(make_baseline())
    judged = measure({"quick": [SLOW]}, enough=5).judged[0]
    before = baselines.paths()[0].read_text()
    baselines.save(_accept(1.4))
    assert bench.compare(judged.folder).decision is Decision.FAIL  # there is no repository
    monkeypatch.setattr("bench.usecases.compare.has_commit", lambda _: True)
    monkeypatch.setattr("bench.usecases.compare.read_at", lambda *_: before)
    assert bench.compare(judged.folder).decision is Decision.PASS


@pytest.mark.parametrize(
    ("factor", "decision"), [(1.4, Decision.PASS), (1.38, Decision.PASS), (1.9, Decision.FAIL)]
)
def test_a_change_is_accepted_without_a_baseline(
    measure: Callable[..., Measured], factor: float, decision: Decision
) -> None:
    """The first pull request of a user can be accepted: its pairs measured the change that is accepted."""
    slow = measure({"lunch": [SLOW]}, enough=5).judged[0]
    with pytest.raises(ConfigError, match=r"is worse than its base: response time \+40 %"):
        bench.accept([slow.folder], reason="a larger model", by="Ada")
    lines: list[str] = []
    bench.accept(
        [slow.folder], reason="a larger model", by="Ada", allow_regression=True, announce=lines.append
    )
    assert "  accepted until the merge: response time +40 %" in "\n".join(lines)
    again = measure({"lunch": [(1.0, factor)]}, enough=5).judged[0]
    paired = load_pairs(again.folder)
    assert paired is not None
    accepted = baselines.parse(baselines.paths()[0].read_text(), "the head's file")
    baselines.paths()[0].unlink()  # the base has none
    report = judge_stored_pairs(paired, results.load(again.folder), lambda _: accepted)
    assert report.decision is decision
    assert report.comparison.accepted is not None
    assert report.comparison.accepted.startswith("Ada accepted response time +40 %")
    assert report.comparison.accepted.endswith(": a larger model")
    assert f"; {report.comparison.accepted}." in report.headline
