"""Probe the safeguards of a chat service."""

import asyncio
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr

from bench.core.config.choices import model_variables
from bench.core.config.stack import Stack
from bench.core.config.target import Target, WebSocketAnswer
from bench.core.config.version import Version, parse_version
from bench.core.probe.chat_call import MARK, ChatCall
from bench.core.probe.probe_result import ProbeReport
from bench.core.probe.probe_rules import RULES
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.measure.http.route import Route, direct_route
from bench.measure.load.endpoint import check_url
from bench.measure.load.record_answer import one_request
from bench.measure.probe.forged_tokens import TokenMaker
from bench.measure.probe.private_address import refuse_public
from bench.measure.probe.probing import ACCOUNTS, send_probes
from bench.measure.probe.sender import ProbeLimits
from bench.measure.probe.subject import ProbeSubject
from bench.measure.run.conditions import Conditions, Listener
from bench.measure.run.local_stack import provide_local
from bench.measure.run.provenance import new_run_id
from bench.measure.run.strays import remove_strays
from bench.measure.run.target_ready import wait_for_target
from bench.measure.stacks.running_stack import RunningStack, find_urls, placeholder_values
from bench.measure.users.auth import Account, jwt_secret, mint, require_users
from bench.measure.users.provisioning import provision_users
from bench.store import scenarios, stacks
from bench.usecases.options import QUIET
from bench.usecases.plan_run import name_urls

DEFAULT_TARGET = "chat"
DEFAULT_LIMITS = ProbeLimits()


def probe(
    stack: str | None = None,
    *,
    urls: Sequence[str] = (),
    target: str = DEFAULT_TARGET,
    service: str | None = None,
    model: str | None = None,
    rules: Collection[str] = (),
    limits: ProbeLimits = DEFAULT_LIMITS,
    allow: Collection[str] = (),
    ca: Path | None = None,
    listener: Listener = QUIET,
) -> ProbeReport:
    """Probe the safeguards of a chat service with a limited number of safe requests.

    A stack that is not up is started for the probes, and ended after them.

    Args:
        stack: Name of the stack, with `+VARIABLE=VALUE` for its services; default: `external` if `urls` are
            given, else `embedded`.
        urls: Addresses of a running stack: `URL` of the target's service, or `SERVICE=URL`.
        target: Name or file of the target that is the chat.
        service: Service that gets the requests; default: the stack's service for this target.
        model: Name of the model; default: that of the target.
        rules: Ids of the rules that are probed; empty for all.
        limits: Limits on the requests and on the time.
        allow: Public hosts that belong to you, or whose owner permits the probes.
        ca: PEM file with certificates that are trusted as well as those of the system.
        listener: Receives notes and warnings.

    Raises:
        ConfigError: An option or a file is wrong, or an address is public and not allowed.
        TargetError: The stack did not start, refused a test user, or does not answer an ordinary request.
    """
    _check_rules(rules)
    version = _parse_version(stack or ("external" if urls else "embedded"))
    variables = {**version.variables, **model_variables(model)}
    declared = stacks.load(version.stack, variables)
    chat = _load_target(target, declared, service, variables)
    route = direct_route(ca)
    remove_strays()
    started_at = datetime.now(UTC)
    with (
        _provide_stack(declared, chat, version, name_urls(urls, chat.service), route, listener) as running,
        _provide_accounts(running, chat, allow, listener) as accounts,
    ):
        environ = {**os.environ, **variables}
        subject = _make_subject(running, chat, environ, accounts, service)
        _wait(subject, chat, environ, listener)
        sent = asyncio.run(send_probes(subject, limits, listener.note, rules or tuple(RULES)))
    return ProbeReport(
        stack=stack or declared.name,
        stack_file=stacks.find_file(declared.name),
        target=chat.name,
        url=subject.url,
        started_at=started_at,
        requests=sent.requests,
        elapsed_s=sent.elapsed_s,
        results=sent.results,
    )


def _check_rules(rules: Collection[str]) -> None:
    for rule in rules:
        if rule not in RULES:
            raise ConfigError(f"there is no rule '{rule}'", suggest(rule, RULES))


def _parse_version(text: str) -> Version:
    version = parse_version(text)
    if version.commit is not None or version.folder is not None:
        raise ConfigError(f"--stack {text}: bench probes only the files of this folder", "--stack NAME")
    return version


def _load_target(name: str, stack: Stack, service: str | None, variables: Mapping[str, str]) -> Target:
    target = scenarios.load_target(name, variables)
    if isinstance(target.answer, WebSocketAnswer):
        message = f"target '{target.name}' uses a WebSocket, and probes need requests of HTTP"
        raise ConfigError(message, "name a target that answers over HTTP, such as --target chat")
    return target.model_copy(update={"service": service or stack.service_of(target)})


@contextmanager
def _provide_stack(  # noqa: PLR0917 - a stack and the way to it
    stack: Stack,
    target: Target,
    version: Version,
    urls: Mapping[str, str],
    route: Route,
    listener: Listener,
) -> Iterator[RunningStack]:
    """Provide a stack that runs elsewhere, that is already up, or that is started for the probes."""
    if stack.is_external:
        if version.variables:
            raise ConfigError(f"stack '{stack.name}' runs elsewhere, so bench cannot set its variables")
        yield _find_external(stack, target, urls, route)
        return
    if urls:
        raise ConfigError(f"--url: stack '{stack.name}' runs on this machine", "--stack external")
    conditions = Conditions(route=route, variables=version.variables, shared=not version.variables)
    with provide_local(stack, conditions, listener, None) as running:
        yield running


def _find_external(stack: Stack, target: Target, urls: Mapping[str, str], route: Route) -> RunningStack:
    addresses = find_urls(stack, urls)
    for address in addresses.values():
        check_url(address)
    secret = jwt_secret(os.environ, generate=False) if target.auth == "bearer" else None
    return RunningStack(stack, placeholder_values(secret), addresses, route=route)


def _provide_accounts(
    running: RunningStack, target: Target, allow: Collection[str], listener: Listener
) -> AbstractContextManager[Sequence[Account]]:
    """Create the test users of the probes, if the target needs tokens.

    Raises:
        ConfigError: An address is public and not allowed.
    """
    refuse_public(running.urls.values(), allow)
    if target.auth == "none":
        return nullcontext(())
    require_users(running.stack)
    run_id = new_run_id("probe")
    return provision_users(running.stack, running.values, ACCOUNTS, run_id, listener.warning)


def _make_subject(
    running: RunningStack,
    target: Target,
    environ: Mapping[str, str],
    accounts: Sequence[Account],
    service: str | None,
) -> ProbeSubject:
    url = running.url(target.service)
    call = _make_call(target, running, environ)
    stream = call
    promise = running.stack.promises.cancellation
    if promise is not None and promise.target is not None:
        streaming = _load_target(promise.target, running.stack, service, environ)
        stream = _make_call(streaming, running, environ)
    tokens = None
    if accounts:
        tokens = TokenMaker(require_users(running.stack), _find_secret(running))
    return ProbeSubject(running, url, target, call, stream, accounts, tokens)


def _make_call(target: Target, running: RunningStack, environ: Mapping[str, str]) -> ChatCall:
    endpoint = one_request(target, running.url(target.service), MARK, environ, running.route)
    _, _, body = endpoint.tail_after((), MARK).partition(b"\r\n\r\n")
    return ChatCall(
        name=target.name,
        method=target.method,
        path=endpoint.path,
        body=body,
        has_token=target.auth == "bearer",
        headers=endpoint.headers,
    )


def _find_secret(running: RunningStack) -> SecretStr:
    return SecretStr(running.values["jwt_secret"])


def _wait(subject: ProbeSubject, target: Target, environ: Mapping[str, str], listener: Listener) -> None:
    """Wait until the service answers, with a token if it needs one."""
    running = subject.running

    def make_token() -> str:
        users = require_users(running.stack)
        return mint(subject.accounts[0], users, _find_secret(running))

    make = make_token if subject.accounts else None
    warning = wait_for_target(target, running, environ, make, listener.note)
    if warning is not None:
        listener.warning(warning)
