"""A real server: its probe finds each broken rule, and one that keeps all of them has no finding."""

import asyncio
import secrets
from collections.abc import Callable, Collection
from pathlib import Path

import pytest
from pydantic import SecretStr

from bench.core.config.stack import Stack, Users
from bench.core.probe import probe_plan
from bench.core.probe.chat_call import MARK, ChatCall
from bench.core.probe.probe_result import ProbeResult, ProbeStatus
from bench.core.probe.probe_rules import RULES, Severity
from bench.errors import TargetError
from bench.measure.probe import audit_log
from bench.measure.probe.forged_tokens import TokenMaker
from bench.measure.probe.probing import ACCOUNTS, send_probes
from bench.measure.probe.sender import ProbeLimits, Sender
from bench.measure.probe.subject import ProbeSubject
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.users.auth import Account
from tests.factories import make_target
from tests.measure.probe.safe_chat import LIMIT, LONGEST, MOST_BYTES, NAMES, SafeChat, serving

PROMISES = {
    "statuses": {"unauthorized": 401, "invalid": 400, "too_large": 413, "media_type": 415, "method": 405},
    "max_characters": LONGEST,
    "max_body": MOST_BYTES,
    "control_characters": "refused",
    "headers": {"Cache-Control": "no-store", "x-content-type-options": "nosniff"},
    "revocation": {"method": "POST", "path": "/logout"},
    "user_data": {"path": "/me"},
    "cancellation": {"service": "chat", "gauge": "running"},
    "rate_limit": {"requests": LIMIT, "per": "1h", "retry_after": True},
    "audit": {"source": {"kind": "command", "command": ["cat", "${state}/audit.jsonl"]}},
    "rotation": {"keys_file": "${state}/keys.json", "within": "200ms"},
}
USERS = Users.model_validate(
    {
        "store": {"kind": "command", "command": ["true"]},
        "document": {},
        "claims": {"userId": "${id}", "username": "${username}"},
    }
)
GENEROUS = ProbeLimits(requests=1_000, time_s=1e6, answer_s=60.0)
Probe = Callable[..., dict[str, ProbeResult]]
# Rules whose faults need a name of their own, or other rules for their traffic.
FAULTS = {rule: rule for rule in RULES if rule != "input-survives"} | {
    "rate-limit-per-token": "rate-limit-per-user"
}
OTHERS = {"audit-complete": {"stream-cancelled"}}


@pytest.fixture
def probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Probe:
    """Return a function that probes a chat with some faults, and returns the results by rule."""

    async def wait(sender: Sender, seconds: float, reason: str) -> None:
        """Do not wait for the end of a window."""

    monkeypatch.setattr(Sender, "wait", wait)
    monkeypatch.setattr(audit_log, "_WITHIN_S", 0.0)
    monkeypatch.setattr(probe_plan, "_LARGE_BODY", MOST_BYTES + 1)

    def probe_chat(
        *faults: str,
        rules: Collection[str] = tuple(RULES),
        limits: ProbeLimits = GENEROUS,
        promises: object = PROMISES,
        has_token: bool = True,
    ) -> dict[str, ProbeResult]:
        secret = secrets.token_urlsafe(32)
        keys = tmp_path / "keys.json"
        keys.write_text(f'{{"first": "{secret}"}}')
        (tmp_path / "audit.jsonl").write_text("")
        chat = SafeChat(secret, keys, tmp_path / "audit.jsonl", set(faults))

        async def run() -> dict[str, ProbeResult]:
            async with serving(chat) as url:
                subject = make_subject(url, secret, tmp_path, promises, has_token=has_token)
                sent = await send_probes(subject, limits, lambda _: None, rules)
            assert keys.read_text() == f'{{"first": "{secret}"}}', "the file of keys is as before"
            return {result.rule: result for result in sent.results}

        return asyncio.run(run())

    return probe_chat


def make_subject(url: str, secret: str, state: Path, promises: object, *, has_token: bool) -> ProbeSubject:
    """Return the chat with test users."""
    stack = Stack.model_validate(
        {
            "name": "safe-chat",
            "purpose": "A test.",
            "promises": promises,
            "gauges": {"chat": {"read": {"running": "chat_running"}}},
        }
    )
    values = {"jwt_secret": secret, "state": str(state)}
    accounts = [Account.make("probe", number) for number in range(ACCOUNTS)] if has_token else []
    NAMES.update({account.id: account.username for account in accounts})
    body = b'{"message": "%s"}' % MARK.encode()
    headers = {"content-type": "application/json"}
    call = ChatCall("chat", "POST", "/chat", body, has_token, headers)
    stream = ChatCall("chat", "POST", "/chat", body[:-1] + b', "stream": true}', has_token, headers)
    tokens = TokenMaker(USERS, SecretStr(secret)) if has_token else None
    running = RunningStack(stack, values, {"chat": url})
    target = make_target(answer={"kind": "json", "text": "message"})
    return ProbeSubject(running, url, target, call, stream, accounts, tokens)


def findings(results: dict[str, ProbeResult]) -> set[str]:
    """Return the broken rules."""
    return {rule for rule, result in results.items() if result.status is ProbeStatus.FINDING}


def test_a_service_that_keeps_its_promises_has_no_finding(probe: Probe) -> None:
    """Every rule is judged, and passes; no report has a token or a key."""
    results = probe()
    statuses = {rule: (result.status, result.actual) for rule, result in results.items()}
    assert statuses.keys() == RULES.keys()
    assert {rule: status for rule, status in statuses.items() if status[0] is not ProbeStatus.PASSED} == {}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_single_fault_is_found_by_its_probe(probe: Probe, fault: str) -> None:
    """A service that breaks one rule has a finding of this rule, and of no other one."""
    rule = FAULTS[fault]
    results = probe(fault, rules={rule, *OTHERS.get(rule, ())})
    assert findings(results) == {rule}
    assert results[rule].severity is expected_severity(rule)


def expected_severity(rule: str) -> Severity:
    """Return the severity of the fault of `SafeChat`: internal errors and wrong statuses have their own."""
    own = {"input-method": Severity.LOW, "leak-secret": Severity.HIGH}
    return own.get(rule, RULES[rule].severity)


def test_without_promises_only_universal_rules_have_findings(probe: Probe) -> None:
    """A service that breaks everything has findings of tokens, leaks, headers and internal errors only."""
    broken = set(FAULTS) - {"auth-no-token"}  # so that ordinary requests have a user
    results = probe(*broken, promises={})
    universal = {rule for rule in RULES if rule.startswith(("auth-", "leak-"))}
    universal -= {"auth-no-token", "auth-revoked", "auth-other-user"}
    crashes = {"input-wrong-type", "input-invalid-utf8", "input-deep-json"}
    assert findings(results) == universal | crashes | {"headers-server", "headers-cors"}
    assert results["rate-limit"].status is ProbeStatus.NOT_PROMISED
    assert results["rate-limit"].actual == "no 429 after 30 requests"


def test_a_limit_without_a_promise_is_reported(probe: Probe) -> None:
    """The report shows the rate of a limit that the stack file does not promise."""
    results = probe(rules={"rate-limit"}, promises={})
    assert results["rate-limit"].status is ProbeStatus.NOT_PROMISED
    assert results["rate-limit"].actual == f"429 after {LIMIT} requests"


def test_a_service_without_tokens_has_no_finding_about_users(probe: Probe) -> None:
    """Rules of tokens and users do not apply to a target without tokens."""
    results = probe("auth-no-token", "rate-limit", promises={}, has_token=False)
    assert findings(results) == set()
    for rule in ("auth-no-token", "auth-expired", "rate-limit", "rate-limit-per-user"):
        assert results[rule].status is ProbeStatus.NOT_APPLICABLE


def test_no_more_requests_are_sent_than_the_limit_permits(probe: Probe) -> None:
    """Probes beyond the limit are reported as not sent, and none of them passes."""
    results = probe(limits=ProbeLimits(requests=3, time_s=1e6, answer_s=60.0))
    sent = {rule for rule, result in results.items() if result.status is ProbeStatus.PASSED}
    assert sent <= {
        "audit-complete",
        "audit-no-text",
        "auth-no-token",
        "auth-malformed",
        "leak-stack-trace",
        "leak-address",
        "leak-path",
        "leak-secret",
    }
    assert results["auth-expired"].status is ProbeStatus.CANNOT_TELL
    assert "3 requests" in results["auth-expired"].actual


def test_a_page_that_answers_everything_is_not_judged(probe: Probe) -> None:
    """A web page with status 200 is no chat, so its answers prove nothing about safeguards."""
    with pytest.raises(TargetError, match="target 'chat' reads no answer in it") as error:
        probe("page")
    assert error.value.hint is not None
    assert "bench doctor" in error.value.hint


def test_a_service_that_refuses_ordinary_requests_is_not_judged(probe: Probe) -> None:
    """Its refusals would prove nothing."""
    with pytest.raises(TargetError, match="did not answer an ordinary request: 500"):
        probe("input-wrong-type", "ordinary")


def test_reports_contain_no_token_and_no_key(probe: Probe, tmp_path: Path) -> None:
    """Also where the service shows them."""
    results = probe("leak-secret", rules={"leak-secret", "auth-wrong-key", "auth-expired"})
    text = "\n".join(result.model_dump_json() for result in results.values())
    key = (tmp_path / "keys.json").read_text().split('"')[3]
    assert findings(results) == {"leak-secret"}
    assert key not in text
    assert "eyJ" not in text
