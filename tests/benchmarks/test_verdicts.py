import math

import numpy as np
import pytest

from benchmarks.verdicts.__main__ import CELLS, calls, table
from benchmarks.verdicts.drift import detected_drift
from benchmarks.verdicts.rules import RULES, Base, Version, rank_test, ratio_110, ratio_200, t_boundary, turns
from benchmarks.verdicts.world import Machines, World


def _world(sd: float = 0.0, seed: int = 1, **machines: float | bool) -> World:
    return World(Machines(sd=sd, **machines), seed)  # type: ignore[arg-type]


def test_machines_have_the_declared_spread() -> None:
    """The spread between machines is the declared one, and a drift slows down new ones only."""
    world = _world(sd=0.06, drift=1.08)
    old, new = ([math.log(world.machine(new=each)) for _ in range(4000)] for each in (False, True))
    assert np.std(old) == pytest.approx(0.06, rel=0.05)
    assert np.mean(new) - np.mean(old) == pytest.approx(math.log(1.08), abs=0.006)


def test_two_kinds_of_processor_are_mixed_in_halves() -> None:
    """Half of the machines are of the slower kind."""
    world = _world(mixed=True)
    slower = [world.machine(new=True) > 1.1 for _ in range(2000)]
    assert sum(slower) / len(slower) == pytest.approx(0.5, abs=0.05)


def test_a_slower_version_is_slower_by_its_factor() -> None:
    """A change of 20 % appears in the requests, apart from the noise within runs."""
    world = _world()
    base, head = (
        [float(world.run(1.0, change).requests_ms.mean()) for _ in range(60)] for change in (1, 1.2)
    )
    assert np.mean(head) / np.mean(base) == pytest.approx(1.2, rel=0.02)


def test_other_tools_rules_apply_their_limits() -> None:
    """Each rule calls a change far beyond its limit, and not one far within it."""
    world = _world()
    base = Base([world.run(1.0) for _ in range(10)])
    twice, same = Version(world, 2.5, 0.0), Version(world, 0.9, 0.0)
    for rule in (ratio_110, ratio_200, rank_test, t_boundary):
        assert rule(world, base, twice)
        assert not rule(world, base, same)
    assert not ratio_200(world, base, Version(world, 1.5, 0.0))


def test_ab_ignores_a_slow_machine() -> None:
    """A machine of half the speed is no regression if both versions run on it."""
    world, base = _world(), Base([])
    head = Version(world, 1.0, 0.0)
    head.machine = 2.0
    assert not turns(world, base, head)
    slower = Version(world, 1.2, 0.0)
    slower.machine = 2.0
    assert turns(world, base, slower)


def test_the_same_seeds_give_the_same_counts() -> None:
    """A cell depends only on its seeds, and its table has a share for each rule."""
    title = next(iter(CELLS))
    one = calls(title, 5, 2)
    assert one == calls(title, 5, 2)
    assert one.keys() == RULES.keys()
    assert table({title: dict.fromkeys(RULES, 1)}, 4).count("25.0 ± 21.7 %") == len(RULES)


def test_small_steps_pass_a_rolling_baseline_more_often() -> None:
    """A pinned baseline detects at least the histories that a rolling baseline detects."""
    rolling, pinned = detected_drift("each 3 % slower, 6 %, no reference workload", 0, 6)
    assert 0 <= rolling <= pinned <= 6
    assert pinned > 0
