import random
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given

from bench.core.config.executors import ConstantVus
from bench.core.report.timeline import MOST_DOTS, MOST_SLICES
from bench.core.report.typical_times import list_differences
from bench.core.report.waterfall import Waterfall, WaterfallRequest, waterfall
from bench.core.run.join_recordings import join_recordings
from bench.core.run.recording import Recording
from bench.core.samples.metrics import tier_key
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.tiers.trace_ids import RequestKey, request_of, run_prefix
from bench.core.tiers.traced_loads import TracedLoad
from tests.core.samples.test_samples import MANY
from tests.factories import TIER_TIMES, make_recording, make_sample

PHASE = ConstantVus(executor="constant-vus", vus=10, duration_s=30)
TIERS = [*map(tier_key, TIER_TIMES)]
PREFIX = run_prefix("run/1")


def waterfall_of(recording: Recording, phases: int = 1) -> Waterfall:
    """Return the waterfall of a recording that has requests."""
    drawn_waterfall = waterfall(recording, [PHASE] * phases, TIERS)
    assert drawn_waterfall is not None
    return drawn_waterfall


def record_random(count: int) -> Recording:
    """Return a run whose requests have random times, of which each hundredth failed."""
    dice = random.Random(3)
    samples = []
    for seq in range(count):
        latency_ms = dice.uniform(100.0, 900.0)
        failure = {"outcome": Outcome.HTTP_ERROR, "status": 500, "detail": "broken", "tier_times": {}}
        changes = failure if seq % 100 == 99 else {}
        samples.append(make_sample(seq, at_s=30.0 * seq / count, latency_ms=latency_ms, **changes))
    return make_recording(samples)


def find(drawn_waterfall: Waterfall, numbers: Sequence[int]) -> list[WaterfallRequest]:
    """Return the requests of some numbers."""
    return [drawn_waterfall.requests[number] for number in numbers]


def key_of(request: WaterfallRequest) -> RequestKey:
    """Return the fields that identify a request."""
    return RequestKey(request.phase, request.vu, request.iteration, 0)


def test_a_run_without_requests_has_no_waterfall() -> None:
    """Cancelled requests do not count."""
    assert waterfall(make_recording([]), [PHASE]) is None
    cancelled = [make_sample(seq, outcome=Outcome.CANCELLED) for seq in range(5)]
    assert waterfall(make_recording(cancelled), [PHASE]) is None


@pytest.mark.parametrize("count", [3, 300, 3 * MOST_DOTS])
def test_the_slowest_requests_are_the_slowest(count: int) -> None:
    """No answered request takes longer than the first, and none of the others longer than the last."""
    recording = record_random(count)
    drawn_waterfall = waterfall_of(recording)
    slowest = find(drawn_waterfall, drawn_waterfall.slowest)
    ok = recording.samples.where(recording.samples.has_outcome(Outcome.OK))
    times_ms = sorted((1000 * (each.finished_s - each.scheduled_s) for each in ok), reverse=True)
    assert [request.total_ms for request in slowest] == pytest.approx(times_ms[: len(slowest)], abs=0.11)
    assert len(slowest) == min(10, len(ok))
    assert {request.outcome for request in slowest} == {Outcome.OK}


def test_the_median_request_is_typical() -> None:
    """Half of the answered requests take at most as long."""
    drawn_waterfall = waterfall_of(record_random(500))
    assert drawn_waterfall.median is not None
    median_ms = drawn_waterfall.requests[drawn_waterfall.median].total_ms
    times_ms = [each.total_ms for each in drawn_waterfall.requests if each.outcome is Outcome.OK]
    share = sum(time_ms <= median_ms for time_ms in times_ms) / len(times_ms)
    assert share == pytest.approx(0.5, abs=0.01)


def test_each_outcome_of_failed_requests_is_there() -> None:
    """A rare outcome is not hidden by a frequent one."""
    samples = [make_sample(seq, outcome=Outcome.RATE_LIMITED, status=429) for seq in range(50)]
    samples.append(make_sample(50, outcome=Outcome.TIMEOUT, first_byte_s=None, status=None))
    drawn_waterfall = waterfall_of(make_recording(samples))
    failed = find(drawn_waterfall, drawn_waterfall.failed)
    assert [request.outcome for request in failed] == [Outcome.RATE_LIMITED] * 3 + [Outcome.TIMEOUT]
    assert [request.is_open for request in failed] == [False] * 3 + [True]
    assert (drawn_waterfall.slowest, drawn_waterfall.median) == ((), None)


def test_every_request_of_a_small_run_can_be_chosen() -> None:
    """Each request that a chart draws as a dot has a row."""
    recording = record_random(MOST_DOTS)
    drawn_waterfall = waterfall_of(recording)
    assert drawn_waterfall.is_complete
    assert [*map(key_of, drawn_waterfall.requests)] == [
        RequestKey(sample.phase, sample.vu, sample.iteration, 0) for sample in recording.samples
    ]


def test_a_large_run_has_a_bounded_part_from_each_time() -> None:
    """The slowest request of each slice is among them, and the choice is the same each time."""
    recording = record_random(20_000)
    drawn_waterfall = waterfall_of(recording)
    assert not drawn_waterfall.is_complete
    assert len(drawn_waterfall.requests) <= MOST_SLICES + 1 + 23
    assert drawn_waterfall == waterfall_of(recording)
    times_s = [request.at_s for request in drawn_waterfall.requests]
    assert times_s == sorted(times_s)
    assert max(after - before for before, after in pairwise(times_s)) < 1.0


@given(MANY)
def test_a_waterfall_can_be_made_of_any_requests(rows: list[RequestSample]) -> None:
    """Requests of a damaged or a foreign file have timings that add up, and an existing comparison."""
    drawn_waterfall = waterfall(make_recording(rows), [PHASE] * 10, ["tier.agent_ms", "tier.model_ms"])
    if drawn_waterfall is None:
        return
    for request in drawn_waterfall.requests:
        assert request.total_ms == pytest.approx(sum(request.timings_ms), abs=0.05)
        assert (request.typical or 0) in range(max(1, len(drawn_waterfall.typical_times)))


def test_trace_ids_lead_back_to_the_request() -> None:
    """The id that the service saw names the request."""
    recording = make_recording(traced_loads=(TracedLoad(prefix=PREFIX.hex()),))
    for request in waterfall_of(recording).requests:
        assert request.trace is not None
        assert request_of(bytes.fromhex(request.trace), PREFIX) == key_of(request)
    assert {request.trace for request in waterfall_of(make_recording()).requests} == {None}


def test_a_trial_of_a_search_has_its_own_trace_ids() -> None:
    """Joined loads keep the ids that were sent: the prefix of the load, and the phase that it had then."""
    prefixes = [run_prefix(f"run/{number}") for number in (1, 2, 3)]
    trials = []
    for number, prefix in enumerate(prefixes):
        samples = [make_sample(seq, phase=1, vu=number) for seq in range(20)]
        trials.append(make_recording(samples, traced_loads=(TracedLoad(prefix=prefix.hex()),)))
    requests = waterfall_of(join_recordings(trials, range(3)), phases=3).requests
    assert len(requests) == 60
    for request in requests:
        assert request.trace is not None
        expected = RequestKey(1, request.vu, request.iteration, 0)
        assert request_of(bytes.fromhex(request.trace), prefixes[request.phase]) == expected


def test_a_slow_request_is_compared_with_its_own_message() -> None:
    """The differences name the tier that lost the time, and add up to the difference of the times."""
    samples = [make_sample(seq, latency_ms=500.0 + 100.0 * (seq % 4)) for seq in range(100)]
    slow = samples[50]
    times = dict(slow.tier_times) | {"queue": slow.tier_times["queue"] + 900.0}
    samples[50] = slow._replace(finished_s=slow.finished_s + 0.9, tier_times=times)
    drawn_waterfall = waterfall_of(make_recording(samples))
    (request, *_) = find(drawn_waterfall, drawn_waterfall.slowest)
    assert request.typical is not None
    typical = drawn_waterfall.typical_times[request.typical]
    assert (request.message, typical.message, typical.requests) == (slow.prompt, slow.prompt, 25)
    differences = list_differences(request.timings_ms, request.tiers_ms, typical, drawn_waterfall.tiers)
    largest = max(differences, key=lambda each: each.by_ms)
    assert largest.part == "queue"
    assert largest.by_ms == pytest.approx(900.0, abs=1.0)
    total_ms = request.total_ms - sum(typical.timings_ms)
    assert sum(difference.by_ms for difference in differences) == pytest.approx(total_ms)


def test_without_tier_times_a_request_lost_its_time_in_a_stage() -> None:
    """Stages stand in for tiers."""
    samples = [make_sample(seq, tier_times={}) for seq in range(100)]
    late = samples[50]
    samples[50] = late._replace(sent_s=late.scheduled_s + 0.4, first_byte_s=late.scheduled_s + 0.9,
                                finished_s=late.scheduled_s + 0.9)  # fmt: skip
    drawn_waterfall = waterfall_of(make_recording(samples))
    (request, *_) = find(drawn_waterfall, drawn_waterfall.slowest)
    assert request.typical is not None
    typical = drawn_waterfall.typical_times[request.typical]
    differences = list_differences(request.timings_ms, request.tiers_ms, typical, drawn_waterfall.tiers)
    largest = max(differences, key=lambda each: each.by_ms)
    assert largest.part == "before sending"
    assert largest.by_ms == pytest.approx(399.0, abs=0.2)


def test_messages_with_few_requests_are_compared_with_all() -> None:
    """Three requests have no typical time of their own."""
    samples = [make_sample(seq) for seq in range(40)] + [make_sample(40, prompt="rare")]
    drawn_waterfall = waterfall_of(make_recording(samples))
    rare = next(request for request in drawn_waterfall.requests if request.message == "rare")
    assert rare.typical is not None
    assert drawn_waterfall.typical_times[rare.typical].message is None
    assert drawn_waterfall.typical_times[rare.typical].requests == 41


def test_tier_times_that_cannot_be_true_are_not_shown() -> None:
    """A tier whose time is longer than its request has no time there."""
    samples = [make_sample(seq, latency_ms=500.0 + seq) for seq in range(20)]
    samples[3] = samples[3]._replace(tier_times=dict(samples[3].tier_times) | {"agent": 99_000.0})
    drawn_waterfall = waterfall_of(make_recording(samples))
    agent = drawn_waterfall.tiers.index("agent")
    assert drawn_waterfall.requests[3].tiers_ms[agent] is None
    assert drawn_waterfall.requests[4].tiers_ms[agent] is not None


def test_the_remainder_belongs_to_its_tier() -> None:
    """The time that no tier reports is that of the tier which the stack names."""
    samples = [make_sample(seq, latency_ms=800.0, tier_times={"agent": 300.0 + seq}) for seq in range(20)]
    recording = make_recording(samples, remainder="backend")
    drawn_waterfall = waterfall(recording, [PHASE], ["tier.agent_ms", "tier.backend_ms"])
    assert drawn_waterfall is not None
    assert drawn_waterfall.tiers == ("backend", "agent")  # the one with the most time first
    assert drawn_waterfall.requests[0].tiers_ms == pytest.approx((499.0, 300.0), abs=0.1)
