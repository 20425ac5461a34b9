from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Culprit, Outcome
from bench.core.samples.samples import SampleLog, Samples
from bench.core.samples.text_numbers import MORE_DETAILS
from bench.core.values.limited_names import MOST_NAMES, MOST_TIERS, OTHER
from tests.factories import TIER_TIMES, make_sample

MOMENTS = (
    "scheduled_s", "sent_s", "first_byte_s", "first_token_s", "last_token_s", "first_answer_s",
    "first_reasoning_s", "last_reasoning_s", "finished_s", "closed_s", "retried_s",
)  # fmt: skip
_SECONDS = st.floats(0, 1e6)
_TIER_MS = st.integers(0, 16_000_000).map(lambda microseconds: microseconds / 1000)
ROWS = st.builds(
    RequestSample,
    phase=st.integers(0, 9),
    vu=st.integers(0, 100_000),
    iteration=st.integers(0, 10**6),
    prompt=st.sampled_from(["greeting", "form", "form.2"]),
    scheduled_s=_SECONDS,
    finished_s=_SECONDS,
    outcome=st.sampled_from(Outcome),
    arm=st.integers(0, 1),
    connect_s=st.none() | _SECONDS,
    sent_s=st.none() | _SECONDS,
    first_byte_s=st.none() | _SECONDS,
    first_token_s=st.none() | _SECONDS,
    last_token_s=st.none() | _SECONDS,
    first_answer_s=st.none() | _SECONDS,
    first_reasoning_s=st.none() | _SECONDS,
    last_reasoning_s=st.none() | _SECONDS,
    closed_s=st.none() | _SECONDS,
    tokens=st.none() | st.integers(0, 10**9),
    reasoning_tokens=st.none() | st.integers(0, 10**9),
    intercepted=st.none() | st.booleans(),
    status=st.none() | st.integers(100, 599),
    detail=st.none() | st.text(max_size=20),
    culprit=st.none() | st.sampled_from(Culprit),
    tier_times=st.dictionaries(st.sampled_from(["agent", "model", "cache"]), _TIER_MS),
    milestone_times=st.dictionaries(st.sampled_from(["documents", "tool"]), _TIER_MS),
    handshake_s=st.none() | _SECONDS,
    retries=st.none() | st.integers(0, 100),
    retried_s=st.none() | _SECONDS,
)
MANY = st.lists(ROWS, max_size=12)


def make_log(rows: list[RequestSample]) -> SampleLog:
    """Return a log of these requests."""
    log = SampleLog()
    for row in rows:
        log.append(row)
    return log


@given(MANY)
def test_columns_return_the_rows_that_were_added(rows: list[RequestSample]) -> None:
    """A request is the same before and after storage in columns, None and empty texts included."""
    samples = Samples.of(rows)
    assert list(samples) == rows
    assert len(samples) == len(rows)
    assert [samples[number] for number in range(len(rows))] == rows


@given(MANY, MANY)
def test_rows_added_together_are_the_rows_added_one_by_one(
    one: list[RequestSample], two: list[RequestSample]
) -> None:
    """The numbers of texts and the unknown times do not depend on how many rows are added at once."""
    log = SampleLog()
    log.add_rows(one)
    log.add_rows(two)
    assert list(log.since(0)) == [*one, *two]
    assert log.prompts == make_log([*one, *two]).prompts


def test_rows_with_a_number_that_is_too_large_are_not_added() -> None:
    """A batch that does not fit its columns leaves the log as it was."""
    log = make_log([make_sample(0)])
    with pytest.raises(OverflowError):
        log.add_rows([make_sample(1), make_sample(2, status=40_000)])
    assert list(log.since(0)) == [make_sample(0)]


@given(MANY, MANY, MANY)
def test_joined_logs_hold_all_requests(
    one: list[RequestSample], two: list[RequestSample], three: list[RequestSample]
) -> None:
    """Shares merge without loss, for any order of their messages, details and tiers."""
    log = make_log(one)
    log.extend(make_log(two))
    log.extend(make_log(three))
    assert list(log.since(0)) == [*one, *two, *three]
    assert list(log.since(len(one))) == [*two, *three]


@given(MANY, st.data())
def test_a_selection_has_the_selected_rows(rows: list[RequestSample], data: Any) -> None:
    """A mask, a slice, and both together select the right rows."""
    picked = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    kept = [row for row, wanted in zip(rows, picked, strict=True) if wanted]
    part = Samples.of(rows).where(np.array(picked, dtype=bool))
    assert list(part) == kept
    assert list(part[1:]) == kept[1:]
    assert list(Samples.of(rows)[::-1]) == rows[::-1]
    assert list(part.where(np.zeros(len(kept), dtype=bool))) == []


@given(ROWS, st.floats(-100, 100))
def test_a_shift_changes_only_moments(row: RequestSample, by_s: float) -> None:
    """All moments shift together; durations, counts and None stay as they are."""
    (shifted,) = Samples.of([row]).shift(by_s / 2).shift(by_s / 2)
    for name in MOMENTS:
        before, after = getattr(row, name), getattr(shifted, name)
        assert after == (None if before is None else pytest.approx(before + by_s, abs=1e-6))
    assert shifted._replace(**{name: getattr(row, name) for name in MOMENTS}) == row


def test_every_moment_of_a_sample_is_shifted() -> None:
    """Every field in seconds is a moment, except the durations of connecting and of a handshake."""
    seconds = {name for name in RequestSample._fields if name.endswith("_s")}
    assert seconds == {*MOMENTS, "connect_s", "handshake_s"}


def test_a_log_grows_while_it_is_read() -> None:
    """A column that was read stays as it was; the log accepts more requests."""
    log = make_log([make_sample(0)])
    early = log.since(0)
    column = early.column("finished_s")
    log.append(make_sample(1))
    assert (len(column), len(early), len(log)) == (1, 1, 2)


def test_a_tier_that_does_not_occur_has_no_times() -> None:
    """The times of an unknown tier are NaN."""
    samples = Samples.of([make_sample(0, tier_times={})])
    assert samples.tiers == []
    assert np.isnan(samples.tier_time("agent")).all()


@given(st.floats(0, 86_400_000))
def test_a_tiers_time_has_seven_digits(time_ms: float) -> None:
    """A time of up to a day is kept with seven digits, and storing it again changes nothing."""
    (kept,) = Samples.of([make_sample(0, tier_times={"agent": time_ms})])
    assert kept.tier_times["agent"] == pytest.approx(time_ms, rel=1e-7, abs=0.000501)
    assert Samples.of([kept])[0] == kept


def test_a_million_requests_fit_into_memory() -> None:
    """A request of a stack with seven tiers takes 170 bytes at most."""
    log = make_log([make_sample(0, tier_times={f"tier-{number}": 1.5 for number in range(7)})])
    columns = [*log.columns.values(), *log.tier_times.values()]
    size = sum(column.itemsize for column in columns)
    assert size <= 170, (
        "a new field needs memory: raise the limit here and in docs/explanation/architecture.md"
    )


def test_the_number_of_details_is_limited() -> None:
    """A new detail for each failure does not fill memory; each outcome keeps its first details."""
    log = SampleLog()
    failures = [
        make_sample(0, outcome=Outcome.HTTP_ERROR, detail=f"failure {number}") for number in range(500)
    ]
    log.add_rows([*failures, make_sample(0, outcome=Outcome.TIMEOUT, detail="too late")])
    log.add_rows(failures)
    samples = log.since(0)
    assert samples[0].detail == samples[501].detail == "failure 0"
    assert samples[499].detail == samples[-1].detail == MORE_DETAILS
    assert samples[500].detail == "too late"
    assert len(log.details) == len({None, "too late"}) + MOST_NAMES


def test_iteration_crosses_the_ends_of_pages() -> None:
    """Iteration continues after the end of a page."""
    rows = [make_sample(number, tier_times=TIER_TIMES) for number in range(9_000)]
    assert list(Samples.of(rows)) == rows


def test_equal_samples_hold_equal_rows() -> None:
    """Samples are equal if their rows are equal; other values are not equal to samples."""
    rows = [make_sample(0), make_sample(1)]
    one, other = Samples.of(rows), Samples.of(rows).where(np.array([True, False]))
    assert one == Samples.of(rows)
    assert one != other
    assert one != rows


def _log_of_tiers(numbers: range) -> SampleLog:
    """Return a log of one request with these tiers, and of one with the usual tiers."""
    return make_log(
        [
            make_sample(0, tier_times={"backend": 1.0}),
            make_sample(1, tier_times={f"tier-{number}": 1.0 for number in numbers}),
        ]
    )


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_merged_logs_have_at_most_the_limit_of_tiers(order: tuple[int, int]) -> None:
    """The first tiers of several load generators stay, and the sum of the times of a request does, too."""
    logs = [_log_of_tiers(range(100)), _log_of_tiers(range(1000, 1200))]
    merged = SampleLog()
    for number in order:
        merged.extend(logs[number])
    samples = merged.since(0)
    assert len(samples.tiers) == MOST_TIERS
    assert {"backend", OTHER} < {*samples.tiers}
    sums = {sum(sample.tier_times.values()) for sample in samples}
    assert sums == {1.0, 100.0, 200.0}
    again = SampleLog()
    for number in order:
        again.extend(logs[number])
    assert again.since(0) == samples


def test_further_milestones_are_one_with_the_time_of_the_first() -> None:
    """Times to milestones cannot be added."""
    times_ms = {f"milestone-{number}": float(number) for number in range(300)}
    log = make_log([make_sample(0, milestone_times=times_ms), make_sample(1, milestone_times=times_ms)])
    samples = log.since(0)
    assert len(samples.milestones) == MOST_NAMES
    assert [sample.milestone_times[OTHER] for sample in samples] == [199.0, 199.0]


def test_names_of_a_usual_target_are_not_changed() -> None:
    """A target with the largest number of tiers has no sum of others."""
    times_ms = {f"tier-{number}": 1.0 for number in range(MOST_TIERS - 1)}
    merged = SampleLog()
    merged.extend(make_log([make_sample(0, tier_times=times_ms)]))
    assert merged.since(0)[0].tier_times == times_ms
