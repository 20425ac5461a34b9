import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from bench.core.run.result import RunResult
from benchmarks.verdicts import others
from benchmarks.verdicts.__main__ import page
from benchmarks.verdicts.cells import CELLS, GOALS, Design
from benchmarks.verdicts.designs import OTHERS, judge
from benchmarks.verdicts.records import results
from benchmarks.verdicts.store import Results
from benchmarks.verdicts.tables import show_rate
from benchmarks.verdicts.traces import moments, traces
from benchmarks.verdicts.world import WEIGHTED, Change, Follows, Noise, World

_EXACT = Noise(machine_sd=0.0, run_sd=0.0, request_sd=0.0, workload_sd=0.0)


def _world(seed: int = 1, **noise: object) -> World:
    return World(Noise(**{"machine_sd": 0.0, "run_sd": 0.0, **noise}), seed)  # type: ignore[arg-type]


def test_machines_have_the_declared_spread() -> None:
    """The spread between machines is the declared one, and a drift slows down new ones only."""
    world = _world(machine_sd=0.06, drift=0.08)
    old, new = world.machines(4000), world.machines(4000, new=True)
    assert np.std(old) == pytest.approx(0.06, rel=0.05)
    assert np.mean(new) - np.mean(old) == pytest.approx(0.08, abs=0.006)


def test_a_change_slows_the_requests_that_it_names() -> None:
    """Without noise, each request is slower by exactly the factor of the change."""
    base = World(_EXACT, 1).runs(np.zeros(1), np.zeros(1)).times_ms
    change = Change(factor=1.2, messages=(4,), message_factor=3.0)
    world = World(_EXACT, 1)
    runs = world.runs(np.zeros(1), np.zeros(1), change)
    factors = runs.times_ms / base
    assert factors[0, runs.messages == 4] == pytest.approx(3.6)
    assert factors[0, runs.messages != 4] == pytest.approx(1.2)


def test_a_weighted_mix_has_its_shares() -> None:
    """Four messages of a weighted mix have five sixths of the requests."""
    deck = WEIGHTED.deck(480)
    assert np.mean(deck < 4) == pytest.approx(40 / 48)


def test_reference_workloads_follow_the_machine_as_declared() -> None:
    """A workload follows the machine completely, by half, or not at all; a world may have none."""
    machines = np.linspace(-0.2, 0.2, 400)
    slopes: dict[Follows, float] = {}
    for follows in (Follows.WELL, Follows.HALF, Follows.NOT):
        logs = _world(follows=follows).runs(machines, np.zeros(400)).workload_logs
        assert logs is not None
        slopes[follows] = float(np.polyfit(machines, logs.mean(axis=1), 1)[0])
    assert slopes == pytest.approx({Follows.WELL: 1.0, Follows.HALF: 0.5, Follows.NOT: 0.0}, abs=0.03)
    assert _world(follows=Follows.NONE).runs(machines, np.zeros(400)).workload_logs is None


def test_records_are_valid_results() -> None:
    """A record that was made without validation passes it, with failures, tails and all metrics."""
    noise = {"bursts": True, "tails": True, "stalls": True, "requests": 120}
    for result in results(_world(**noise).runs(np.zeros(3), np.zeros(3), Change(failed_ratio=0.2))):
        again = RunResult.model_validate_json(result.model_dump_json())
        assert again.summary == result.summary
        assert again.summary.ok + again.summary.failed == 120


def test_levels_of_traces_are_known() -> None:
    """Each trace has several levels, and every judged run has enough runs of its level before it."""
    assert len(traces()) == 4
    for trace in traces():
        assert trace.levels[0] == 0
        assert len(trace.levels) > 1
    assert min(run - first for _, first, run in moments()) >= 8


def test_other_rules_apply_their_limits() -> None:
    """Each rule reports a change far beyond its limit, and not one far within it."""
    base = 600.0 * np.exp(np.random.default_rng(1).normal(0.0, 0.02, 60))
    slow, same = base[:6] * 2.5, base[:6]
    for rule in (others.bencher, others.benchstat, others.rustc_perf, others.otava):
        assert rule(base, slow)
        assert not rule(base, same)
    assert others.ratio(base, base * 1.2, 1.1)
    assert not others.ratio(base, base * 1.2, 2.0)


def test_change_points_are_those_of_the_published_rule() -> None:
    """A step of 20 % is found at its first run, and a flat series has no change point."""
    series = 600.0 + np.tile([0.0, 6.0, -6.0, 3.0, -3.0], 8)
    assert others.change_points(series) == []
    series[20:] *= 1.2
    assert others.change_points(series) == [20]


@pytest.mark.parametrize("design", Design)
def test_every_design_judges_a_pull_request(design: Design) -> None:
    """Each design returns one decision of the real rule."""
    cell = next(cell for cell in CELLS.values() if cell.design is design)
    assert judge(cell, 3)["bench/repetitions"] == 1


@pytest.mark.parametrize("title", ["check: no change, hosted", "pairs: no change, hosted"])
def test_the_same_seed_gives_the_same_counts(title: str) -> None:
    """A pull request depends only on its seed."""
    assert judge(CELLS[title], 5) == judge(CELLS[title], 5)


def test_a_large_change_is_worse_in_pairs_on_any_machine() -> None:
    """Pairs on a machine of half the speed find +20 %, and no change in an unchanged version."""
    counts = judge(CELLS["pairs: +20 %, hosted"], 1)
    assert counts["bench/worse"] == 1
    assert judge(CELLS["pairs: no change, hosted"], 1)["bench/pass"] == 1


def test_results_continue_where_they_ended(tmp_path: Path) -> None:
    """Stored parts are not simulated again, and titles that differ by a sign have different files."""
    stored = Results(tmp_path)
    stored.add("+20 %", 0, Counter({"bench/worse": 3}))
    stored.add("-20 %", 0, Counter({"bench/worse": 5}))
    stored.add("+20 %", 100, Counter({"bench/worse": 4}))
    assert stored.missing(["+20 %", "-20 %"], [0, 100]) == [("-20 %", 100)]
    assert stored.total("+20 %") == Counter({"bench/worse": 7})


def test_the_page_has_all_required_rates() -> None:
    """The page marks each required rate as met or missed, with its interval."""
    counts = {title: Counter({"bench/repetitions": 100, "bench/worse": 1}) for title in CELLS}
    text = page(counts, {})
    assert "{{" not in text
    assert text.count("| met |") + text.count("| **missed** |") == len(GOALS)
    assert show_rate(counts[GOALS[0].cell], "worse") == "1.0 % (0.0 to 5.4)"
    for rule in OTHERS:
        assert rule in text


def test_a_goal_names_a_cell() -> None:
    """Every required rate belongs to a cell, and has a limit."""
    for goal in GOALS:
        assert goal.cell in CELLS
        assert goal.low > 0.0 or math.isfinite(goal.high)
