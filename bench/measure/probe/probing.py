"""Send all probes of a chat service, and judge their answers."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import httpx

from bench.core.probe.chat_call import show_message
from bench.core.probe.exchange import Exchange, ProbeAnswer, ProbeRequest, TokenKind, hide_tokens
from bench.core.probe.leaks import LeakContext, judge_leaks
from bench.core.probe.observed import (
    judge_audit,
    judge_cancelled,
    judge_limit,
    judge_rotation,
)
from bench.core.probe.probe_plan import (
    MESSAGE,
    OtherUser,
    PlannedProbe,
    ask,
    plan_headers,
    plan_input,
    plan_tokens,
)
from bench.core.probe.probe_result import Judgement, ProbeResult, ProbeStatus, order_results
from bench.core.probe.probe_rules import RULES
from bench.core.response.explanation import BodyPart, RecordedAnswer, explain
from bench.errors import TargetError
from bench.measure.probe.audit_log import observe_audit
from bench.measure.probe.cancelled import SlotGauge, observe_cancelled
from bench.measure.probe.key_rotation import observe_rotation
from bench.measure.probe.rate_limit import find_limit, first_request, observe_limit
from bench.measure.probe.sender import ProbeLimitError, ProbeLimits, Sender
from bench.measure.probe.subject import ProbeSubject, ProbeUsers, count_by_user

_CANCEL = ("stream-cancelled",)
_AUDIT = ("audit-complete", "audit-no-text")
_ROTATION = ("rotation-new-key", "rotation-no-failures", "rotation-retired-key")
_RECOVERY = "rate-limit-recovers"
_LIMIT = ("rate-limit", "rate-limit-retry-after", "rate-limit-per-user", _RECOVERY)
_LEAKS = ("leak-stack-trace", "leak-address", "leak-path", "leak-secret")
_INPUT = "input-"
_SINGLE = ("auth-", _INPUT, "headers-")
_SURVIVES = "input-survives"
ACCOUNTS = 40
"""Test users of all probes: one for each probe, and a few more."""


@dataclass(frozen=True, slots=True)
class SentProbes:
    """The results of all probes."""

    results: tuple[ProbeResult, ...]
    """The result of each rule."""
    requests: int
    """Number of requests."""
    elapsed_s: float
    """Duration in seconds."""


async def send_probes(
    subject: ProbeSubject,
    limits: ProbeLimits,
    on_note: Callable[[str], None],
    rules: Collection[str] = tuple(RULES),
) -> SentProbes:
    """Send the probes of some rules.

    Args:
        subject: The service.
        limits: Limits on all requests.
        on_note: Receives a line about a long wait.
        rules: Ids of the rules.

    Raises:
        TargetError: The service does not answer an ordinary request.
    """
    urls = [subject.url, *subject.running.urls.values()]
    async with subject.running.route.client(urls) as client:
        sender = Sender(client, subject.url, subject.call, limits, on_note)
        probing = _Probing(subject, sender, client, limits, frozenset(rules))
        await probing.require_answer()
        await probing.run()
        results = order_results(probing.results)
        return SentProbes(results, sender.requests, sender.elapsed_s)


class _Probing:
    """The probes of one service, one group after the other."""

    def __init__(
        self,
        subject: ProbeSubject,
        sender: Sender,
        client: httpx.AsyncClient,
        limits: ProbeLimits,
        rules: frozenset[str],
    ) -> None:
        self.results: list[ProbeResult] = []
        self._rules = rules
        self._subject = subject
        self._sender = sender
        self._client = client
        self._limits = limits
        self._users = ProbeUsers(subject, sender)
        secret = subject.running.values.get("jwt_secret")
        if secret is not None:
            sender.secrets.append(secret)

    async def require_answer(self) -> None:
        """Send an ordinary request: without its answer, no refusal proves anything.

        Raises:
            TargetError: The service refuses it, does not answer, or its answer is not that of the chat.
        """
        exchange = await self._users.next().send(ask(self._subject.call, MESSAGE))
        answer = exchange.answer
        url = self._subject.url
        check = f"check it first: bench doctor --url {url} --target {self._subject.chat.name}"
        if answer.status is None or not answer.is_success:
            raise TargetError(f"{url} did not answer an ordinary request: {answer.describe()}", check)
        parts = (BodyPart(answer.text.encode(), 0.0),)
        recorded = RecordedAnswer(url, status=answer.status, headers=answer.headers, parts=parts)
        if explain(self._subject.chat, recorded).failure is not None:
            problem = f"{url} answered an ordinary request with {answer.describe()}"
            raise TargetError(f"{problem}: target '{self._subject.chat.name}' reads no answer in it", check)

    async def run(self) -> None:
        """Send the groups of probes. Those that may disturb others come last."""
        subject = self._subject
        await self._send_planned(self._plan_tokens())
        await self._send_planned([plan_headers(subject.call, subject.promises)])
        await self._send_planned(plan_input(subject.call, subject.promises))
        promises = subject.promises
        await self._observe(_CANCEL, self._observe_cancelled, is_promised=promises.cancellation is not None)
        await self._observe(_ROTATION, self._observe_rotation, is_promised=promises.rotation is not None)
        await self._observe(_LIMIT, self._observe_limit, is_promised=True)
        # The audit log must have the requests of all other probes.
        await self._observe(_AUDIT, self._observe_audit, is_promised=promises.audit is not None)
        self._judge_leaks()
        # The plan has no request for a rule that the stack does not promise.
        results = {result.rule for result in self.results}
        for rule in RULES:
            if rule not in results:
                self._add(rule, Judgement(ProbeStatus.NOT_PROMISED, "no promise", "not probed"), "")

    @property
    def _needed_rules(self) -> frozenset[str]:
        """The rules whose probes are sent: leaks and a service that survives need those of others."""
        needed = set(self._rules)
        for rule in RULES:
            is_single = rule.startswith(_SINGLE)
            if is_single and not self._rules.isdisjoint(_LEAKS):
                needed.add(rule)
            if rule.startswith(_INPUT) and _SURVIVES in self._rules:
                needed.add(rule)
        return frozenset(needed)

    def _plan_tokens(self) -> Iterator[PlannedProbe]:
        subject = self._subject
        other = self._users.other
        planned: list[PlannedProbe] = []
        if other is not None:
            planned += plan_tokens(subject.call, subject.promises, OtherUser(other.id, other.username))
        else:
            for rule in RULES:
                if rule.startswith("auth-"):
                    reason = f"target '{subject.call.name}' needs no token"
                    self._add(rule, Judgement(ProbeStatus.NOT_APPLICABLE, "", reason), "")
        yield from planned

    async def _send_planned(self, probes: Iterable[PlannedProbe]) -> None:
        for probe in probes:
            if self._needed_rules.isdisjoint(probe.judges):
                continue
            user = self._users.next()
            exchanges: list[Exchange] = []
            try:
                for request in probe.requests:
                    exchanges.append(await user.send(request))
            except ProbeLimitError as error:
                self._add_unsent(tuple(probe.judges), error)
                continue
            for rule, judge in probe.judges.items():
                judgement = judge(exchanges)
                self._add(rule, judgement, _find_request(judgement, exchanges))

    async def _observe(
        self,
        rules: tuple[str, ...],
        observe: Callable[[], Awaitable[tuple[Mapping[str, Judgement], str]]],
        *,
        is_promised: bool,
    ) -> None:
        if not is_promised or self._rules.isdisjoint(rules):
            return
        try:
            judgements, request = await observe()
        except ProbeLimitError as error:
            self._add_unsent(rules, error)
            return
        for rule, judgement in judgements.items():
            self._add(rule, judgement, request)

    async def _observe_cancelled(self) -> tuple[Mapping[str, Judgement], str]:
        promise = self._subject.promises.cancellation
        assert promise is not None  # noqa: S101 - the caller checked it
        gauge = SlotGauge(self._subject.running, promise, self._client)
        timeout_s = min(self._limits.answer_s, self._sender.left_s)
        user = self._users.next()
        request = ask(self._subject.stream, promise.message)
        observed = await observe_cancelled(request, gauge, self._sender, user, timeout_s)
        return {_CANCEL[0]: judge_cancelled(observed)}, f"twice: {request.describe()}"

    async def _observe_audit(self) -> tuple[Mapping[str, Judgement], str]:
        promise = self._subject.promises.audit
        assert promise is not None  # noqa: S101 - likewise
        exchanges = self._sender.exchanges
        tokens = [exchange.token for exchange in exchanges if exchange.token is not None]
        observed = await observe_audit(
            promise.source,
            self._subject.running.values,
            count_by_user(exchanges),
            texts=(MESSAGE,),
            tokens=[token for token in tokens if token.count(".") == 2],  # noqa: PLR2004 - a JWT
        )
        judgements = judge_audit(observed, may_have_text=promise.has_text)
        return judgements, "all chat requests of the probes"

    async def _observe_rotation(self) -> tuple[Mapping[str, Judgement], str]:
        promise = self._subject.promises.rotation
        tokens = self._subject.tokens
        assert promise is not None  # noqa: S101 - likewise
        account = self._users.other
        request = self._light_request()
        if tokens is None or account is None:
            unknown = Judgement(ProbeStatus.NOT_APPLICABLE, "", "the target needs no token")
            return dict.fromkeys(_ROTATION, unknown), ""

        async def send(key_id: str, key: str) -> ProbeAnswer:
            if key not in self._sender.secrets:
                self._sender.secrets.append(key)
            token = tokens.sign_with(account, key_id, key)
            return (await self._sender.send(request, token, account.id)).answer

        observed = await observe_rotation(promise, self._subject.running.values, send)
        return judge_rotation(observed, promise.within_s), f"many times: {request.describe()}"

    def _light_request(self) -> ProbeRequest:
        """Return a request that needs a token and no model: for the user's data, or with an empty message."""
        user_data = self._subject.promises.user_data
        if user_data is None or "${id}" in user_data.path:
            return ask(self._subject.call, "")
        return ProbeRequest("GET", user_data.path, TokenKind.VALID, is_chat=False)

    async def _observe_limit(self) -> tuple[Mapping[str, Judgement], str]:
        promise = self._subject.promises.rate_limit
        call = self._subject.call
        if self._users.other is None:
            unknown = Judgement(ProbeStatus.NOT_APPLICABLE, "", "the target has no users")
            return dict.fromkeys(_LIMIT, unknown), ""
        request = f"many times: {first_request(call).describe()}, then {show_message(MESSAGE)}"
        if promise is None:
            judgement = await find_limit(call, self._users.next())
            return {_LIMIT[0]: judgement}, request
        waits = _RECOVERY in self._rules
        observed = await observe_limit(call, promise, self._users, self._sender, waits=waits)
        return judge_limit(observed, promise), request

    def _judge_leaks(self) -> None:
        running = self._subject.running
        own = urlsplit(self._subject.url).netloc
        internal = {urlsplit(url).netloc for url in running.urls.values()} - {own}
        context = LeakContext(self._sender.secrets, own, internal)
        judgements = judge_leaks(self._sender.exchanges, context)
        for rule, (judgement, request) in judgements.items():
            self._add(rule, judgement, request)

    def _add(self, rule: str, judgement: Judgement, request: str) -> None:
        if rule in self._rules:
            actual = hide_tokens(judgement.actual, self._sender.secrets)
            judgement = replace(judgement, actual=actual)
            self.results.append(ProbeResult.of(RULES[rule], judgement, request))

    def _add_unsent(self, rules: tuple[str, ...], error: ProbeLimitError) -> None:
        for rule in rules:
            self._add(rule, Judgement(ProbeStatus.CANNOT_TELL, "", str(error)), "")


def _find_request(judgement: Judgement, exchanges: list[Exchange]) -> str:
    return exchanges[judgement.request].request.describe()
