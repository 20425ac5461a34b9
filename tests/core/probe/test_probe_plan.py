"""The plan of single requests follows the promises and the body of the target."""

import json

import pytest

from bench.core.config.promises import Promises
from bench.core.probe.chat_call import MARK, ChatCall, show_message
from bench.core.probe.exchange import Exchange, ProbeAnswer, TokenKind
from bench.core.probe.probe_plan import OtherUser, PlannedProbe, plan_headers, plan_input, plan_tokens
from bench.core.probe.probe_result import ProbeStatus
from bench.core.probe.probe_rules import RULES

CALL = ChatCall("chat", "POST", "/chat", b'{"message": "%s"}' % MARK.encode(), has_token=True)
OTHER = OtherUser("0123456789abcdef01234567", "bench-other")


def by_rule(promises: Promises, call: ChatCall = CALL) -> dict[str, PlannedProbe]:
    """Return the probe of each rule."""
    probes = [*plan_tokens(call, promises, OTHER), plan_headers(call, promises), *plan_input(call, promises)]
    return {rule: probe for probe in probes for rule in probe.judges}


def test_rules_with_a_promise_have_no_request_without_it() -> None:
    """Nothing is revoked, and no data are asked for, unless the stack says how."""
    planned = by_rule(Promises())
    missing = {rule for rule in RULES if rule.startswith(("auth-", "input-", "headers-"))} - planned.keys()
    assert missing == {"auth-revoked", "auth-other-user", "input-longest"}


def test_no_request_for_data_contains_the_name_of_the_other_user() -> None:
    """So the name in an answer proves that the service looked it up."""
    for path in ("/me", "/me?full=1", "/users/${id}/chats"):
        promises = Promises.model_validate({"user_data": {"path": path}})
        requests = by_rule(promises)["auth-other-user"].requests
        assert all(OTHER.id in request.path for request in requests)
        assert not any(OTHER.name in request.path for request in requests)
        assert all(request.path.count("?") <= 1 for request in requests)


def test_a_message_becomes_a_part_of_the_body() -> None:
    """Also with quotes and line breaks; other values replace the text with its quotes."""
    assert json.loads(CALL.with_message('a "quote"\n')) == {"message": 'a "quote"\n'}
    assert json.loads(CALL.with_value(b"[1]")) == {"message": [1]}
    inside = ChatCall("chat", "POST", "/chat", b'{"prompt": "Q: %s"}' % MARK.encode(), has_token=True)
    assert inside.with_value(b"null") == b"null"


def test_a_target_without_tokens_sends_none() -> None:
    """Each request of its input has no token."""
    call = ChatCall("chat", "POST", "/chat", CALL.body, has_token=False)
    for probe in plan_input(call, Promises()):
        assert {request.token for request in probe.requests} == {TokenKind.NONE}
    assert len(plan_headers(call, Promises()).requests) == 1


def test_a_message_of_the_longest_length_is_sent_and_one_above_it() -> None:
    """By default, 10,001 characters."""
    promised = by_rule(Promises(max_characters=20))
    assert promised["input-longest"].requests[0].body == CALL.with_message("a" * 20)
    assert promised["input-too-long"].requests[0].body == CALL.with_message("a" * 21)
    assert by_rule(Promises())["input-too-long"].requests[0].body == CALL.with_message("a" * 10_001)


@pytest.mark.parametrize(
    ("promise", "statuses"),
    [
        ("refused", {200: ProbeStatus.FINDING, 400: ProbeStatus.PASSED}),
        ("accepted", {200: ProbeStatus.PASSED, 400: ProbeStatus.FINDING}),
        (None, {200: ProbeStatus.NOT_PROMISED, 400: ProbeStatus.NOT_PROMISED}),
    ],
)
def test_control_characters_are_judged_by_their_promise(
    promise: str | None, statuses: dict[int, ProbeStatus]
) -> None:
    """Without a promise, both answers are right."""
    probe = by_rule(Promises.model_validate({"control_characters": promise}))["input-control-characters"]
    for status, expected in statuses.items():
        judgement = probe.judges["input-control-characters"](
            [Exchange(probe.requests[0], ProbeAnswer(status))]
        )
        assert judgement.status is expected


def test_long_messages_are_shown_by_their_length() -> None:
    """A report has no line of 10,000 characters."""
    assert show_message("Hi\n") == 'message "Hi\\n"'
    assert show_message("a" * 10_001) == "message of 10,001 characters"
