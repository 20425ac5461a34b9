"""Sequences of requests are judged by what they prove, also on a slow machine."""

from collections.abc import Sequence

import pytest

from bench.core.config.promises import PromisedLimit
from bench.core.probe.exchange import ProbeAnswer
from bench.core.probe.observed import (
    TEXT_LEAK,
    TOKEN_LEAK,
    AuditObservation,
    CancelObservation,
    LimitObservation,
    RotationObservation,
    count_within,
    judge_audit,
    judge_cancelled,
    judge_limit,
    judge_rotation,
    most_requests,
)
from bench.core.probe.probe_result import ProbeStatus
from bench.core.probe.probe_rules import Severity

PROMISE = PromisedLimit(requests=3, per_s=10.0)
SERVED = ProbeAnswer(400)
REFUSED = ProbeAnswer(429, (("retry-after", "7"),))


def burst(count: int, *, every_s: float = 0.1, refused: bool = False) -> Sequence[ProbeAnswer]:
    """Return answers at equal distances, of which the last one may be a refusal."""
    answers = []
    for number in range(count):
        answers.append(ProbeAnswer(400, sent_s=number * every_s, ended_s=(number + 1) * every_s))
    return [*answers, REFUSED] if refused else answers


def judge(observed: LimitObservation, promise: PromisedLimit = PROMISE) -> dict[str, ProbeStatus]:
    """Return the status of each rule about the rate limit."""
    return {rule: judgement.status for rule, judgement in judge_limit(observed, promise).items()}


def test_a_limit_at_the_promised_rate_passes() -> None:
    """Also if the service counts in fixed windows, which permit more at their border."""
    for count in (3, 4, 6):
        observed = LimitObservation(burst(count, refused=True), SERVED, REFUSED, None, SERVED)
        assert set(judge(observed, PROMISE.model_copy(update={"retry_after": True})).values()) == {
            ProbeStatus.PASSED
        }


def test_a_limit_below_the_promised_rate_is_a_low_finding() -> None:
    """The service refuses what it promises to serve."""
    judgement = judge_limit(LimitObservation(burst(2, refused=True)), PROMISE)["rate-limit"]
    assert (judgement.status, judgement.severity) == (ProbeStatus.FINDING, Severity.LOW)
    assert judgement.actual == "429 after 2 requests"


def test_a_missing_limit_is_proven_only_within_one_window() -> None:
    """Requests that took longer than the window prove nothing."""
    quick = judge(LimitObservation(burst(most_requests(PROMISE))))
    assert quick["rate-limit"] is ProbeStatus.FINDING
    assert quick["rate-limit-recovers"] is ProbeStatus.NOT_APPLICABLE
    slow = judge(LimitObservation(burst(50, every_s=5.0)))
    assert set(slow.values()) == {ProbeStatus.CANNOT_TELL}


def test_requests_count_only_if_the_service_certainly_got_them_within_the_window() -> None:
    """From the start of the first one to the end of the last one."""
    assert count_within((), 10.0) == 0
    assert count_within(burst(10, every_s=1.0), 5.0) == 5
    assert count_within(burst(10, every_s=20.0), 5.0) == 0


@pytest.mark.parametrize(
    ("other_user", "other_token", "same_token", "status"),
    [
        (REFUSED, REFUSED, None, ProbeStatus.FINDING),
        (SERVED, REFUSED, None, ProbeStatus.PASSED),
        (SERVED, SERVED, REFUSED, ProbeStatus.FINDING),
        (SERVED, SERVED, SERVED, ProbeStatus.CANNOT_TELL),
        (None, None, None, ProbeStatus.CANNOT_TELL),
    ],
)
def test_a_limit_counts_users(
    other_user: ProbeAnswer | None,
    other_token: ProbeAnswer | None,
    same_token: ProbeAnswer | None,
    status: ProbeStatus,
) -> None:
    """Not addresses, and not tokens; a window that ended meanwhile proves nothing."""
    observed = LimitObservation(burst(3, refused=True), other_user, other_token, same_token)
    assert judge(observed)["rate-limit-per-user"] is status


def test_a_refusal_says_when_to_come_back_only_if_that_is_promised() -> None:
    """A missing header without a promise is no finding."""
    silent = LimitObservation([*burst(3), ProbeAnswer(429)])
    assert judge(silent)["rate-limit-retry-after"] is ProbeStatus.NOT_PROMISED
    promised = PROMISE.model_copy(update={"retry_after": True})
    assert judge(silent, promised)["rate-limit-retry-after"] is ProbeStatus.FINDING


@pytest.mark.parametrize(
    ("recovered", "status"),
    [(SERVED, ProbeStatus.PASSED), (REFUSED, ProbeStatus.FINDING), (None, ProbeStatus.CANNOT_TELL)],
)
def test_a_limit_ends_with_its_window(recovered: ProbeAnswer | None, status: ProbeStatus) -> None:
    """Without the time to wait for it, the result is unknown."""
    observed = LimitObservation(burst(3, refused=True), SERVED, REFUSED, None, recovered)
    assert judge(observed)["rate-limit-recovers"] is status


@pytest.mark.parametrize(
    ("observed", "status"),
    [
        (CancelObservation(0, 2, 1, is_freed=True), ProbeStatus.PASSED),
        (CancelObservation(0, 2, 2), ProbeStatus.FINDING),
        (CancelObservation(0, 2, None), ProbeStatus.FINDING),
        (CancelObservation(0, 1, 1), ProbeStatus.CANNOT_TELL),
        (CancelObservation(None, 2), ProbeStatus.CANNOT_TELL),
        (CancelObservation(problem="the service did not stream"), ProbeStatus.CANNOT_TELL),
    ],
)
def test_a_cancelled_stream_frees_its_slot(observed: CancelObservation, status: ProbeStatus) -> None:
    """A gauge that shows no slot of the streams proves nothing."""
    assert judge_cancelled(observed).status is status


def test_an_audit_log_has_an_entry_for_each_request() -> None:
    """Further entries, such as those of refused requests, are right."""
    complete = AuditObservation({"a": 2, "b": 1}, {"a": 2, "b": 4})
    assert judge_audit(complete, may_have_text=False)["audit-complete"].status is ProbeStatus.PASSED
    missing = AuditObservation({"a": 2, "b": 1}, {"a": 1})
    judgement = judge_audit(missing, may_have_text=False)["audit-complete"]
    assert (judgement.status, judgement.actual) == (ProbeStatus.FINDING, "2 of 3 are missing")


@pytest.mark.parametrize(
    ("leaks", "may_have_text", "status"),
    [
        ((), False, ProbeStatus.PASSED),
        ((), True, ProbeStatus.NOT_PROMISED),
        ((TEXT_LEAK,), False, ProbeStatus.FINDING),
        ((TEXT_LEAK,), True, ProbeStatus.NOT_PROMISED),
        ((TEXT_LEAK, TOKEN_LEAK), True, ProbeStatus.FINDING),
    ],
)
def test_an_audit_log_contains_no_token_and_only_promised_texts(
    leaks: tuple[str, ...], may_have_text: bool, status: ProbeStatus
) -> None:
    """A token is a finding whatever the stack promises."""
    judgements = judge_audit(AuditObservation({}, {}, leaks), may_have_text=may_have_text)
    assert judgements["audit-no-text"].status is status


def test_an_unread_audit_log_proves_nothing() -> None:
    """The report has the reason."""
    for judgement in judge_audit(AuditObservation({}, {}, problem="refused"), may_have_text=False).values():
        assert (judgement.status, judgement.actual) == (ProbeStatus.CANNOT_TELL, "refused")


def test_a_rotation_of_keys() -> None:
    """New keys are accepted, no request fails, and a removed key is refused."""
    observed = RotationObservation(is_new_accepted=True, is_retired_refused=True, requests=9)
    assert {row.status for row in judge_rotation(observed, 5.0).values()} == {ProbeStatus.PASSED}
    failed = RotationObservation(
        is_new_accepted=True, is_retired_refused=False, requests=9, failures=("401 no",)
    )
    judgements = judge_rotation(failed, 5.0)
    assert judgements["rotation-no-failures"].actual == "1 of 9 requests failed: 401 no"
    assert judgements["rotation-no-failures"].status is ProbeStatus.FINDING
    assert judgements["rotation-retired-key"].status is ProbeStatus.FINDING


def test_a_rotation_that_did_not_happen_proves_nothing_about_other_keys() -> None:
    """A service that never accepts the new key has one finding."""
    judgements = judge_rotation(RotationObservation(), 5.0)
    assert judgements["rotation-new-key"].status is ProbeStatus.FINDING
    assert judgements["rotation-retired-key"].status is ProbeStatus.CANNOT_TELL
    unread = judge_rotation(RotationObservation(problem="no file"), 5.0)
    assert {row.status for row in unread.values()} == {ProbeStatus.CANNOT_TELL}
