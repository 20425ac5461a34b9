"""Several runs side by side: what the description states about them, and what it never states."""

from collections.abc import Sequence
from itertools import permutations

import pytest

from bench.core.report.listed_run import LETTERS
from bench.core.report.side_by_side import MOST_RUNS, SideBySide, make_side_by_side
from bench.core.run.result import RunResult
from bench.core.samples.metrics import RESPONSE_TIME
from bench.errors import ConfigError
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec, run_at
from tests.render.side_runs import SETS, make_measured, reorder
from tests.searches import make_search


def value_of(side: SideBySide, key: str, number: int) -> float:
    """Return the value of a metric in a run."""
    (row,) = [row for row in side.metrics if row.key == key]
    value = row.values[number]
    assert value is not None
    return value.value


@pytest.mark.parametrize("name", SETS)
def test_values_follow_the_order_of_the_runs(name: str) -> None:
    """A run keeps its values in every order, and only the letter and the differences depend on the order."""
    runs = SETS[name]()
    count = len(runs.results)
    order = list(reversed(range(count)))
    forward = runs.report
    backward = reorder(runs, order).report
    assert [run.run_id for run in backward.runs] == [forward.runs[number].run_id for number in order]
    assert {row.key for row in forward.metrics} == {row.key for row in backward.metrics}
    for row in forward.metrics:
        (other,) = [each for each in backward.metrics if each.key == row.key]
        for number in range(count):
            one, two = row.values[number], other.values[count - 1 - number]
            assert (one and one.value) == pytest.approx(two and two.value)


@pytest.mark.parametrize("name", SETS)
def test_the_differences_of_two_runs_are_symmetric(name: str) -> None:
    """The difference of B from A is that of A from B with the other sign."""
    runs = SETS[name]()
    forward = reorder(runs, (0, 1)).report
    backward = reorder(runs, (1, 0)).report
    others = {row.key: row for row in backward.metrics}
    for row in forward.metrics:
        one, two = row.values[1], others[row.key].values[1]
        if one is not None and two is not None and one.difference is not None and two.difference is not None:
            assert one.difference == pytest.approx(-two.difference)


@pytest.mark.parametrize("name", SETS)
def test_the_first_run_has_no_difference_and_the_largest_difference_comes_first(name: str) -> None:
    """Rows are sorted by the size of their largest difference; values from too few requests come last."""
    side = SETS[name]().report
    for row in side.metrics:
        assert row.values[0] is None or row.values[0].difference is None
    keys = [(row.is_unreliable, -row.size) for row in side.metrics]
    assert keys == sorted(keys)


@pytest.mark.parametrize("name", SETS)
def test_each_condition_is_the_same_or_differs(name: str) -> None:
    """No condition is in both lists, and a differing one has different values."""
    side = SETS[name]().report
    assert not {row.name for row in side.differing} & {row.name for row in side.shared}
    assert all(len({*row.values}) > 1 for row in side.differing)


@pytest.mark.parametrize("name", SETS)
def test_no_verdict_is_invented(name: str) -> None:
    """The sentences judge no run, and the next step names the command that can."""
    side = SETS[name]().report
    assert not {"pass", "fail", "worse", "regression"} & {*side.headline.lower().split()}
    assert "prove no change" in side.next_step
    assert "bench compare RUN" in side.next_step or "bench ab embedded@" in side.next_step


def test_the_next_step_names_both_versions_if_a_command_can_repeat_them() -> None:
    """Two commits have a command; a slowed-down or a changed folder, and one commit, have none."""
    one, two = make_measured(1.0, 0)[0], make_measured(1.3, 1)[0]
    command = "bench ab embedded@000000000 embedded@111111111 --scenario quick"
    assert make_side_by_side([one, two]).next_step.endswith(command)
    fewer = {"overrides": ("--vus 5",)}
    with_option = [run.model_copy(update=fewer) for run in (one, two)]
    assert make_side_by_side(with_option).next_step.endswith(f"{command} --vus 5")
    hostile = [run.model_copy(update={"overrides": ("--vus 5; rm -r $HOME",)}) for run in (one, two)]
    assert make_side_by_side(hostile).next_step.endswith("--vus '5; rm -r $HOME'")
    for change in ({"dirty": True}, {"commit": None}, {"injections": {"model.slowdown": 2.0}}):
        provenance = two.provenance.model_copy(update=change)
        other = two.model_copy(update={"provenance": provenance})
        assert make_side_by_side([one, other]).next_step.endswith("bench compare RUN.")
    assert make_side_by_side([one, two.model_copy(update=fewer)]).next_step.endswith("bench compare RUN.")


def test_a_report_survives_json() -> None:
    """The JSON has everything."""
    for make in SETS.values():
        side = make().report
        assert SideBySide.model_validate_json(side.model_dump_json()) == side


def test_the_headline_states_who_is_faster_and_by_how_much() -> None:
    """The response time, the throughput and the cost of the second run are compared with the first."""
    headline = SETS["pair"]().report.headline
    assert headline == (
        "In these single runs, run B responds 30 % slower than run A (434 → 565 ms), "
        "answers as much and needs 2.5 % more processor time per request."
    )
    turned = reorder(SETS["pair"](), (1, 0)).report.headline
    assert turned.startswith("In these single runs, run B responds 23 % faster than run A (565 → 434 ms)")


def test_the_best_of_several_runs_does_not_depend_on_their_order() -> None:
    """The headline names the same run as the fastest one, by its letter in this order."""
    runs = SETS["three"]()
    for order in permutations(range(3)):
        letter = LETTERS[order.index(1)]
        assert (
            f"In these single runs, run {letter} responds fastest: 348 ms"
            in reorder(runs, order).report.headline
        )


def make_costly(order: Sequence[int]) -> SideBySide:
    """Return three runs in some order: a cheap one, the fastest one, which costs most, and a slow one."""
    made = (
        make_measured(1.0, 0, cpu_pct=20.0),
        make_measured(0.8, 1, cpu_pct=300.0),
        make_measured(1.2, 2, cpu_pct=200.0),
    )
    return make_side_by_side([made[number][0] for number in order])


def test_the_first_sentence_states_the_cost_of_the_fastest_run_against_the_same_partner() -> None:
    """Time and cost are compared with one run; the cheapest run has a sentence of its own."""
    assert make_costly((0, 1, 2)).headline == (
        "In these single runs, run B responds fastest: 348 ms, 20 % below run A; "
        "it needs 118 % more processor time per request than run A. "
        "Run A needs the least processor time per request (367 ms)."
    )
    for order in permutations(range(3)):
        first, second = make_costly(order).headline.split(". ")
        partner = "A" if order[0] != 1 else LETTERS[order.index(0)]
        assert first.count(f"run {partner}") == 2
        assert second.startswith(f"Run {LETTERS[order.index(0)]} needs the least")


def test_differences_below_the_tolerance_are_no_trade_off() -> None:
    """The fastest of three runs needs 6 % more processor time, which is tolerated."""
    headline = SETS["three"]().report.headline
    assert headline == "In these single runs, run B responds fastest: 348 ms, 20 % below run A."


def test_the_next_step_tests_the_two_runs_of_the_first_sentence() -> None:
    """With more than two runs, the command has the versions of the fastest run and of its partner."""
    for order in permutations(range(3)):
        side = make_costly(order)
        partner = 0 if order[0] != 1 else order.index(0)
        base, head = sorted((partner, order.index(1)))
        versions = (
            f"embedded@{order[base]}{8 * str(order[base])} embedded@{order[head]}{8 * str(order[head])}"
        )
        assert side.next_step.endswith(f"run: bench ab {versions} --scenario quick")
        assert f"run {LETTERS[head]} against run {LETTERS[base]}" in side.next_step


def test_invalid_and_failed_runs_are_never_the_best() -> None:
    """A refusal is fast and costs little; a run that is not valid proves nothing."""
    side = SETS["invalid"]().report
    assert side.headline.startswith("In these single runs, run B responds 10 % slower than run A")
    assert "Run C is invalid and run D answered only 0 % of its requests" in side.headline
    assert [point.letter for point in side.fronts[0].points if point.on_front] == ["A"]
    alone = reorder(SETS["invalid"](), (0, 2)).report
    assert alone.headline == "Run B is invalid: there are no two runs to compare"


def test_equal_runs_differ_in_nothing() -> None:
    """Two runs with equal requests have no difference, and the sentence states it."""
    side = make_side_by_side([make_measured(1.0, 0)[0], make_measured(1.0, 1)[0]])
    assert all(row.size == 0 for row in side.metrics)
    assert side.headline.startswith(
        "In these single runs, run B responds as fast as run A (434 ms), answers as much"
    )
    assert [row.name for row in side.differing] == ["commit"]


def test_typical_values_are_those_of_common_messages() -> None:
    """Runs with different shares of long messages are compared message by message."""
    base = run_at(1.0)
    metrics = dict(base.summary.metrics)
    row = metrics[RESPONSE_TIME]
    figures = {name: value for name, value in row.figures.items() if name != "long-migration"}
    metrics[RESPONSE_TIME] = row.model_copy(update={"figures": figures, "typical": 1.0})
    messages = {name: use for name, use in base.summary.messages.items() if name != "long-migration"}
    summary = base.summary.model_copy(update={"metrics": metrics, "messages": messages})
    provenance = base.provenance.model_copy(update={"run_id": "other"})
    other = base.model_copy(update={"summary": summary, "provenance": provenance})
    side = make_side_by_side([base, other])
    assert value_of(side, RESPONSE_TIME, 0) == pytest.approx(value_of(side, RESPONSE_TIME, 1))
    assert any("the 3 messages in common" in warning for warning in side.warnings)


def test_different_loads_scenarios_and_machines_are_warned_of() -> None:
    """Such runs are shown, with what is not comparable."""
    side = SETS["other-load"]().report
    text = " ".join(side.warnings)
    assert "the loads differ" in text
    assert "the scenarios differ" in text
    assert "the machines differ" in text
    names = {row.name: row.values for row in side.differing}
    assert names["scenario"] == ("quick", "medium")
    assert names["processor"] == ("2 × Test CPU", "8 × Test CPU")  # noqa: RUF001 - times
    assert names["image model"] == (None, "d" * 9)


def test_a_declared_field_differs_by_its_path() -> None:
    """A think time that the words of the load do not contain is named."""
    phases = [{"executor": "constant-vus", "vus": 10, "duration_s": 30, "think_time_s": (1, 2)}]
    side = make_side_by_side([run_at(1.0), run_at(1.0, 1, spec=make_spec(make_scenario(phases=phases)))])
    names = {row.name: row.values for row in side.differing}
    assert names["phases.0.think_time"] == ("5s..7s", "1s..2s")
    assert "load" not in names


def test_searches_are_compared_by_their_safe_loads() -> None:
    """The safe loads have their intervals, and the sentence states whether they overlap."""
    side = SETS["searches"]().report
    assert "run B has the largest safe load: 24 users (22 to 26, 90 % certain)" in side.headline
    assert "do not overlap" in side.headline
    (row,) = [row for row in side.metrics if row.key == "safe_load"]
    assert [(value.low, value.high) for value in row.values if value] == [(15, 19), (22, 26)]
    near = make_side_by_side([make_search((17, 15, 19), 0), make_search((18, 16, 20), 1)])
    assert "overlap, so the searches do not tell which one is larger" in near.headline
    assert side.fronts == ()


def test_searches_without_an_answer_or_with_other_units_have_a_sentence() -> None:
    """No safe load, one safe load, and loads of two units cannot be compared."""
    none = make_side_by_side([make_search(None, 0), make_search((18, 16, 20), 1)])
    assert none.headline == "Fewer than two of the searches found a safe load."
    units = make_side_by_side([make_search((18, 16, 20), 0, "requests/s"), make_search((18, 16, 20), 1)])
    assert units.headline.startswith("The safe loads have different units")
    more = make_side_by_side([make_search((18, 18, None), 0), make_search((14, 12, 16), 1)])
    assert "run A has the largest safe load: at least 18 users" in more.headline


def test_a_search_and_a_run_share_the_trial_of_the_same_load() -> None:
    """Only what both have is compared; without such a trial, nothing is."""
    side = SETS["mixed"]().report
    assert side.headline == "At a load of 10, run B answers 41 % less than run A (3.23 → 1.9 requests/s)."
    assert any("only trials of the same load" in warning for warning in side.warnings)
    alone = make_side_by_side([run_at(1.0), make_search((17, 15, 19), 1)])
    assert alone.metrics == ()
    assert "none of its trials has the load" in alone.headline


def test_the_front_has_the_runs_that_no_other_run_beats() -> None:
    """The fastest and the cheapest run are on the front of costs, and a slow and costly one is not."""
    throughput, cost = SETS["three"]().report.fronts
    on_front = [point.letter for point in cost.points if point.on_front]
    assert "B" in on_front
    assert "C" not in on_front
    assert throughput.higher_is_better
    assert not cost.higher_is_better


def test_runs_without_a_cost_say_so() -> None:
    """Without processor time, memory and tokens, only the front of throughput is drawn."""
    side = make_side_by_side([run_at(1.0), run_at(1.1, 1)])
    assert [front.key for front in side.fronts] == ["requests_rps"]
    assert side.cost_missing is not None


def several(count: int) -> list[RunResult]:
    """Return runs of different ids."""
    return [run_at(1.0, number) for number in range(count)]


def test_bad_sets_are_refused() -> None:
    """One run, eleven runs, and a run that is named twice have no report."""
    make_side_by_side(several(MOST_RUNS))
    for runs, message in (
        (several(1), "one run has no other one"),
        (several(MOST_RUNS + 1), "11 runs are too many"),
        ([*several(2), *several(1)], "is named twice"),
    ):
        with pytest.raises(ConfigError, match=message):
            make_side_by_side(runs)


def test_a_base_that_is_almost_zero_has_a_bounded_ratio() -> None:
    """The time outside all tiers is the rest of a subtraction: 1e-13 ms instead of 0 is no crash."""
    runs: list[RunResult] = []
    for number, latency_ms in enumerate((2.0, 3.6e6)):
        samples = [make_sample(seq, latency_ms=latency_ms, tier_times={}) for seq in range(50)]
        origin = run_at(1.0, number).provenance
        runs.append(make_run(make_recording(samples), provenance=origin))
    summary = runs[0].summary
    rest = summary.metrics["service_ms"].model_copy(update={"mean": 1e-13, "typical": 1e-13, "p50": 1e-13})
    metrics = {**summary.metrics, "service_ms": rest, RESPONSE_TIME: rest}
    runs[0] = runs[0].model_copy(update={"summary": summary.model_copy(update={"metrics": metrics})})
    report = make_side_by_side(runs)
    ratios = [row.values[1].difference_ratio for row in report.metrics if row.values[1] is not None]
    assert max(abs(ratio) for ratio in ratios if ratio is not None) == 10**15
    assert SideBySide.model_validate_json(report.model_dump_json()) == report
