from pathlib import Path

import pytest

from bench.core.run.recording import Recording
from bench.core.samples.sample import GaugeSample, Outcome, Probe
from bench.errors import StoreError
from bench.store import results
from tests.factories import make_recording, make_run, make_sample


def save_recording(tmp_path: Path) -> tuple[Recording, Path]:
    """Return a recording with all kinds of data, and the folder of the run."""
    samples = [make_sample(seq) for seq in range(50)]
    samples[7] = make_sample(7, outcome=Outcome.TIMEOUT, status=None, detail="too late", tier_times={})
    samples[8] = make_sample(8, intercepted=False, tokens=12, first_token_s=2.5, last_token_s=2.7)
    recording = make_recording(
        samples,
        probes=(Probe(at_s=1.0, check="agent", up=False, detail="refused"),),
        gauges=(GaugeSample(at_s=1.0, service="model", name="queue_depth", value=3.0),),
        work={"model_calls": 50.0},
    )
    return recording, results.save(make_run(recording), recording, tmp_path)


def test_a_recording_survives_a_round_trip(tmp_path: Path) -> None:
    """A recording that is saved and loaded is the same."""
    recording, home = save_recording(tmp_path)
    again = results.load_recording(home)
    assert again is not None
    assert again.samples == recording.samples
    assert (again.planned_s, again.elapsed_s) == (recording.planned_s, recording.elapsed_s)
    watched = (recording.resources, recording.probes, recording.gauges, recording.work)
    assert (again.resources, again.probes, again.gauges, again.work) == watched


@pytest.mark.parametrize("name", [results.RECORDING, results.SAMPLES])
def test_a_result_may_have_no_recording(tmp_path: Path, name: str) -> None:
    """If one of its files is missing, there is no recording, and no error."""
    _, home = save_recording(tmp_path)
    (home / name).unlink()
    assert results.load_recording(home) is None


def test_more_requests_than_a_page_are_read_completely(tmp_path: Path) -> None:
    """Pages are joined in their order, with the tiers and texts that only some of them have."""
    samples = [make_sample(seq, tier_times={"late": 1.0} if seq > 9_000 else {}) for seq in range(10_000)]
    recording = make_recording(samples)
    again = results.load_recording(results.save(make_run(recording), recording, tmp_path))
    assert again is not None
    assert again.samples == recording.samples


def test_an_incomplete_file_of_requests_is_an_error(tmp_path: Path) -> None:
    """An incomplete file, and one that is not compressed, are errors."""
    _, home = save_recording(tmp_path)
    packed = (home / results.SAMPLES).read_bytes()
    for content in (packed[: len(packed) // 2], b"not packed"):
        (home / results.SAMPLES).write_bytes(content)
        with pytest.raises(StoreError, match=r"samples\.jsonl\.gz is not complete"):
            results.load_recording(home)
