from bench.core.samples.sample import ResourceSample
from bench.core.watch.resources import summarise_resources
from tests.factories import make_use


def _sample(at_s: float, **changes: object) -> ResourceSample:
    return make_use("model", at_s, **changes)


def test_counters_count_from_the_first_reading() -> None:
    """What was received before the run is not the run's."""
    found = summarise_resources([_sample(at, received_bytes=1000 + 7 * at, restarts=3) for at in range(4)])
    assert (found["model"].received_bytes, found["model"].restarts) == (21, 0)


def test_a_counter_that_begins_anew_goes_on() -> None:
    """A container that was started again counts from nothing: what it counts then is added."""
    readings = [100, 140, 5, 25]
    found = summarise_resources([_sample(at, sent_bytes=sent) for at, sent in enumerate(readings)])
    assert found["model"].sent_bytes == 40 + 5 + 20


def test_what_is_not_known_is_not_nought() -> None:
    """A process has no limit and no network of its own: none is said, and a gap is passed over."""
    found = summarise_resources([_sample(0), _sample(1, read_bytes=4), _sample(2), _sample(3, read_bytes=9)])
    model = found["model"]
    assert (model.memory_ratio_max, model.received_bytes, model.oom_kills) == (None, None, None)
    assert model.read_bytes == 5


def test_memory_is_told_by_its_limit() -> None:
    """The share of the limit is the largest that was seen."""
    samples = [
        _sample(at, memory_bytes=used, memory_limit_bytes=200) for at, used in enumerate((50, 180, 60))
    ]
    assert summarise_resources(samples)["model"].memory_ratio_max == 0.9
