"""The curves of a run that a comparison shows."""

import pytest

from bench.core.report.run_times import make_run_times
from bench.core.report.series import make_series
from bench.core.run.recording import Recording
from bench.core.samples.sample import GENERATOR, HOST
from tests.factories import make_recording, make_run, make_scenario, make_spec, make_use
from tests.render.drawn import recording

WARM = [
    {"executor": "constant-vus", "vus": 10, "duration_s": 15, "think_time_s": (1, 2), "warm_up": True},
    {"executor": "constant-vus", "vus": 20, "duration_s": 15, "think_time_s": (1, 2)},
]
STAGES = [phase | {"warm_up": False} for phase in WARM]


@pytest.mark.parametrize("phases", [STAGES, WARM], ids=["measured", "warm-up"])
@pytest.mark.parametrize("kept", [recording(), recording(1.4, failed=range(0, 100, 7))])
def test_the_curves_are_those_of_the_page_of_the_run(
    kept: Recording, phases: list[dict[str, object]]
) -> None:
    """Slices and medians are those of the complete series; the processor time is the sum of its services."""
    run = make_run(kept, spec=make_spec(make_scenario(phases=phases)))
    times = make_run_times(run, kept)
    line = make_series(run, kept).timeline
    assert times is not None
    assert line is not None
    assert (times.end_s, times.slice_s) == (line.end_s, line.slice_s)
    assert times.latency_ms == line.latencies[0].values
    services = [curve.values for curve in line.cpu_pct if curve.label not in {GENERATOR, HOST}]
    assert len(services) == 2
    for total, backend, model in zip(times.cpu_pct, *services, strict=True):
        parts = [value for value in (backend, model) if value is not None]
        assert total == (pytest.approx(sum(parts)) if parts else None)


def test_the_load_generator_and_the_machine_are_no_service() -> None:
    """Without a service, no slice has a processor time."""
    kept = make_recording(resources=(make_use(GENERATOR), make_use(HOST)))
    times = make_run_times(make_run(kept), kept)
    assert times is not None
    assert {*times.cpu_pct} == {None}


def test_a_run_without_stored_requests_has_no_curves() -> None:
    """A comparison leaves it out."""
    empty = make_recording([])
    assert make_run_times(make_run(), None) is None
    assert make_run_times(make_run(), empty) is None
