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
    """Probes fail from 4 s until 8 s, so 4 of 20 seconds count as down."""
    probes = [_probe(at, up=not 4 <= at < 8) for at in range(0, 20, 2)]
    chat = availability(probes, 20.0)["chat"]
    assert chat.outages == (Outage(from_s=4.0, to_s=8.0, detail="refused at 4"),)
    assert (chat.probes, chat.up_ratio) == (10, 0.8)


def test_an_outage_without_a_later_success_lasts_until_the_end_of_the_run() -> None:
    """Such an outage has no end time, and the rest of the run counts as down."""
    chat = availability([_probe(0.0), _probe(5.0, up=False), _probe(7.0, up=False)], 10.0)["chat"]
    assert chat.outages == (Outage(from_s=5.0, to_s=None, detail="refused at 5"),)
    assert chat.up_ratio == 0.5


def test_time_before_the_first_probe_does_not_count() -> None:
    """The availability of a check covers the time from its first probe to the end."""
    chat = availability([_probe(8.0, up=False), _probe(9.0)], 10.0)["chat"]
    assert chat.up_ratio == 0.5


def test_each_check_has_its_own_durations() -> None:
    """Durations come from answered probes only; a check without an answer has none."""
    took = [_probe(at, took_ms=took_ms) for at, took_ms in ((0, 2.0), (1, 4.0), (2, 9.0))]
    checks = availability([*took, _probe(0.0, check="agent", up=False)], 3.0)
    assert [*checks] == ["agent", "chat"]
    assert (checks["chat"].took_ms_p50, checks["chat"].took_ms_max) == (4.0, 9.0)
    assert (checks["agent"].took_ms_p50, checks["agent"].took_ms_max) == (None, None)
    assert checks["agent"].up_ratio == 0.0


def test_a_single_probe_at_the_end_counts_fully() -> None:
    """If no time passes after the first probe, the availability is the ratio of the probes."""
    assert availability([_probe(3.0)], 3.0)["chat"].up_ratio == 1.0
    assert availability([_probe(3.0, up=False)], 3.0)["chat"].up_ratio == 0.0
    assert CheckLog().until(3.0).probes == 0


def test_without_probes_there_is_no_availability() -> None:
    """Without probes the result is empty, not an availability of 0."""
    assert availability([], 10.0) == {}


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), min_size=1, max_size=30))
def test_availability_is_between_0_and_1(probes: list[tuple[float, bool]]) -> None:
    """For any probes in any order the availability is a ratio, and only failed probes cause outages."""
    chat = availability([_probe(at_s, up=up) for at_s, up in probes], 100.0)["chat"]
    assert 0.0 <= chat.up_ratio <= 1.0
    assert bool(chat.outages) == any(not up for _, up in probes)
