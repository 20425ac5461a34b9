"""Send more requests than a rate limit permits."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from bench.core.config.promises import PromisedLimit
from bench.core.probe.chat_call import ChatCall
from bench.core.probe.exchange import ProbeAnswer, ProbeRequest, TokenKind
from bench.core.probe.judge_answers import TOO_MANY
from bench.core.probe.observed import LimitObservation, count_within, most_requests
from bench.core.probe.probe_plan import MESSAGE, ask
from bench.core.probe.probe_result import Judgement, ProbeStatus
from bench.core.values.retry_after import read_retry_after
from bench.measure.probe.sender import ProbeLimitError, Sender
from bench.measure.probe.subject import ProbeUser, ProbeUsers

_AT_ONCE = 4
"""Messages that a model answers at the same time."""
_MOST_UNPROMISED = 30
"""Requests of one user that look for a limit that no stack file promises."""
_WAIT_REASON = "the rate limit to permit requests again"
_SLACK_S = 1.0
"""Time for which a window may be longer than its promise."""


def first_request(call: ChatCall) -> ProbeRequest:
    """Return the request of the burst: an empty message, which no model answers."""
    return ask(call, "")


async def observe_limit(
    call: ChatCall, promise: PromisedLimit, users: ProbeUsers, sender: Sender, *, waits: bool
) -> LimitObservation:
    """Send requests of one user until the limit refuses one, then those of others.

    A service may count only messages that it accepts. So a second user sends such ones if the empty messages
    of the first user are never refused.

    Args:
        call: The chat.
        promise: The promised limit.
        users: Test users.
        sender: Sends the requests.
        waits: Wait until the limit permits requests again.

    Raises:
        ProbeLimitError: The limits of the probes were reached before a refusal.
    """
    user = users.next()
    request = first_request(call)
    burst = await _send_burst(user, request, promise, at_once=1)
    if burst[-1].status != promise.status:
        user = users.next()
        request = ask(call, MESSAGE)
        burst = await _send_burst(user, request, promise, at_once=_AT_ONCE)
    observed = LimitObservation(burst)
    if burst[-1].status != promise.status:
        return observed
    try:
        observed = await _observe_others(observed, request, promise.status, user, users)
        if waits and sender.left_s > promise.per_s + _SLACK_S:
            recovered = await _wait_for_recovery(burst[-1], request, promise, user, sender)
            return replace(observed, recovered=recovered)
    except ProbeLimitError:
        pass
    return observed


async def find_limit(call: ChatCall, user: ProbeUser) -> Judgement:
    """Send a few requests of one user, and report whether there is a limit that the stack does not promise.

    Raises:
        ProbeLimitError: The limits of the probes were reached before.
    """
    for number in range(_MOST_UNPROMISED):
        answer = (await user.send(first_request(call))).answer
        if answer.status == TOO_MANY:
            return Judgement(ProbeStatus.NOT_PROMISED, "no promise", f"{TOO_MANY} after {number} requests")
    actual = f"no {TOO_MANY} after {_MOST_UNPROMISED} requests"
    return Judgement(ProbeStatus.NOT_PROMISED, "no promise", actual)


async def _send_burst(
    user: ProbeUser, request: ProbeRequest, promise: PromisedLimit, *, at_once: int
) -> Sequence[ProbeAnswer]:
    """Send requests up to the first refusal, or until no way of counting permits them."""
    burst: list[ProbeAnswer] = []
    most = most_requests(promise)
    start_s = time.monotonic()
    while count_within(burst, promise.per_s) < most:
        sent = await asyncio.gather(*(user.send(request) for _ in range(at_once)))
        answers = [exchange.answer for exchange in sent]
        served = [answer for answer in answers if answer.status != promise.status]
        burst += served
        if len(served) < len(answers):
            burst.append(next(answer for answer in answers if answer.status == promise.status))
            break
        is_too_slow = len(burst) >= most and time.monotonic() - start_s > promise.per_s
        if is_too_slow:
            break
    return burst


async def _observe_others(
    observed: LimitObservation, request: ProbeRequest, status: int, user: ProbeUser, users: ProbeUsers
) -> LimitObservation:
    """Send requests of another token of the user, and of another user, right after the refusal."""
    same_token = None
    old = user.token(TokenKind.VALID)
    user.forget_tokens()
    other_token = (await user.send(request)).answer
    if other_token.status != status and old is not None:
        same_token = (await user.send_with(request, old)).answer
    other_user = (await users.next().send(request)).answer
    return replace(observed, other_user=other_user, other_token=other_token, same_token=same_token)


async def _wait_for_recovery(
    refusal: ProbeAnswer, request: ProbeRequest, promise: PromisedLimit, user: ProbeUser, sender: Sender
) -> ProbeAnswer:
    """Return the answer after the time of `Retry-After`, or the one after the window if that is a refusal."""
    wait_s = read_retry_after(refusal.header("retry-after"), datetime.now(UTC))
    if wait_s is not None and wait_s < promise.per_s:
        await sender.wait(wait_s + _SLACK_S, _WAIT_REASON)
        early = (await user.send(request)).answer
        if early.status != promise.status:
            return early
    # A service may count refused requests, too.
    await sender.wait(promise.per_s + _SLACK_S, _WAIT_REASON)
    return (await user.send(request)).answer
