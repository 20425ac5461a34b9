import json

from hypothesis import given

from bench.core.run.recording import RecordingFile, recording_file, request_line
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Stall
from bench.core.tiers.trace_ids import run_prefix
from bench.core.tiers.traced_loads import TracedLoad
from bench.core.values.histogram import Histogram
from tests.core.samples.test_samples import ROWS
from tests.factories import make_recording


@given(ROWS)
def test_a_line_leaves_absent_values_out(row: RequestSample) -> None:
    """Values that are absent are not in the file; all others are read back."""
    written = json.loads(json.dumps(request_line(row)))
    assert None not in written.values()
    assert RequestSample(**written) == row


def test_the_rest_of_a_recording_survives_json() -> None:
    """Times, resources and token gaps are written and read again."""
    gaps = Histogram()
    gaps.add([5.0, 5.0, 80.0])
    load = TracedLoad(prefix=run_prefix("run/1").hex())
    written = recording_file(
        make_recording(
            token_gaps={1: gaps},
            token_spans={1: ((0.5, 2.0),)},
            remainder="backend",
            traced_loads=(load,),
            pauses=(Stall(at_s=3.0, length_s=0.5),),
        )
    )
    assert RecordingFile.model_validate_json(written.model_dump_json()) == written
    assert sorted(written.token_gaps[1].counts.values()) == [1, 2]
    assert (written.remainder, written.traced_loads) == ("backend", (load,))
    assert written.pauses == ((3.0, 0.5),)
    assert written.token_spans == {1: ((0.5, 2.0),)}
    assert (written.planned_s, written.elapsed_s, len(written.resources)) == (30.0, 31.0, 2)
