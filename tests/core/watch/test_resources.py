from bench.core.samples.sample import ResourceSample
from bench.core.watch.resources import summarise_resources
from tests.factories import make_use


def _sample(at_s: float, **changes: object) -> ResourceSample:
    return make_use("model", at_s, **changes)


def test_counters_count_from_the_first_reading() -> None:
    """Counters do not include values from before the run."""
    summary = summarise_resources([_sample(at, received_bytes=1000 + 7 * at, restarts=3) for at in range(4)])
    assert (summary["model"].received_bytes, summary["model"].restarts) == (21, 0)


def test_a_counter_that_restarts_is_continued() -> None:
    """After a container restart the counter starts at 0, and the new values are added."""
    readings = [100, 140, 5, 25]
    summary = summarise_resources([_sample(at, sent_bytes=sent) for at, sent in enumerate(readings)])
    assert summary["model"].sent_bytes == 40 + 5 + 20


def test_unknown_values_are_none_not_zero() -> None:
    """A process has neither a memory limit nor network counters; missing readings are skipped."""
    summary = summarise_resources(
        [_sample(0), _sample(1, read_bytes=4), _sample(2), _sample(3, read_bytes=9)]
    )
    model = summary["model"]
    assert (model.memory_ratio_max, model.received_bytes, model.oom_kills) == (None, None, None)
    assert model.read_bytes == 5


def test_a_reading_without_memory_counts_for_the_processor_only() -> None:
    """A container whose memory cannot be read has no memory, and its other readings stay."""
    samples = [_sample(at, memory_bytes=None, cpu_pct=20.0) for at in range(3)]
    model = summarise_resources(samples)["model"]
    assert (model.memory_bytes_max, model.cpu_pct_mean) == (None, 20.0)


def test_memory_is_a_share_of_its_limit() -> None:
    """The result is the highest share of the memory limit."""
    samples = [
        _sample(at, memory_bytes=used, memory_limit_bytes=200) for at, used in enumerate((50, 180, 60))
    ]
    assert summarise_resources(samples)["model"].memory_ratio_max == 0.9
