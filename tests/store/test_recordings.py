from pathlib import Path

import pytest

from bench.core.run.recording import Recording
from bench.core.samples.sample import GaugeSample, Outcome, Probe
from bench.errors import StoreError
from bench.store import results
from tests.factories import make_recording, make_run, make_sample


def kept(tmp_path: Path) -> tuple[Recording, Path]:
    """A recording with all that one can hold, and the folder that it was saved in."""
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
    """What was saved is read back the same."""
    recording, home = kept(tmp_path)
    again = results.load_recording(home)
    assert again is not None
    assert again.samples == recording.samples
    assert (again.planned_s, again.elapsed_s) == (recording.planned_s, recording.elapsed_s)
    watched = (recording.resources, recording.probes, recording.gauges, recording.work)
    assert (again.resources, again.probes, again.gauges, again.work) == watched


@pytest.mark.parametrize("name", [results.RECORDING, results.SAMPLES])
def test_a_result_may_stand_alone(tmp_path: Path, name: str) -> None:
    """Where one of a recording's files is missing there is none, and no error."""
    _, home = kept(tmp_path)
    (home / name).unlink()
    assert results.load_recording(home) is None


def test_more_requests_than_a_page_are_read_whole(tmp_path: Path) -> None:
    """Pages are put together in their order, tiers and texts that only some of them have included."""
    samples = [make_sample(seq, tier_times={"late": 1.0} if seq > 9_000 else {}) for seq in range(10_000)]
    recording = make_recording(samples)
    again = results.load_recording(results.save(make_run(recording), recording, tmp_path))
    assert again is not None
    assert again.samples == recording.samples


def test_requests_that_were_cut_off_are_named(tmp_path: Path) -> None:
    """Half a file, and one that is not packed, are errors and not half a run."""
    _, home = kept(tmp_path)
    packed = (home / results.SAMPLES).read_bytes()
    for content in (packed[: len(packed) // 2], b"not packed"):
        (home / results.SAMPLES).write_bytes(content)
        with pytest.raises(StoreError, match=r"samples\.jsonl\.gz is not whole"):
            results.load_recording(home)
