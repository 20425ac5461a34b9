"""Judge what a sequence of requests shows: rate limits, cancelled requests, audit logs and rotated keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.core.config.promises import PromisedLimit
from bench.core.probe.exchange import ProbeAnswer
from bench.core.probe.probe_result import Judgement, ProbeStatus
from bench.core.probe.probe_rules import Severity
from bench.core.values import wording


@dataclass(frozen=True, slots=True)
class LimitObservation:
    """The answers to more requests than a rate limit permits."""

    burst: Sequence[ProbeAnswer]
    """The answers to the requests of one user, up to the first refusal by the limit."""
    other_user: ProbeAnswer | None = None
    """The answer to another user, right after the refusal."""
    other_token: ProbeAnswer | None = None
    """The answer to another token of the same user, right after the refusal."""
    same_token: ProbeAnswer | None = None
    """The answer to the same token after `other_token`; `None` if that was refused."""
    recovered: ProbeAnswer | None = None
    """The last answer after the window; `None` if there was no time to wait for it."""

    def find_refusal(self, status: int) -> ProbeAnswer | None:
        """Return the refusal by the limit; `None` without one."""
        if self.burst and self.burst[-1].status == status:
            return self.burst[-1]
        return None


def count_within(burst: Sequence[ProbeAnswer], window_s: float) -> int:
    """Return the largest number of requests that the service certainly got within a time."""
    most = 0
    first = 0
    for last, answer in enumerate(burst):
        while first <= last and answer.ended_s - burst[first].sent_s > window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


def most_requests(promise: PromisedLimit) -> int:
    """Return the requests in one window that no way of counting permits.

    A service that counts in fixed windows permits twice the limit at the border of two windows.
    """
    return 2 * promise.requests + 1


def judge_limit(observed: LimitObservation, promise: PromisedLimit) -> dict[str, Judgement]:
    """Return the judgement of each rule about the rate limit."""
    expected = f"{promise.status} after {promise.requests} requests in {promise.per_s:g} s"
    refusal = observed.find_refusal(promise.status)
    if refusal is None:
        return _judge_no_limit(observed, promise, expected)
    accepted = len(observed.burst) - 1
    actual = f"{promise.status} after {wording.counted(accepted, 'request')}"
    early = accepted < promise.requests
    severity = Severity.LOW if early else None
    status = ProbeStatus.FINDING if early else ProbeStatus.PASSED
    return {
        "rate-limit": Judgement(status, expected, actual, severity),
        "rate-limit-retry-after": _judge_retry_after(refusal, promise),
        "rate-limit-per-user": _judge_per_user(observed, promise),
        "rate-limit-recovers": _judge_recovery(observed, promise),
    }


def _judge_no_limit(
    observed: LimitObservation, promise: PromisedLimit, expected: str
) -> dict[str, Judgement]:
    most = count_within(observed.burst, promise.per_s)
    actual = f"{wording.counted(most, 'request')} in {promise.per_s:g} s and no {promise.status}"
    is_proven = most >= most_requests(promise)
    status = ProbeStatus.FINDING if is_proven else ProbeStatus.CANNOT_TELL
    judgements = {"rate-limit": Judgement(status, expected, actual)}
    for rule in ("rate-limit-retry-after", "rate-limit-per-user", "rate-limit-recovers"):
        judgements[rule] = Judgement(ProbeStatus.CANNOT_TELL, expected, "no request was refused")
    if is_proven:
        for rule in ("rate-limit-retry-after", "rate-limit-per-user", "rate-limit-recovers"):
            judgements[rule] = Judgement(ProbeStatus.NOT_APPLICABLE, expected, "there is no limit")
    return judgements


def _judge_retry_after(refusal: ProbeAnswer, promise: PromisedLimit) -> Judgement:
    expected = "a header retry-after"
    value = refusal.header("retry-after")
    actual = "no retry-after" if value is None else f"retry-after: {value}"
    if value is not None:
        return Judgement(ProbeStatus.PASSED, expected, actual)
    status = ProbeStatus.FINDING if promise.retry_after else ProbeStatus.NOT_PROMISED
    return Judgement(status, expected, actual)


def _judge_per_user(observed: LimitObservation, promise: PromisedLimit) -> Judgement:
    expected = "another user is served, another token of the same user is not"
    other_user = observed.other_user
    if other_user is not None and other_user.status == promise.status:
        return Judgement(ProbeStatus.FINDING, expected, f"another user got {promise.status}")
    other_token = observed.other_token
    if other_user is None or other_token is None:
        return Judgement(ProbeStatus.CANNOT_TELL, expected, "the requests were not sent")
    if other_token.status == promise.status:
        return Judgement(ProbeStatus.PASSED, expected, "both as expected")
    same_token = observed.same_token
    if same_token is not None and same_token.status == promise.status:
        return Judgement(ProbeStatus.FINDING, expected, "another token of the same user was served")
    return Judgement(ProbeStatus.CANNOT_TELL, expected, "the window of the limit was over too early")


def _judge_recovery(observed: LimitObservation, promise: PromisedLimit) -> Judgement:
    expected = f"not {promise.status} after {promise.per_s:g} s"
    recovered = observed.recovered
    if recovered is None:
        return Judgement(ProbeStatus.CANNOT_TELL, expected, "no time was left to wait: --max-time")
    status = ProbeStatus.FINDING if recovered.status == promise.status else ProbeStatus.PASSED
    return Judgement(status, expected, recovered.describe())


@dataclass(frozen=True, slots=True)
class CancelObservation:
    """Two streams of the same message, of which the younger one was cancelled."""

    before: float | None = None
    """The gauge before both."""
    during: float | None = None
    """The gauge while both ran."""
    after: float | None = None
    """The last value of the gauge while the older stream still ran."""
    is_freed: bool = False
    """Whether the gauge fell while the older stream still ran."""
    problem: str | None = None
    """Why the streams did not run; `None` if they did."""


def judge_cancelled(observed: CancelObservation) -> Judgement:
    """Return the judgement on a cancelled stream."""
    expected = "its slot is free before an older stream of the same message ends"
    if observed.problem is not None:
        return Judgement(ProbeStatus.CANNOT_TELL, expected, observed.problem)
    if observed.before is None or observed.during is None:
        return Judgement(ProbeStatus.CANNOT_TELL, expected, "the gauge has no value")
    if observed.during < observed.before + 2:
        actual = f"the gauge was {observed.during:g} while two streams ran"
        return Judgement(ProbeStatus.CANNOT_TELL, expected, actual)
    if observed.is_freed:
        return Judgement(ProbeStatus.PASSED, expected, f"the gauge fell from {observed.during:g}")
    after = observed.during if observed.after is None else observed.after
    return Judgement(
        ProbeStatus.FINDING, expected, f"the gauge stayed at {after:g} until the older stream ended"
    )


@dataclass(frozen=True, slots=True)
class AuditObservation:
    """The entries of an audit log about the users of the probes."""

    sent: Mapping[str, int]
    """Chat requests that were answered or cancelled, by user."""
    entries: Mapping[str, int]
    """Entries by user."""
    leaks: tuple[str, ...] = ()
    """What the entries contain and must not: `a message`, `a token`."""
    problem: str | None = None
    """Why the log was not read; `None` if it was."""


def judge_audit(observed: AuditObservation, *, may_have_text: bool) -> dict[str, Judgement]:
    """Return the judgements on an audit log.

    Args:
        observed: The entries.
        may_have_text: Whether the stack promises nothing about the texts of messages.
    """
    sent = sum(observed.sent.values())
    expected = f"an entry for each of {wording.counted(sent, 'chat request')}"
    expected_text = "no text of a message and no token"
    if observed.problem is not None:
        unread = Judgement(ProbeStatus.CANNOT_TELL, expected, observed.problem)
        return {"audit-complete": unread, "audit-no-text": unread}
    missing = 0
    for user, count in observed.sent.items():
        missing += max(0, count - observed.entries.get(user, 0))
    actual = f"{missing} of {sent} are missing" if missing else "all of them"
    status = ProbeStatus.FINDING if missing else ProbeStatus.PASSED
    leaks = [leak for leak in observed.leaks if not (may_have_text and leak == TEXT_LEAK)]
    text_status = ProbeStatus.FINDING if leaks else ProbeStatus.PASSED
    if may_have_text and not leaks:
        text_status = ProbeStatus.NOT_PROMISED
    text = Judgement(text_status, expected_text, wording.listing(leaks) or "none")
    return {"audit-complete": Judgement(status, expected, actual), "audit-no-text": text}


TEXT_LEAK = "the text of a message"
TOKEN_LEAK = "a token"  # noqa: S105 - words of a report


@dataclass(frozen=True, slots=True)
class RotationObservation:
    """The answers to tokens of several keys while the keys change."""

    is_new_accepted: bool = False
    """Whether tokens of the new keys were accepted in time."""
    is_retired_refused: bool = False
    """Whether tokens of a removed key were refused in time."""
    requests: int = 0
    """Requests with a key that was valid all the time."""
    failures: tuple[str, ...] = ()
    """Those of them that were not served."""
    problem: str | None = None
    """Why the keys were not rotated; `None` if they were."""


def judge_rotation(observed: RotationObservation, within_s: float) -> dict[str, Judgement]:
    """Return the judgements on a rotation of keys.

    Args:
        observed: The answers.
        within_s: Longest time until a changed file is in effect.
    """
    expected_new = f"a token of a new key is accepted within {within_s:g} s"
    expected_all = "each token of a valid key is accepted"
    expected_retired = f"a token of a removed key is refused within {within_s:g} s"
    if observed.problem is not None:
        unknown = Judgement(ProbeStatus.CANNOT_TELL, expected_all, observed.problem)
        return {"rotation-new-key": unknown, "rotation-no-failures": unknown, "rotation-retired-key": unknown}
    if not observed.is_new_accepted:
        unknown = Judgement(ProbeStatus.CANNOT_TELL, expected_all, "no new key was accepted")
        new = Judgement(ProbeStatus.FINDING, expected_new, "refused")
        return {"rotation-new-key": new, "rotation-no-failures": unknown, "rotation-retired-key": unknown}
    count = wording.counted(observed.requests, "request")
    actual = f"{len(observed.failures)} of {count} failed"
    if observed.failures:
        actual += f": {observed.failures[0]}"
    failed = ProbeStatus.FINDING if observed.failures else ProbeStatus.PASSED
    retired = ProbeStatus.PASSED if observed.is_retired_refused else ProbeStatus.FINDING
    return {
        "rotation-new-key": Judgement(ProbeStatus.PASSED, expected_new, "accepted"),
        "rotation-no-failures": Judgement(failed, expected_all, actual),
        "rotation-retired-key": Judgement(
            retired, expected_retired, "refused" if observed.is_retired_refused else "accepted"
        ),
    }
