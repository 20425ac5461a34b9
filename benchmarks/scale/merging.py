"""Measure what the process of a run does for each batch: it reads, stores and counts the requests."""

import pickle
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.core.load.progress import ProgressWatch
from bench.core.run.plausibility import believe
from bench.core.run.recorded_values import NewValues
from bench.core.run.run_start import RunStart
from bench.core.samples.samples import SampleLog
from bench.measure.load.messages import Batch
from bench.store.sample_files import FileStore

_BATCHES = 200


@dataclass(frozen=True)
class MergeCost:
    """Processor time of the process of a run, in microseconds."""

    batch_us: float
    """Per batch without requests."""
    sample_us: float
    """Per request in it."""


def repeat_requests(batches: Sequence[Batch], count: int) -> Batch:
    """Return a batch with this number of requests, from those of real batches, and with their tokens."""
    log = SampleLog()
    filled = [batch for batch in batches if len(batch.log)]
    while len(log) < count:
        for batch in filled:
            log.extend(batch.log)
    part = SampleLog()
    part.add_rows([*log.since(0)][:count])
    fullest = max(filled, key=lambda batch: len(batch.log))
    return replace(fullest, log=part)


def time_merge(batch: Batch) -> float:
    """Return the processor time for one batch, in µs, as the median of five series."""
    content = pickle.dumps(batch, pickle.HIGHEST_PROTOCOL)
    times = [_time_series(content) for _ in range(5)]
    return statistics.median(times)


def _time_series(content: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        start = RunStart.model_construct()  # type: ignore[call-arg]  # the series never reads it
        store = FileStore(Path(folder) / "run", start)
        values = NewValues()
        progress = ProgressWatch()
        began_s = time.process_time()
        for number in range(_BATCHES):
            batch = pickle.loads(content)  # noqa: S301 - written above
            store.add(batch.log)
            values.add_remarks(batch.remarks)
            values.add_tokens(batch.token_times)
            new = believe(batch.log.since(0), ()).samples
            progress.add(new)
            if number % 2 == 1:
                store.note(values.take(float(number)).model_copy(update={"faults": ()}))
        return (time.process_time() - began_s) / _BATCHES * 1e6


def measure_merge(batches: Sequence[Batch]) -> MergeCost:
    """Return the cost of a batch and of each of its requests, from a small and a large batch."""
    few = 10
    many = 1_000
    small_us = time_merge(repeat_requests(batches, few))
    large_us = time_merge(repeat_requests(batches, many))
    sample_us = (large_us - small_us) / (many - few)
    return MergeCost(small_us - few * sample_us, sample_us)
