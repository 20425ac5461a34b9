from bench.core.report.series import make_series
from bench.core.samples.sample import Stall
from tests.factories import make_baseline, make_recording, make_run, make_sample, make_scenario, make_spec


def test_a_result_without_samples_has_its_distribution() -> None:
    """Without samples a run still has the distribution of its result and its baseline."""
    series = make_series(make_run(), None, make_baseline())
    assert series.timeline is None
    assert [distribution.baseline_runs for distribution in series.distributions] == [10]


def test_an_incomparable_baseline_is_not_drawn() -> None:
    """A baseline of another load has no band, and a missing baseline has no band."""
    run = make_run()
    other = run.model_copy(
        update={"fingerprint": run.fingerprint.model_copy(update={"work_digest": "0" * 64})}
    )
    for series in (make_series(other, None, make_baseline()), make_series(run)):
        assert [distribution.baseline_runs for distribution in series.distributions] == [0]


def test_warm_up_and_the_compared_target_are_left_out() -> None:
    """Requests and pauses that no figure counts are not drawn, and time starts after the warm-up."""
    phase = {"executor": "constant-vus", "vus": 10, "duration_s": 15, "think_time_s": (1, 2)}
    spec = make_spec(make_scenario(phases=[phase | {"warm_up": True}, phase]))
    samples = [make_sample(seq, at_s=float(seq), phase=int(seq >= 10), arm=seq % 2) for seq in range(30)]
    pauses = (Stall(at_s=2.0, length_s=0.5), Stall(at_s=11.0, length_s=0.5))
    recording = make_recording(samples, pauses=pauses)
    series = make_series(make_run(recording, spec=spec), recording)
    line = series.timeline
    assert line is not None
    assert line.end_s == 21.0
    assert [(event.start_s, event.end_s) for event in line.events] == [(1.0, 1.5)]
    assert line.succeeded.at_s == tuple(float(at) for at in range(0, 20, 2))
    assert series.waterfall is not None
    assert [request.at_s for request in series.waterfall.requests] == [*line.succeeded.at_s]
