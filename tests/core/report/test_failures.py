"""Failed requests in groups."""

from collections.abc import Sequence
from typing import Any

from bench.core.config.executors import Phase
from bench.core.report.failures import FAILURE_SLICES, Failures, group_failures, list_failures
from bench.core.report.series import make_series
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from tests.factories import make_recording, make_run, make_sample, make_scenario, make_spec


def failed(seq: int, detail: str | None = "out of memory", **more: Any) -> RequestSample:
    """Return a failed request."""
    changes = {"outcome": Outcome.HTTP_ERROR, "status": 500, "detail": detail, "tier_times": {}} | more
    return make_sample(seq, **changes)


def groups_of(samples: Sequence[RequestSample], phases: Sequence[Phase] = ()) -> Failures:
    """Return the failures of a recording that has some."""
    failures = group_failures(make_recording(samples), phases or make_scenario().phases)
    assert failures is not None
    return failures


def test_a_run_without_a_failure_has_no_groups() -> None:
    """Cancelled requests are no failures."""
    samples = [make_sample(0), make_sample(1, outcome=Outcome.CANCELLED, tier_times={})]
    assert group_failures(make_recording(samples), make_scenario().phases) is None
    assert list_failures(make_run(make_recording([make_sample(0)]))) is None


def test_outcome_status_and_words_make_a_group_and_numbers_in_words_do_not() -> None:
    """The largest group is first, and each failed request is in one group."""
    samples = [
        *(failed(seq, f"request 9f8e7d6c5b4a39{seq} timed out after {seq} ms") for seq in range(4)),
        failed(10, "request 1 was lost"),
        failed(11, status=502),
        failed(12, None, outcome=Outcome.TIMEOUT, status=None),
        make_sample(13),
    ]
    failures = groups_of(samples)
    assert [group.count for group in failures.groups] == [4, 1, 1, 1]
    assert failures.groups[0].detail == "request 9f8e7d6c5b4a390 timed out after 0 ms"
    assert (failures.count, failures.requests) == (7, 8)
    assert {(group.outcome, group.status) for group in failures.groups} == {
        (Outcome.HTTP_ERROR, 500),
        (Outcome.HTTP_ERROR, 502),
        (Outcome.TIMEOUT, None),
    }


def test_a_group_has_its_times_messages_and_culprits() -> None:
    """Every failure is in one part of the run, and the most frequent messages are named."""
    samples = [failed(seq, prompt=f"message-{seq % 7}", culprit=Culprit.TARGET) for seq in range(21)]
    (group,) = groups_of(samples).groups
    assert len(group.slices) == FAILURE_SLICES
    assert sum(group.slices) == group.count == 21
    assert group.first_s is not None
    assert group.last_s is not None
    assert 0 <= group.first_s < group.last_s
    assert (len(group.messages), group.message_count) == (5, 7)
    assert group.culprits == {Culprit.TARGET: 21}
    assert group.phases == {}


def test_loads_are_named_if_there_are_several() -> None:
    """A run of two phases shows at which load requests failed."""
    loads = [{"executor": "constant-vus", "vus": vus, "duration_s": 15} for vus in (10, 20)]
    phases = make_scenario(phases=loads).phases
    (group,) = groups_of([failed(0, phase=0), failed(1, phase=1), failed(2, phase=1)], phases).groups
    assert list(group.phases.values()) == [1, 2]
    assert ["10 VUs" in name or "20 VUs" in name for name in group.phases] == [True, True]


def test_many_words_and_long_words_are_bounded() -> None:
    """A page stays small if each failure has other words; the count has all of them."""
    names = [chr(ord("a") + number % 26) * (1 + number // 26) for number in range(60)]
    failures = groups_of([failed(seq, name * 2_000) for seq, name in enumerate(names)])
    assert len(failures.groups) == 20
    assert failures.count == 60
    assert all(len(group.detail or "") <= 1_000 for group in failures.groups)


def test_without_requests_the_summary_has_the_first_words_of_each_outcome() -> None:
    """The counts are exact, and times are known if all failures are examples."""
    run = make_run(
        make_recording(
            [failed(seq) for seq in range(12)] + [failed(20, status=429, outcome=Outcome.RATE_LIMITED)]
        )
    )
    failures = list_failures(run)
    assert failures is not None
    many, single = failures.groups
    assert (many.count, many.detail, many.slices) == (12, "out of memory", ())
    assert (single.count, sum(single.slices)) == (1, 1)
    assert not failures.are_complete
    assert make_series(run).failures == failures


def test_a_page_gets_the_failures_of_a_recording() -> None:
    """The curves of a run have its failures; a run without any has none."""
    spec = make_spec(make_scenario())
    recording = make_recording([make_sample(0), failed(1)])
    series = make_series(make_run(recording, spec=spec), recording)
    assert series.failures == group_failures(recording, spec.scenario.phases)
