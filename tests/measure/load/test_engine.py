import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice

import pytest

from bench.core.load.arrival import Arrival
from bench.core.load.graceful_stop import graceful_stop
from bench.core.load.plan import RunPlan, plan
from bench.core.response.failure import Failure
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.load.engine import Engine
from bench.measure.load.request_client import OnSample
from bench.measure.load.virtual_user import OpenVu, VirtualUser
from bench.timing.pacing import LoopTimer
from tests.factories import PROMPTS, make_scenario, make_spec
from tests.virtual_time import VirtualTimeLoop, run_virtually


async def at_once(phase: int) -> float:  # noqa: ARG001 - the same for all phases
    """Begin a phase when the one before it has ended."""
    return asyncio.get_running_loop().time()


def make_engine(
    load: RunPlan, open_vu: OpenVu[VirtualUser], samples: list[RequestSample], graceful_stop_s: float = 30.0
) -> Engine:
    """Return an engine on the loop's clock. Call it where a loop runs, or will run."""
    pacer = LoopTimer(lambda: asyncio.get_running_loop().time())
    return Engine(load, open_vu, lambda sample, _: samples.append(sample), pacer, lambda _: graceful_stop_s)


def request(plan_: RunPlan, phase: int, vu: int, iteration: int) -> Arrival:
    """Return the request of a VU at an iteration of a closed loop."""
    return next(islice(plan_.requests(phase, vu), iteration, None))


class FakeVu:
    """Answers after a fixed time, and counts requests."""

    def __init__(self, service_s: float, opened: list[float]) -> None:
        self.service_s = service_s
        self.opened = opened
        self.asked = 0
        self.ending: asyncio.TimerHandle | None = None
        self.closed = False

    async def open(self) -> None:
        """Take a fifth of a second."""
        await asyncio.sleep(0.2)
        self.opened.append(asyncio.get_running_loop().time())

    def post(self, arrival: Arrival) -> None:
        """Write nothing: `begin` follows at once."""

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Answer after the fixed time."""
        loop = asyncio.get_running_loop()
        sent_s = loop.time()
        self.asked += 1
        assert self.ending is None, "a connection carries one request at a time"

        def end(outcome: Outcome = Outcome.OK, detail: str | None = None) -> None:
            self.ending = None
            sample = RequestSample(
                phase=arrival.phase,
                vu=arrival.vu,
                iteration=arrival.iteration,
                prompt=arrival.label,
                scheduled_s=scheduled_s,
                finished_s=loop.time() - origin_s,
                outcome=outcome,
                arm=arrival.arm,
                sent_s=sent_s - origin_s,
                detail=detail,
            )
            on_sample(sample, [loop.time()])

        self.end = end
        self.ending = loop.call_later(self.service_s, end)

    def cut(self, failure: Failure) -> None:
        """End the request now, without an answer."""
        if self.ending is not None:
            self.ending.cancel()
            self.end(*failure)

    async def close(self) -> None:
        """Note that it is closed."""
        self.closed = True


def _plan(vus: int = 10, duration_s: float = 30.0, think_time_s: tuple[float, float] = (5, 7)) -> RunPlan:
    phase = {
        "executor": "constant-vus",
        "vus": vus,
        "duration_s": duration_s,
        "think_time_s": think_time_s,
    }
    return plan(make_spec(make_scenario(phases=[phase])))


def _run(
    load: RunPlan, service_s: Callable[[int], float], graceful_stop_s: float = 30.0
) -> tuple[list[RequestSample], list[FakeVu], list[float]]:
    samples: list[RequestSample] = []
    opened: list[float] = []
    vus: list[FakeVu] = []

    def open_vu(number: int, arm: int = 0) -> FakeVu:  # noqa: ARG001 - the arms are equal
        vus.append(FakeVu(service_s(number), opened))
        return vus[-1]

    async def work() -> None:
        engine = make_engine(load, open_vu, samples, graceful_stop_s)
        await engine.open()
        await engine.run(at_once)
        await engine.close()

    run_virtually(work())
    return samples, vus, opened


def test_every_request_is_sent_at_its_planned_time() -> None:
    """A request is due one think time after the previous response, and is sent then."""
    load = _plan()
    samples, _, _ = _run(load, lambda _: 0.5)
    assert len(samples) > 40
    free_s = dict.fromkeys(range(10), 0.0)
    for sample in sorted(samples, key=lambda sample: (sample.vu, sample.iteration)):
        arrival = request(load, 0, sample.vu, sample.iteration)
        assert sample.scheduled_s == pytest.approx(free_s[sample.vu] + arrival.think_time_s)
        assert sample.sent_s == pytest.approx(sample.scheduled_s)
        assert sample.prompt == arrival.prompt
        free_s[sample.vu] = sample.finished_s


def test_latency_is_measured_exactly() -> None:
    """A response after half a second has a latency of half a second."""
    samples, _, _ = _run(_plan(), lambda _: 0.5)
    for sample in samples:
        assert sample.finished_s - sample.scheduled_s == pytest.approx(0.5)


def test_a_slow_vu_does_not_delay_the_others() -> None:
    """VUs are independent: one that waits long changes no request of another."""
    alone, _, _ = _run(_plan(), lambda _: 0.5)
    compare_with, _, _ = _run(_plan(), lambda number: 25.0 if number == 3 else 0.5)
    assert _times(alone, but=3) == pytest.approx(_times(compare_with, but=3))


def _times(samples: list[RequestSample], but: int) -> dict[tuple[int, int], float]:
    """Return when each request was sent, by VU and iteration, without those of one VU."""
    return {(sample.vu, sample.iteration): sample.scheduled_s for sample in samples if sample.vu != but}


def test_requests_in_progress_may_end_after_the_duration() -> None:
    """No request is due after the end; one in progress may still be answered."""
    samples, _, _ = _run(_plan(duration_s=20.0), lambda _: 8.0)
    assert max(sample.scheduled_s for sample in samples) < 20.0
    assert max(sample.finished_s for sample in samples) > 20.0
    assert {sample.outcome for sample in samples} == {Outcome.OK}


def test_requests_that_exceed_the_graceful_stop_are_cut_off() -> None:
    """They become samples with the outcome `cut_off`; no request is lost."""
    samples, vus, _ = _run(_plan(vus=3, duration_s=10.0), lambda _: 60.0, graceful_stop_s=5.0)
    assert [sample.outcome for sample in samples] == [Outcome.CUT_OFF] * 3
    assert [sample.finished_s for sample in samples] == pytest.approx([15.0] * 3)
    assert all(vu.closed for vu in vus)


def _run_with_default_stop(
    load: RunPlan, service_s: Callable[[int], float], request_timeout_s: float = 120.0
) -> list[RequestSample]:
    """Run a plan of a scenario that declares no graceful stop."""
    samples: list[RequestSample] = []

    async def work() -> None:
        pacer = LoopTimer(lambda: asyncio.get_running_loop().time())
        engine = Engine(
            load,
            lambda number, _arm: FakeVu(service_s(number), []),
            lambda sample, _: samples.append(sample),
            pacer,
            lambda slowest_s: graceful_stop(None, slowest_s, request_timeout_s),
        )
        await engine.run(at_once)

    run_virtually(work())
    return samples


def test_slow_answers_extend_the_graceful_stop() -> None:
    """Answers after 40 s to a load of 30 s are all received, and later ones up to twice the slowest."""
    samples = _run_with_default_stop(_plan(vus=3), lambda _: 40.0)
    assert [sample.outcome for sample in samples] == [Outcome.OK] * 3
    slow = {0: 40.0, 1: 100.0, 2: 118.0}
    samples = _run_with_default_stop(_plan(vus=3), slow.__getitem__)
    assert [sample.outcome for sample in samples] == [Outcome.OK, Outcome.OK, Outcome.OK]


def test_without_answers_the_graceful_stop_is_short() -> None:
    """Requests that no answer shows to be slow are cut off 30 s after the phase."""
    samples = _run_with_default_stop(_plan(vus=3), lambda _: 100.0)
    assert [sample.outcome for sample in samples] == [Outcome.CUT_OFF] * 3
    assert [sample.finished_s for sample in samples] == pytest.approx([60.0] * 3)
    assert {sample.detail for sample in samples} == {"no complete response after 60 s, when its phase ended"}


def test_an_open_loop_extends_its_graceful_stop() -> None:
    """The rule is the same for requests with planned times."""
    samples = _run_with_default_stop(_phases(RATE), lambda _: 45.0)
    assert Outcome.OK in {sample.outcome for sample in samples}
    assert Outcome.CUT_OFF not in {sample.outcome for sample in samples}


def test_a_planned_cancellation_is_never_cut_off() -> None:
    """A request that its VU would cancel later is cancelled, not cut off, when its phase ends."""
    phase = {
        "executor": "constant-vus",
        "vus": 2,
        "duration_s": 10.0,
        "cancel_ratio": 1.0,
        "cancel_after_s": (50.0, 50.0),
    }
    samples, _, _ = _run(_phases(phase), lambda _: 60.0, graceful_stop_s=5.0)
    assert [sample.outcome for sample in samples] == [Outcome.CANCELLED] * 2


def test_a_cancelled_run_records_the_requests_in_progress() -> None:
    """They are recorded as cancelled."""
    samples: list[RequestSample] = []

    async def work() -> None:
        engine = make_engine(_plan(vus=4), lambda _, _arm: FakeVu(60.0, []), samples, 5.0)
        task = asyncio.create_task(engine.run(at_once))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtually(work())
    assert [sample.outcome for sample in samples] == [Outcome.CANCELLED] * 4


def test_connections_are_open_before_the_run_starts() -> None:
    """Opening takes time: the first request is due at 0 of a clock that starts after it."""
    samples, _, opened = _run(_plan(), lambda _: 0.5)
    assert opened == pytest.approx([0.2] * 10)
    assert min(sample.scheduled_s for sample in samples) == 0.0


def test_vus_stay_through_all_phases() -> None:
    """A later phase continues with the same VUs, connections and clock."""
    users_of = (2, 4, 1)
    phases = [
        {"executor": "constant-vus", "vus": n, "duration_s": 5, "think_time_s": (1, 1)} for n in users_of
    ]
    load = plan(make_spec(make_scenario(phases=phases)))
    samples, vus, opened = _run(load, lambda _: 0.1)
    assert len(vus) == len(opened) == 4
    for index, begins_s in enumerate((0.0, 5.0, 10.0)):
        mine = [sample for sample in samples if sample.phase == index]
        assert {sample.vu for sample in mine} == set(range(users_of[index]))
        assert min(sample.scheduled_s for sample in mine) == pytest.approx(begins_s)


def test_samples_are_passed_on_in_the_order_of_their_ends() -> None:
    """A sample is passed on when its request ends, not when all end."""
    samples, _, _ = _run(_plan(), lambda number: 0.1 + number / 10)
    ends = [sample.finished_s for sample in samples]
    assert ends == sorted(ends)


def _phases(*phases: dict[str, object]) -> RunPlan:
    return plan(make_spec(make_scenario(phases=list(phases))))


RATE: dict[str, object] = {"executor": "constant-arrival-rate", "rate": 10, "duration_s": 20}


def test_an_open_loop_does_not_wait_for_its_target() -> None:
    """Requests are sent on time however slow the responses are, and latency counts from then."""
    samples, vus, _ = _run(_phases(RATE), lambda _: 5.0)
    assert len(samples) == 200
    ordered = sorted(samples, key=lambda sample: sample.vu)
    assert [sample.scheduled_s for sample in ordered] == pytest.approx([number / 10 for number in range(200)])
    for sample in samples:
        assert sample.sent_s == pytest.approx(sample.scheduled_s)
        assert sample.finished_s - sample.scheduled_s == pytest.approx(5.0)
    assert len(vus) <= 51  # one connection per request in progress


def test_dropped_requests_are_counted() -> None:
    """Above `max_vus`, requests are dropped at their planned time, and none is lost."""
    samples, _, _ = _run(_phases({**RATE, "max_vus": 10}), lambda _: 5.0)
    dropped = [sample for sample in samples if sample.outcome is Outcome.DROPPED]
    assert len(samples) == 200
    assert len(dropped) == 160
    for sample in dropped:
        assert sample.sent_s is None
        assert sample.finished_s == sample.scheduled_s
        assert sample.detail == "10 requests were in progress when it was due"


def test_random_and_rising_rates_follow_their_plan() -> None:
    """Each request is sent when the plan has it."""
    for phase in (
        {**RATE, "arrivals": "poisson"},
        {"executor": "ramping-arrival-rate", "start_rate": 1, "stages": [{"duration": 20, "target": 20}]},
    ):
        load = _phases(phase)
        samples, _, _ = _run(load, lambda _: 0.3)
        due = [arrival.offset_s for arrival in load.arrivals(0)]
        assert sorted(sample.scheduled_s for sample in samples) == pytest.approx(due)


def test_an_open_loop_has_a_graceful_stop() -> None:
    """Requests in progress at the end may finish within it, and are cut off after it."""
    samples, vus, _ = _run(_phases(RATE), lambda number: 3.0 if number else 60.0, graceful_stop_s=5.0)
    assert [sample.outcome for sample in samples].count(Outcome.CUT_OFF) == 1
    assert max(sample.finished_s for sample in samples) == pytest.approx(25.0)
    assert all(vu.closed for vu in vus)


def test_iterations_end_with_the_last_response() -> None:
    """Each VU sends its number of requests, and the phase ends with the last response."""
    iterations = {"executor": "per-vu-iterations", "vus": 3, "iterations": 4, "think_time_s": (1, 1)}
    samples, _, _ = _run(_phases(iterations, RATE), lambda _: 0.5)
    mine = [sample for sample in samples if sample.phase == 0]
    assert sorted((sample.vu, sample.iteration) for sample in mine) == [
        (u, t) for u in range(3) for t in range(4)
    ]
    assert min(sample.scheduled_s for sample in samples if sample.phase == 1) == pytest.approx(5.0)


def test_cases_are_sent_one_after_the_other() -> None:
    """Every message is sent once, in the file's order, after the response to the one before."""
    samples, _, _ = _run(_phases({"executor": "cases"}), lambda _: 2.0)
    assert [sample.prompt for sample in samples] == list(PROMPTS)
    assert [sample.scheduled_s for sample in samples] == pytest.approx([0.0, 2.0, 4.0, 6.0])


def _ramp(start: int, target: int) -> dict[str, object]:
    stages = [{"duration": 20, "target": target}, {"duration": 10, "target": target}]
    return {"executor": "ramping-vus", "start_vus": start, "stages": stages, "think_time_s": (1, 2)}


SPIKE: dict[str, object] = {
    "executor": "spike",
    "base_vus": 5,
    "spike_vus": 10,
    "before_s": 5,
    "spike_s": 10,
    "after_s": 5,
    "think_time_s": (1, 2),
}


@pytest.mark.parametrize("phase", [_ramp(0, 20), _ramp(20, 5), SPIKE])
def test_vus_start_and_end_as_planned(phase: dict[str, object]) -> None:
    """A VU's first request is due at its start, and none is due after its end."""
    load = _phases(phase)
    samples, _, _ = _run(load, lambda _: 0.2)
    for span in load.spans(0):
        mine = [sample.scheduled_s for sample in samples if sample.vu == span.vu]
        if span.end_s > span.start_s:
            assert min(mine) == pytest.approx(span.start_s)
            assert max(mine) < span.end_s


class BlockingVu(FakeVu):
    """Blocks the load generator for a second with its first request."""

    def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
        """Move the clock before any other callback runs."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        if not self.asked:
            loop._jump.now_s += 1.0
        super().begin(arrival, scheduled_s, origin_s, on_sample)


def test_a_delay_of_the_load_generator_is_recorded() -> None:
    """Delayed requests are sent as soon as possible, and keep their planned time."""
    samples: list[RequestSample] = []

    def open_vu(number: int, arm: int = 0) -> FakeVu:  # noqa: ARG001 - the arms are equal
        return FakeVu(0.01, []) if number else BlockingVu(0.01, [])

    run_virtually(make_engine(_phases(RATE), open_vu, samples, 30.0).run(at_once))
    samples.sort(key=lambda sample: sample.vu)
    assert [sample.scheduled_s for sample in samples] == pytest.approx([number / 10 for number in range(200)])
    assert [sample.sent_s for sample in samples] == pytest.approx([max(1.0, n / 10) for n in range(200)])
    assert all(sample.finished_s == pytest.approx((sample.sent_s or 0.0) + 0.01) for sample in samples)


def test_requests_are_dropped_only_at_the_limit() -> None:
    """A request is dropped only if `max_vus` requests are in progress at its time."""
    phase = {"executor": "constant-arrival-rate", "rate": 10, "duration_s": 10, "max_vus": 7}
    samples, vus, _ = _run(_phases(phase), lambda _: 5.05)
    ends: list[float] = []
    for number in range(100):
        if sum(end > number / 10 for end in ends) < 7:
            ends.append(number / 10 + 5.05)
    dropped = [sample for sample in samples if sample.outcome is Outcome.DROPPED]
    assert sorted(sample.vu for sample in samples) == list(range(100))
    assert [sample.finished_s for sample in samples if sample not in dropped] == pytest.approx(ends)
    assert len(dropped) == 100 - len(ends) > 80
    assert len(vus) == 7
    for sample in dropped:
        assert sample.scheduled_s == sample.finished_s == pytest.approx(sample.vu / 10)
        assert (sample.sent_s, sample.first_byte_s, sample.status) == (None, None, None)
        assert sample.detail == "7 requests were in progress when it was due"


@pytest.mark.parametrize(
    "phase",
    [
        {"executor": "constant-arrival-rate", "rate": 20, "duration_s": 10, "arrivals": "poisson"},
        {"executor": "ramping-arrival-rate", "start_rate": 0, "stages": [{"duration": 10, "target": 30}]},
        {
            "executor": "ramping-arrival-rate",
            "start_rate": 30,
            "stages": [{"duration": 10, "target": 2}],
            "arrivals": "poisson",
        },
    ],
)
def test_an_open_loop_follows_its_plan(phase: dict[str, object]) -> None:
    """Random and ramping arrivals are sent at the planned times with the planned messages."""
    load = _phases(phase)
    samples, _, _ = _run(load, lambda _: 0.5)
    arrivals = list(load.arrivals(0))
    assert len(arrivals) > 100
    assert [(sample.vu, sample.prompt) for sample in samples] == [
        (arrival.vu, arrival.prompt) for arrival in arrivals
    ]
    moments = [arrival.offset_s for arrival in arrivals]
    assert [sample.scheduled_s for sample in samples] == pytest.approx(moments)
    assert [sample.sent_s for sample in samples] == pytest.approx(moments)


def test_a_cancelled_open_loop_records_the_requests_in_progress() -> None:
    """Requests that were not due yet are not recorded."""
    samples: list[RequestSample] = []

    async def work() -> None:
        phase = {"executor": "constant-arrival-rate", "rate": 2, "duration_s": 10}
        engine = make_engine(_phases(phase), lambda _, _arm: FakeVu(60.0, []), samples, 5.0)
        task = asyncio.create_task(engine.run(at_once))
        await asyncio.sleep(1.75)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtually(work())
    assert [sample.outcome for sample in samples] == [Outcome.CANCELLED] * 4
    assert sorted(sample.scheduled_s for sample in samples) == pytest.approx([0.0, 0.5, 1.0, 1.5])
    assert [sample.finished_s for sample in samples] == pytest.approx([1.75] * 4)


def test_an_open_loop_has_no_more_connections_than_it_needs() -> None:
    """Idle connections are reused, so there are as many as requests were in progress at once."""
    phase = {"executor": "constant-arrival-rate", "rate": 10, "duration_s": 10}
    _, vus, _ = _run(_phases(phase), lambda _: 0.25)
    assert len(vus) == 3
    assert sum(vu.asked for vu in vus) == 100
    assert all(vu.closed for vu in vus)


def test_an_open_loop_uses_the_connections_of_closed_loops() -> None:
    """They are open since before the start of the run."""
    closed = {"executor": "constant-vus", "vus": 2, "duration_s": 5, "think_time_s": (1, 1)}
    rate = {"executor": "constant-arrival-rate", "rate": 10, "duration_s": 10}
    samples, vus, opened = _run(_phases(rate, closed), lambda _: 0.15)
    assert len(vus) == len(opened) == 2
    assert Counter(sample.phase for sample in samples)[0] == 100


def test_vus_with_iterations_stop_at_the_duration() -> None:
    """No iteration is due after the phase's duration."""
    iterations = {
        "executor": "per-vu-iterations",
        "vus": 2,
        "iterations": 100,
        "think_time_s": (1, 1),
        "duration_s": 5,
    }
    samples, _, _ = _run(_phases(iterations), lambda _: 0.5)
    assert Counter(sample.vu for sample in samples) == {0: 4, 1: 4}
    assert max(sample.scheduled_s for sample in samples) == pytest.approx(4.5)


@pytest.mark.parametrize(
    "phase",
    [
        {
            "executor": "ramping-vus",
            "start_vus": 2,
            "stages": [{"duration": 8, "target": 6}, {"duration": 10, "target": 6}],
        },
        {
            "executor": "ramping-vus",
            "start_vus": 6,
            "stages": [{"duration": 8, "target": 2}, {"duration": 10, "target": 2}],
        },
        {
            "executor": "ramping-vus",
            "start_vus": 3,
            "stages": [{"duration": 9, "target": 0}, {"duration": 9, "target": 0}],
        },
        {"executor": "spike", "base_vus": 2, "spike_vus": 3, "before_s": 5, "spike_s": 4, "after_s": 9},
    ],
)
def test_a_vu_sends_requests_for_its_whole_span(phase: dict[str, object]) -> None:
    """A VU sends requests from its start to its end, and the phase has its full duration."""
    after = {"executor": "constant-arrival-rate", "rate": 1, "duration_s": 1}
    load = _phases(phase | {"think_time_s": (1, 1)}, after)
    samples, vus, _ = _run(load, lambda _: 0.3)
    spans = load.spans(0)
    assert len(vus) == len(spans)
    for span in spans:
        due = [sample.scheduled_s for sample in samples if (sample.phase, sample.vu) == (0, span.vu)]
        assert due[0] == pytest.approx(span.start_s)
        assert span.end_s - 1.3 - 1e-6 <= due[-1] < span.end_s
        assert len(due) == pytest.approx((span.end_s - span.start_s) / 1.3, abs=1.0)
    # A phase has its full duration, even if all VUs have ended before.
    assert samples[-1].phase == 1
    assert samples[-1].scheduled_s == pytest.approx(18.0)


def test_phases_run_one_after_the_other() -> None:
    """Each phase begins when the one before it has ended, warm-ups included, on one clock."""
    load = _phases(
        {"executor": "constant-vus", "vus": 3, "duration_s": 5, "think_time_s": (1, 1), "warm_up": True},
        {"executor": "constant-arrival-rate", "rate": 2, "duration_s": 5},
        {"executor": "per-vu-iterations", "vus": 2, "iterations": 2},
        {
            "executor": "ramping-arrival-rate",
            "start_rate": 1,
            "stages": [{"duration": 4, "target": 3}],
            "warm_up": True,
        },
        {"executor": "cases"},
    )
    samples, _, _ = _run(load, lambda _: 0.8)
    begins = {
        phase: min(sample.scheduled_s for sample in samples if sample.phase == phase) for phase in range(5)
    }
    # The warm-up is answered before its end. The open loop's last request, due half a second before its end,
    # is answered 0.3 s after it. Two iterations take 1.6 s.
    ramp = [arrival.offset_s or 0.0 for arrival in load.arrivals(3)]
    ramp_s = max(4.0, ramp[-1] + 0.8)
    expected = {0: 0.0, 1: 5.0, 2: 10.3, 3: 11.9, 4: 11.9 + ramp_s}
    assert begins == pytest.approx(expected)
    assert [sample.phase for sample in samples] == sorted(sample.phase for sample in samples)
    assert Counter(sample.phase for sample in samples) == {0: 9, 1: 10, 2: 4, 3: len(ramp), 4: len(PROMPTS)}
    assert {sample.outcome for sample in samples} == {Outcome.OK}


@pytest.mark.parametrize(
    "phase",
    [
        {"executor": "per-vu-iterations", "vus": 4, "iterations": 1},
        {"executor": "constant-arrival-rate", "rate": 4, "duration_s": 1},
    ],
)
def test_it_counts_the_requests_in_progress(phase: dict[str, object]) -> None:
    """In both kinds of loops, a request is in progress from its start to its end."""

    async def work() -> list[int]:
        engine = make_engine(_phases(phase), lambda _number, _arm: FakeVu(3.0, []), [])
        await engine.open()
        running = asyncio.create_task(engine.run(at_once))
        seen = [engine.in_flight]
        await asyncio.sleep(2.0)
        seen.append(engine.in_flight)
        await running
        return [*seen, engine.in_flight]

    assert run_virtually(work()) == [0, 4, 0]


def test_an_error_of_the_program_ends_the_run() -> None:
    """A callback that fails is no request that hangs until the end of the run."""
    load = _plan(vus=2)
    pacer = LoopTimer(lambda: asyncio.get_running_loop().time())

    def fail(_sample: RequestSample, _times_s: Sequence[float]) -> None:
        raise ZeroDivisionError

    async def work() -> None:
        engine = Engine(load, lambda _number, _arm: FakeVu(0.5, []), fail, pacer, lambda _: 30.0)
        with pytest.raises(ZeroDivisionError):
            await engine.run(at_once)
        assert asyncio.get_running_loop().time() < 1.0

    run_virtually(work())


def test_an_error_elsewhere_in_the_loop_does_not_end_the_run() -> None:
    """Code of a user may start tasks that fail, and connections may break."""
    samples: list[RequestSample] = []

    async def work() -> None:
        loop = asyncio.get_running_loop()
        engine = make_engine(_plan(vus=2), lambda _number, _arm: FakeVu(0.5, []), samples)
        running = asyncio.create_task(engine.run(at_once))
        await asyncio.sleep(1.0)
        loop.call_exception_handler(
            {"message": "a task failed", "exception": ValueError("x"), "future": loop.create_future()}
        )
        loop.call_exception_handler({"message": "a socket broke", "exception": OSError("x")})
        await running

    run_virtually(work())
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    assert max(sample.scheduled_s for sample in samples) > 20.0


class LingeringVu(FakeVu):
    """Needs a second to end after it was cut off."""

    def cut(self, failure: Failure) -> None:
        """End the request later."""
        if self.ending is not None:
            self.ending.cancel()
            self.ending = asyncio.get_running_loop().call_later(1.0, self.end, *failure)


def test_the_end_of_a_clean_up_ends_no_request_of_the_next_phase() -> None:
    """The time limit of a phase's clean-up is over when the phase is."""
    once = {"executor": "per-vu-iterations", "vus": 1, "iterations": 1, "duration_s": 1}
    samples: list[RequestSample] = []
    services_s = iter([60.0, 10.0])

    class TwoRequestsVu(LingeringVu):
        """Does not answer in the first phase, and answers slowly in the second."""

        def begin(self, arrival: Arrival, scheduled_s: float, origin_s: float, on_sample: OnSample) -> None:
            """Begin with the time of this request."""
            self.service_s = next(services_s)
            super().begin(arrival, scheduled_s, origin_s, on_sample)

    engine = make_engine(_phases(once, once), lambda _number, _arm: TwoRequestsVu(0.0, []), samples, 20.0)
    run_virtually(engine.run(at_once))
    assert [sample.outcome for sample in samples] == [Outcome.CUT_OFF, Outcome.OK]


def test_a_phase_can_end_before_its_time() -> None:
    """No request begins after that, those in progress end by themselves, and the next phase begins."""
    phase = {"executor": "constant-vus", "vus": 4, "duration_s": 1000.0, "think_time_s": (2, 2)}
    load = plan(make_spec(make_scenario(phases=[phase, {**phase, "duration_s": 5.0}])))
    samples: list[RequestSample] = []
    waits_s: list[float] = []

    async def work() -> None:
        engine = make_engine(load, lambda number, _: FakeVu(3.0 + number, []), samples)
        await engine.open()

        def end() -> None:
            waits_s.extend(engine.list_waits())
            engine.end_phase()

        asyncio.get_running_loop().call_later(6.5, end)
        await engine.run(at_once)
        await engine.close()

    run_virtually(work())
    of_first = [sample for sample in samples if sample.phase == 0]
    assert {sample.outcome for sample in samples} == {Outcome.OK}
    # The VUs answer after 3, 4, 5 and 6 s, and pause for 2 s: the last two are not in progress after 6.5 s.
    assert sorted(waits_s) == [5.0, 6.0]
    assert max(sample.scheduled_s for sample in of_first) == 6.0
    assert min(sample.scheduled_s for sample in samples if sample.phase == 1) == 10.0


def test_an_open_loop_can_end_before_its_time() -> None:
    """The requests that are due after the end are not sent, and are no failures."""
    phase = {"executor": "constant-arrival-rate", "rate": 2.0, "duration_s": 1000.0}
    load = plan(make_spec(make_scenario(phases=[phase])))
    samples: list[RequestSample] = []

    async def work() -> None:
        engine = make_engine(load, lambda *_: FakeVu(3.0, []), samples)
        await engine.open()
        asyncio.get_running_loop().call_later(4.9, engine.end_phase)
        await engine.run(at_once)
        await engine.close()

    run_virtually(work())
    assert [sample.scheduled_s for sample in samples] == [number / 2 for number in range(10)]
    assert {sample.outcome for sample in samples} == {Outcome.OK}
