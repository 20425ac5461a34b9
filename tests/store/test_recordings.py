from pathlib import Path

import pytest

from bench.core.run.recording import Recording
from bench.core.samples.sample import GaugeSample, Outcome, Probe
from bench.core.tiers.trace_ids import run_prefix
from bench.core.tiers.traced_loads import TracedLoad
from bench.errors import StoreError
from bench.store import results
from bench.store.sample_files import SAMPLES
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
        remainder="backend",
        traced_loads=(TracedLoad(prefix=run_prefix("run/1").hex()),),
    )
    return recording, results.save(make_run(recording), recording, tmp_path)


def test_a_recording_survives_a_round_trip(tmp_path: Path) -> None:
    """A recording that is saved and loaded is the same."""
    recording, home = save_recording(tmp_path)
    again = results.load_recording(home)
    assert again is not None
    assert again.samples == recording.samples
    assert (again.planned_s, again.elapsed_s) == (recording.planned_s, recording.elapsed_s)
    tiers = (recording.remainder, recording.traced_loads)
    assert (again.remainder, again.traced_loads) == tiers
    watched = (recording.resources, recording.probes, recording.gauges, recording.work)
    assert (again.resources, again.probes, again.gauges, again.work) == watched


@pytest.mark.parametrize("name", [results.RECORDING, SAMPLES])
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


def test_damaged_requests_are_read_up_to_the_damage(tmp_path: Path) -> None:
    """The recording has a warning; a file without any readable block is an error."""
    _, home = save_recording(tmp_path)
    content = (home / SAMPLES).read_bytes()
    (home / SAMPLES).write_bytes(content + content[: len(content) // 2])
    recording = results.load_recording(home)
    assert recording is not None
    assert len(recording.samples) == 50
    assert "the last block is incomplete; 50 requests before it" in recording.warnings[0]
    (home / SAMPLES).write_bytes(b"no blocks")
    with pytest.raises(StoreError, match=r"samples\.blocks ends at byte 0 of 9"):
        results.load_recording(home)
