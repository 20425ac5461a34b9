"""Laws of the trial that a recording shows."""

from bench.core.capacity.load_objective import LoadObjective
from bench.core.run.make_trial import RecordedTrial, make_trial
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from tests.factories import make_recording, make_sample, make_spec

OBJECTIVES = (LoadObjective("p95 response time ≤ 2 s", {"e2e_ms": 2000.0}, 0.05),)
SILENT = [
    make_sample(seq, scheduled_s=0.5, finished_s=60.0, outcome=Outcome.CUT_OFF, sent_s=0.5)
    for seq in range(8)
]


def _missed(load_s: float, samples: list[RequestSample]) -> tuple[int, int]:
    recording = make_recording(samples)
    recorded = RecordedTrial(8.0, recording, load_s, warm_up_s=10.0, start_s=0.0)
    (counts,) = make_trial(make_spec(), recorded, OBJECTIVES).counts
    return counts.requests, counts.missed


def test_a_stack_that_never_answers_breaks_its_objective() -> None:
    """Users who wait since the warm-up send no later request, so their requests of the warm-up count."""
    assert _missed(25.0, SILENT) == (8, 8)


def test_the_warm_up_does_not_count_otherwise() -> None:
    """Neither if later requests exist, nor if the trial ended within its warm-up."""
    later = make_sample(9, at_s=12.0)
    assert _missed(25.0, [*SILENT, later]) == (1, 0)
    assert _missed(6.0, SILENT) == (0, 0)
