import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice

import pytest

from bench.core.load.plan import Arrival, RunPlan, plan
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.measure.load.engine import Engine, OpenVu
from bench.measure.machine.pacing import LoopTimer
from tests.factories import PROMPTS, make_scenario, make_spec
from tests.virtual_time import VirtualTimeLoop, run_virtually


async def at_once(phase: int) -> float:  # noqa: ARG001 - whichever it is
    """A stage begins when the one before it is over."""
    return asyncio.get_running_loop().time()


def make_engine(
    load: RunPlan, open_vu: OpenVu, samples: list[RequestSample], graceful_stop_s: float = 30.0
) -> Engine:
    """An engine on the loop's clock; call it where a loop runs, or will."""
    pacer = LoopTimer(lambda: asyncio.get_running_loop().time())
    return Engine(load, open_vu, lambda sample, _: samples.append(sample), pacer, graceful_stop_s)


def request(plan_: RunPlan, phase: int, vu: int, iteration: int) -> Arrival:
    """What a user of a closed loop sends at a turn."""
    return next(islice(plan_.requests(phase, vu), iteration, None))


class FakeUser:
    """Answers after a fixed time, and counts."""

    def __init__(self, service_s: float, opened: list[float]) -> None:
        self.service_s = service_s
        self.opened = opened
        self.asked = 0
        self.busy = False
        self.closed = False

    async def open(self) -> None:
        """Takes a fifth of a second."""
        await asyncio.sleep(0.2)
        self.opened.append(asyncio.get_running_loop().time())

    async def send(
        self, arrival: Arrival, scheduled_s: float, origin_s: float
    ) -> tuple[RequestSample, Sequence[float]]:
        """Answer after the fixed time."""
        loop = asyncio.get_running_loop()
        sent_s = loop.time()
        self.asked += 1
        assert not self.busy, "a connection carries one request at a time"
        self.busy = True
        try:
            await asyncio.sleep(self.service_s)
        finally:
            self.busy = False
        now_s = loop.time()
        sample = RequestSample(
            phase=arrival.phase,
            vu=arrival.vu,
            iteration=arrival.iteration,
            prompt=arrival.label,
            scheduled_s=scheduled_s,
            finished_s=now_s - origin_s,
            outcome=Outcome.OK,
            arm=arrival.arm,
            sent_s=sent_s - origin_s,
        )
        return sample, [now_s]

    async def close(self) -> None:
        """Is noted."""
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
) -> tuple[list[RequestSample], list[FakeUser], list[float]]:
    samples: list[RequestSample] = []
    opened: list[float] = []
    vus: list[FakeUser] = []

    def open_vu(number: int, arm: int = 0) -> FakeUser:  # noqa: ARG001 - both are alike
        vus.append(FakeUser(service_s(number), opened))
        return vus[-1]

    async def work() -> None:
        engine = make_engine(load, open_vu, samples, graceful_stop_s)
        await engine.open()
        await engine.run(at_once)
        await engine.close()

    run_virtually(work())
    return samples, vus, opened


def test_every_request_leaves_exactly_when_it_is_planned() -> None:
    """A user's message is due one planned pause after the answer before it, and leaves then."""
    load = _plan()
    samples, _, _ = _run(load, lambda _: 0.5)
    assert len(samples) > 40
    free_s = dict.fromkeys(range(10), 0.0)
    for sample in sorted(samples, key=lambda each: (each.vu, each.iteration)):
        arrival = request(load, 0, sample.vu, sample.iteration)
        assert sample.scheduled_s == pytest.approx(free_s[sample.vu] + arrival.think_time_s)
        assert sample.sent_s == pytest.approx(sample.scheduled_s)
        assert sample.prompt == arrival.prompt
        free_s[sample.vu] = sample.finished_s


def test_latency_is_measured_exactly() -> None:
    """What takes half a second is measured as half a second."""
    samples, _, _ = _run(_plan(), lambda _: 0.5)
    for sample in samples:
        assert sample.finished_s - sample.scheduled_s == pytest.approx(0.5)


def test_a_slow_user_does_not_hold_up_the_others() -> None:
    """Users are independent: one that waits long changes nothing for another."""
    alone, _, _ = _run(_plan(), lambda _: 0.5)
    compare_with, _, _ = _run(_plan(), lambda number: 25.0 if number == 3 else 0.5)
    assert _times(alone, but=3) == pytest.approx(_times(compare_with, but=3))


def _times(samples: list[RequestSample], but: int) -> dict[tuple[int, int], float]:
    """When each request was sent, by user and turn, without those of one user."""
    return {(each.vu, each.iteration): each.scheduled_s for each in samples if each.vu != but}


def test_the_duration_ends_the_sending_not_the_answers() -> None:
    """No request is due after the end; one under way then may still be answered."""
    samples, _, _ = _run(_plan(duration_s=20.0), lambda _: 8.0)
    assert max(sample.scheduled_s for sample in samples) < 20.0
    assert max(sample.finished_s for sample in samples) > 20.0
    assert {sample.outcome for sample in samples} == {Outcome.OK}


def test_what_outlives_the_grace_is_cancelled_and_counted() -> None:
    """A request that is not answered within the grace becomes a cancelled sample, none is lost."""
    samples, vus, _ = _run(_plan(vus=3, duration_s=10.0), lambda _: 60.0, graceful_stop_s=5.0)
    assert [sample.outcome for sample in samples] == [Outcome.CANCELLED] * 3
    assert [sample.finished_s for sample in samples] == pytest.approx([15.0] * 3)
    assert all(vu.closed for vu in vus)


def test_cancelling_keeps_what_was_under_way() -> None:
    """A run that is broken off records the requests under way as cancelled."""
    samples: list[RequestSample] = []

    async def work() -> None:
        engine = make_engine(_plan(vus=4), lambda _, _arm: FakeUser(60.0, []), samples, 5.0)
        task = asyncio.create_task(engine.run(at_once))
        await asyncio.sleep(1.0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtually(work())
    assert [sample.outcome for sample in samples] == [Outcome.CANCELLED] * 4


def test_connections_are_open_before_the_clock_starts() -> None:
    """Opening takes time of its own: the first request is due at 0 of a clock that starts after it."""
    samples, _, opened = _run(_plan(), lambda _: 0.5)
    assert opened == pytest.approx([0.2] * 10)
    assert min(sample.scheduled_s for sample in samples) == 0.0


def test_users_stay_through_all_stages() -> None:
    """A later stage goes on with the same users and connections, on the same clock."""
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


def test_samples_come_in_the_order_they_finish() -> None:
    """A sample is handed on when its request is over, not when all are."""
    samples, _, _ = _run(_plan(), lambda number: 0.1 + number / 10)
    ends = [sample.finished_s for sample in samples]
    assert ends == sorted(ends)


def _phases(*phases: dict[str, object]) -> RunPlan:
    return plan(make_spec(make_scenario(phases=list(phases))))


RATE: dict[str, object] = {"executor": "constant-arrival-rate", "rate": 10, "duration_s": 20}


def test_an_open_loop_does_not_wait_for_its_target() -> None:
    """Requests leave at their time however slow the answers are, and their latency counts from then."""
    samples, vus, _ = _run(_phases(RATE), lambda _: 5.0)
    assert len(samples) == 200
    ordered = sorted(samples, key=lambda each: each.vu)
    assert [each.scheduled_s for each in ordered] == pytest.approx([number / 10 for number in range(200)])
    for sample in samples:
        assert sample.sent_s == pytest.approx(sample.scheduled_s)
        assert sample.finished_s - sample.scheduled_s == pytest.approx(5.0)
    assert len(vus) <= 51  # as many connections as requests were under way, and no more


def test_what_could_not_start_in_time_is_counted() -> None:
    """Beyond `max_in_flight` requests are dropped at their planned time, and none is lost."""
    samples, _, _ = _run(_phases({**RATE, "max_vus": 10}), lambda _: 5.0)
    dropped = [sample for sample in samples if sample.outcome is Outcome.DROPPED]
    assert len(samples) == 200
    assert len(dropped) == 160
    for sample in dropped:
        assert sample.sent_s is None
        assert sample.finished_s == sample.scheduled_s
        assert sample.detail == "10 requests were in progress when it was due"


def test_random_and_rising_rates_follow_their_plan() -> None:
    """Whatever the plan says is due, leaves then."""
    for phase in (
        {**RATE, "arrivals": "poisson"},
        {"executor": "ramping-arrival-rate", "start_rate": 1, "stages": [{"duration": 20, "target": 20}]},
    ):
        load = _phases(phase)
        samples, _, _ = _run(load, lambda _: 0.3)
        due = [arrival.offset_s for arrival in load.arrivals(0)]
        assert sorted(sample.scheduled_s for sample in samples) == pytest.approx(due)


def test_an_open_loop_gives_its_requests_the_grace() -> None:
    """What is under way at the end may finish within the grace, and is cancelled after it."""
    samples, vus, _ = _run(_phases(RATE), lambda number: 3.0 if number else 60.0, graceful_stop_s=5.0)
    assert [sample.outcome for sample in samples].count(Outcome.CANCELLED) == 1
    assert max(sample.finished_s for sample in samples) == pytest.approx(25.0)
    assert all(vu.closed for vu in vus)


def test_turns_end_when_all_are_answered() -> None:
    """Each user sends its number of requests, and the stage is over with the last answer."""
    iterations = {"executor": "per-vu-iterations", "vus": 3, "iterations": 4, "think_time_s": (1, 1)}
    samples, _, _ = _run(_phases(iterations, RATE), lambda _: 0.5)
    mine = [sample for sample in samples if sample.phase == 0]
    assert sorted((sample.vu, sample.iteration) for sample in mine) == [
        (u, t) for u in range(3) for t in range(4)
    ]
    assert min(sample.scheduled_s for sample in samples if sample.phase == 1) == pytest.approx(5.0)


def test_cases_come_one_after_the_other() -> None:
    """Every message is sent once, in the order of the file, after the answer to the one before it."""
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
def test_users_come_and_go_as_planned(phase: dict[str, object]) -> None:
    """A user's first request is due when it comes, and none is due once it has gone."""
    load = _phases(phase)
    samples, _, _ = _run(load, lambda _: 0.2)
    for span in load.spans(0):
        mine = [sample.scheduled_s for sample in samples if sample.vu == span.vu]
        if span.end_s > span.start_s:
            assert min(mine) == pytest.approx(span.start_s)
            assert max(mine) < span.end_s


class HeldUp(FakeUser):
    """Keeps the whole generator busy for a second with its first request."""

    async def send(
        self, arrival: Arrival, scheduled_s: float, origin_s: float
    ) -> tuple[RequestSample, Sequence[float]]:
        """Move the clock before any other task runs."""
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        if not self.asked:
            loop._jump.now_s += 1.0
        return await super().send(arrival, scheduled_s, origin_s)


def test_a_generator_that_is_late_says_so() -> None:
    """What was held up leaves as soon as it can, and its planned moment, from which latency counts, stays."""
    samples: list[RequestSample] = []

    def open_vu(number: int, arm: int = 0) -> FakeUser:  # noqa: ARG001 - both are alike
        return FakeUser(0.01, []) if number else HeldUp(0.01, [])

    run_virtually(make_engine(_phases(RATE), open_vu, samples, 30.0).run(at_once))
    samples.sort(key=lambda sample: sample.vu)
    assert [sample.scheduled_s for sample in samples] == pytest.approx([number / 10 for number in range(200)])
    assert [sample.sent_s for sample in samples] == pytest.approx([max(1.0, n / 10) for n in range(200)])
    assert all(sample.finished_s == pytest.approx((sample.sent_s or 0.0) + 0.01) for sample in samples)


def test_exactly_what_is_too_much_at_once_is_dropped() -> None:
    """A request is dropped when the most are under way at its moment, and is sent when they are not."""
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
def test_an_open_loop_sends_what_the_plan_says(phase: dict[str, object]) -> None:
    """Random and ramped arrivals leave at the moments, and with the messages, that the plan says."""
    load = _phases(phase)
    samples, _, _ = _run(load, lambda _: 0.5)
    arrivals = list(load.arrivals(0))
    assert len(arrivals) > 100
    assert [(each.vu, each.prompt) for each in samples] == [(each.vu, each.prompt) for each in arrivals]
    moments = [arrival.offset_s for arrival in arrivals]
    assert [sample.scheduled_s for sample in samples] == pytest.approx(moments)
    assert [sample.sent_s for sample in samples] == pytest.approx(moments)


def test_cancelling_an_open_loop_keeps_what_was_under_way() -> None:
    """A run that is broken off records the requests under way, and none that was not due yet."""
    samples: list[RequestSample] = []

    async def work() -> None:
        phase = {"executor": "constant-arrival-rate", "rate": 2, "duration_s": 10}
        engine = make_engine(_phases(phase), lambda _, _arm: FakeUser(60.0, []), samples, 5.0)
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
    """A connection that is free is used again, so there are as many as requests were under way at once."""
    phase = {"executor": "constant-arrival-rate", "rate": 10, "duration_s": 10}
    _, vus, _ = _run(_phases(phase), lambda _: 0.25)
    assert len(vus) == 3
    assert sum(vu.asked for vu in vus) == 100
    assert all(vu.closed for vu in vus)


def test_an_open_loop_uses_the_connections_that_are_there() -> None:
    """Connections of a closed loop, open since before the clock, serve an open one beside it."""
    closed = {"executor": "constant-vus", "vus": 2, "duration_s": 5, "think_time_s": (1, 1)}
    rate = {"executor": "constant-arrival-rate", "rate": 10, "duration_s": 10}
    samples, vus, opened = _run(_phases(rate, closed), lambda _: 0.15)
    assert len(vus) == len(opened) == 2
    assert Counter(sample.phase for sample in samples)[0] == 100


def test_users_with_turns_stop_at_the_end_all_the_same() -> None:
    """No request of a number of turns is due after the stage's duration."""
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
def test_users_go_on_until_they_go(phase: dict[str, object]) -> None:
    """From the start of its span to its end a user sends without a gap, and the stage lasts as it says."""
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
    # A stage lasts as long as it says, even when all users are gone before.
    assert samples[-1].phase == 1
    assert samples[-1].scheduled_s == pytest.approx(18.0)


def test_stages_come_one_after_the_other() -> None:
    """Each stage begins when the one before it is over, a warm-up like any other, on one clock."""
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
    # is answered 0.3 s after it. Two turns take 1.6 s.
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
def test_it_knows_how_many_requests_are_under_way(phase: dict[str, object]) -> None:
    """In both kinds of load a request is under way from when it is sent until it is over."""

    async def work() -> list[int]:
        engine = make_engine(_phases(phase), lambda _number, _arm: FakeUser(3.0, []), [])
        await engine.open()
        running = asyncio.create_task(engine.run(at_once))
        seen = [engine.in_flight]
        await asyncio.sleep(2.0)
        seen.append(engine.in_flight)
        await running
        return [*seen, engine.in_flight]

    assert run_virtually(work()) == [0, 4, 0]
