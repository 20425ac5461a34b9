"""One measurement: the stack up, test users in, the load, test users out, the stack down."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import SecretStr

from bench.core.config.run_spec import RunSpec
from bench.core.config.stack import Asked, Stack
from bench.core.load.progress import Progress
from bench.core.run.recording import Recording
from bench.core.run.result import RunResult, make_result
from bench.core.watch.host import GENERATORS, STACK, Cores
from bench.errors import ConfigError
from bench.measure.calibration.calibrate import REFERENCE
from bench.measure.load.endpoint import check_url, expand_headers
from bench.measure.load.messages import TransportChoice
from bench.measure.persistent.persistent import attach, is_up
from bench.measure.run.provenance import fingerprint, new_run_id, provenance
from bench.measure.run.recorder import Subject, Tokens, record
from bench.measure.stacks.compose import Wanted, composed
from bench.measure.stacks.health import wait_until_ready
from bench.measure.stacks.live import Live, placeholders
from bench.measure.stacks.processes import running
from bench.measure.users.auth import Account, declared_users, jwt_secret, mint
from bench.measure.users.provisioning import furnished, provisioned
from bench.measure.watch.watching import Watched

READY_TIMEOUT_S = 60.0


def _ignore(event: object) -> None:
    """Do nothing."""


@dataclass(frozen=True, slots=True)
class Listener:
    """Functions that a measurement calls while it runs. A function that is left out does nothing."""

    progress: Callable[[Progress], None] = _ignore
    """Receives the progress of a run about twice a second."""
    note: Callable[[str], None] = _ignore
    """Receives one line about the next step."""
    warning: Callable[[str], None] = _ignore
    """Receives one line about a problem that does not end the run."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """How a scenario is measured.

    Attributes:
        urls: Addresses of the stack by service, when it runs elsewhere.
        injections: What to make worse on purpose, by knob.
        workers: How many processes give the load.
        transport: Who speaks HTTP.
        tree: Where the files of the services are, when not here: another commit's.
        shared: Whether a stack that is up already may be used.
        variables: Of a compose file, in the place of the caller's: other images, for example.
        certified: Whether the load generators and the machine show before and after what they are worth.
        cores: Of the load generators, and of a stack that is started here; None holds nobody to any.
    """

    urls: Mapping[str, str] = field(default_factory=dict)
    injections: Mapping[str, float] = field(default_factory=dict)
    workers: int = 1
    transport: TransportChoice = TransportChoice.OWN
    tree: Path | None = None
    shared: bool = True
    variables: Mapping[str, str] = field(default_factory=dict)
    certified: bool = True
    cores: tuple[Cores, Cores] | None = None


def measure(
    spec: RunSpec, stack: Stack, conditions: Conditions, listener: Listener
) -> tuple[RunResult, Recording]:
    """Measure a scenario once.

    Args:
        spec: What to do.
        stack: What to do it to.
        conditions: How.
        listener: Who is told.

    Returns:
        The result and what it was made of, whole or broken off: `result.stop` says why.

    Raises:
        ConfigError: The stack cannot be used like that.
        TargetError: It did not start, or refused the test users.
    """
    run_id = new_run_id(spec.scenario.name)
    with prepared(spec, stack, conditions, run_id, listener) as subject:
        made = provenance(run_id, dict(conditions.injections))
        recording = record(spec, subject, listener.progress, conditions.workers)
    where = fingerprint(spec, stack, conditions.urls, subject.parts)
    return make_result(spec, recording, made, where, stack.alerts), recording


@contextmanager
def prepared(
    spec: RunSpec, stack: Stack, conditions: Conditions, run_id: str, listener: Listener
) -> Iterator[Subject]:
    """What is to be measured, ready inside the block: the stack up, its fixtures and test users in.

    Raises:
        ConfigError: The stack cannot be used like that.
        TargetError: It did not start, or refused the test users.
    """
    own, rest = conditions.cores or ((), ())
    with (
        _live(spec, stack, conditions, listener, rest) as live,
        furnished(stack, live.values, spec.scenario.fixtures, listener.warning),
        provisioned(stack, live.values, _accounts(spec), run_id, listener.warning) as users,
        _references(rest) if conditions.certified else nullcontext() as references,
    ):
        tokens = _tokens(stack, live, users) if _asks_who(spec) else None
        reference_url = references.url(REFERENCE.name) if references is not None else None
        for target in spec.targets:
            headers = expand_headers(target, os.environ)
            if tokens and target.auth == "bearer":
                headers["authorization"] = f"Bearer {tokens.mint(0)}"
            ready = live.url(target.service).rstrip("/") + target.ready
            wait_until_ready(ready, headers, READY_TIMEOUT_S, live.dead)
        base_urls = [live.url(target.service) for target in spec.targets]
        yield Subject(
            base_urls,
            tokens,
            live.pids,
            live.dead,
            reference_url,
            _pinned(stack, live),
            (stack.layers, live.urls) if stack.layers else None,
            conditions.transport,
            cores={GENERATORS: own, STACK: live.cores} if live.cores else {},
            watched=Watched(live, _token(stack, live, users)),
            parts=live.parts,
        )


@contextmanager
def _live(
    spec: RunSpec, stack: Stack, conditions: Conditions, listener: Listener, cores: Cores
) -> Iterator[Live]:
    """The stack: elsewhere, already up, or started for this run."""
    if stack.elsewhere:
        if not conditions.urls:
            raise ConfigError(f"target '{stack.name}' runs elsewhere", "say where: --url http://…")
        for address in conditions.urls.values():
            check_url(address)
        secret = jwt_secret(os.environ, generate=False) if _asks_who(spec) else None
        yield Live(stack, placeholders(secret), conditions.urls)
        return
    if conditions.urls:
        raise ConfigError(f"--url: target '{stack.name}' is started here", "--stack external")
    if not conditions.shared or not is_up(stack):
        with _started(stack, conditions, cores) as live:
            yield live
        return
    if conditions.injections:
        hint = f"bench stack down --stack {stack.name}"
        raise ConfigError(f"--inject: target '{stack.name}' is up without it", hint)
    listener.note(f"using the stack '{stack.name}' that is up")
    yield attach(stack)


def _started(stack: Stack, conditions: Conditions, cores: Cores) -> AbstractContextManager[Live]:
    """The stack, started for this run alone."""
    if stack.compose is not None:
        wanted = Wanted(conditions.injections, variables=conditions.variables, cores=cores)
        return composed(stack, wanted)
    secret = jwt_secret(os.environ, generate=True)
    return running(stack, secret, conditions.injections, conditions.tree, cores)


def _pinned(stack: Stack, live: Live) -> tuple[Asked, str] | None:
    """The stack's control, where the address of its service is known."""
    asked = stack.reference_workload
    return (asked, live.urls[asked.target.service]) if asked and asked.target.service in live.urls else None


def _references(cores: Cores) -> AbstractContextManager[Live]:
    """The server of known timing, on the cores of the stack."""
    return running(REFERENCE, SecretStr(""), {}, cores=cores)


def _asks_who(spec: RunSpec) -> bool:
    return any(target.auth == "bearer" for target in spec.targets)


def _accounts(spec: RunSpec) -> int:
    """How many test users are needed: none where nobody asks who it is, so that no store has to be there."""
    return spec.scenario.accounts if _asks_who(spec) else 0


def _token(stack: Stack, live: Live, users: Sequence[Account]) -> Callable[[], str] | None:
    """Makes tokens for health checks; None where nobody can sign in."""
    if not users or "jwt_secret" not in live.values:
        return None
    declared, secret = declared_users(stack), SecretStr(live.values["jwt_secret"])
    return lambda: mint(users[0], declared, secret)


def _tokens(stack: Stack, live: Live, users: Sequence[Account]) -> Tokens:
    declared = declared_users(stack)
    secret = SecretStr(live.values["jwt_secret"])
    return Tokens(
        mint=lambda number: mint(users[number], declared, secret),
        count=len(users),
        lifetime_s=declared.token_lifetime_s,
    )
