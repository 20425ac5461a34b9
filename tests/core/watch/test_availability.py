from hypothesis import given
from hypothesis import strategies as st

from bench.core.samples.sample import Probe
from bench.core.watch.availability import CheckLog, Outage, availability


def _probe(at_s: float, *, up: bool = True, check: str = "chat", took_ms: float | None = 5.0) -> Probe:
    return Probe(
        at_s=at_s,
        check=check,
        up=up,
        took_ms=took_ms if up else None,
        detail=None if up else f"refused at {at_s:g}",
    )


def test_an_outage_lasts_from_the_first_failure_to_the_next_success() -> None:
    """Up to 4 s, down to 8 s, up to the end at 20 s: four of twenty seconds are missing."""
    probes = [_probe(at, up=not 4 <= at < 8) for at in range(0, 20, 2)]
    found = availability(probes, 20.0)["chat"]
    assert found.outages == (Outage(from_s=4.0, to_s=8.0, detail="refused at 4"),)
    assert (found.asked, found.up_ratio) == (10, 0.8)


def test_an_outage_without_an_end_lasts_to_the_end() -> None:
    """What never came back has no end, and all the rest of the run is missing."""
    found = availability([_probe(0.0), _probe(5.0, up=False), _probe(7.0, up=False)], 10.0)["chat"]
    assert found.outages == (Outage(from_s=5.0, to_s=None, detail="refused at 5"),)
    assert found.up_ratio == 0.5


def test_time_before_the_first_probe_is_nobodys() -> None:
    """Of a check that was asked late, the time is counted from then."""
    found = availability([_probe(8.0, up=False), _probe(9.0)], 10.0)["chat"]
    assert found.up_ratio == 0.5


def test_each_check_has_its_own_figures() -> None:
    """Times are of answers only, and a check that never answered has none."""
    took = [_probe(at, took_ms=took_ms) for at, took_ms in ((0, 2.0), (1, 4.0), (2, 9.0))]
    found = availability([*took, _probe(0.0, check="agent", up=False)], 3.0)
    assert [*found] == ["agent", "chat"]
    assert (found["chat"].took_ms_p50, found["chat"].took_ms_max) == (4.0, 9.0)
    assert (found["agent"].took_ms_p50, found["agent"].took_ms_max) == (None, None)
    assert found["agent"].up_ratio == 0.0


def test_a_moment_is_up_or_down() -> None:
    """With no time between the first probe and the end, the share is that of the probes."""
    assert availability([_probe(3.0)], 3.0)["chat"].up_ratio == 1.0
    assert availability([_probe(3.0, up=False)], 3.0)["chat"].up_ratio == 0.0
    assert CheckLog().until(3.0).asked == 0


def test_nothing_asked_is_nothing_known() -> None:
    """Without probes there is no availability, not one of nought."""
    assert availability([], 10.0) == {}


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=1, max_size=30))
def test_the_share_is_between_none_and_all(seen: list[tuple[float, bool]]) -> None:
    """Whatever is seen in whatever order, the share is one, and only failures make outages."""
    found = availability([_probe(at_s, up=up) for at_s, up in seen], 100.0)["chat"]
    assert 0.0 <= found.up_ratio <= 1.0
    assert bool(found.outages) == any(not up for _, up in seen)
