"""A stack that runs already, to be looked at and not measured."""

import os
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from bench.core.config.stack import Stack
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.persistent import detached, persistent
from bench.measure.stacks.live import Live, placeholders
from bench.measure.users.auth import SECRET_VARIABLE, declared_users, mint
from bench.measure.users.provisioning import provisioned


@dataclass(frozen=True, slots=True)
class Visited:
    """A stack that runs, and a test user of it.

    Attributes:
        live: The stack.
        token: Makes a token of the user; None when there is none.
        why_no_token: What the user could not be made for; None when there is one, or none was asked for.
    """

    live: Live
    token: Callable[[], str] | None = None
    why_no_token: str | None = None


@contextmanager
def visited(
    stack: Stack, urls: Mapping[str, str], on_warning: Callable[[str], None], *, user: bool = True
) -> Iterator[Visited]:
    """A stack that runs already, with a test user who is there inside the block and gone after it.

    A user who cannot be made is no error: what needs none can be asked all the same.

    Args:
        stack: Its declaration.
        urls: Addresses by service, when it runs elsewhere.
        on_warning: Told when the user could not be removed.
        user: Whether there shall be one.

    Raises:
        ConfigError: It runs elsewhere, and nobody said where.
        TargetError: It is not up.
    """
    given = SecretStr(os.environ[SECRET_VARIABLE]) if os.environ.get(SECRET_VARIABLE) else None
    live = _live(stack, urls, given)
    # Containers may have been started with one that was made up.
    secret = SecretStr(live.values["jwt_secret"]) if "jwt_secret" in live.values else None
    if not user or not any(getattr(check, "auth", None) == "bearer" for check in stack.checks.values()):
        yield Visited(live)
        return
    if secret is None:
        yield Visited(live, why_no_token=f"{SECRET_VARIABLE} is not set")
        return
    with ExitStack() as after:
        found = Visited(live)
        try:
            users = provisioned(stack, live.values, 1, f"health-{secrets.token_hex(3)}", on_warning)
            (account,) = after.enter_context(users)
            declared = declared_users(stack)
            found = Visited(live, lambda: mint(account, declared, secret))
        except BenchError as error:
            found = Visited(live, why_no_token=error.message)
        yield found


def stands(stack: Stack) -> bool:
    """Whether a stack of this machine was started, whatever became of its services."""
    return bool(persistent.statuses(stack))


def _live(stack: Stack, urls: Mapping[str, str], secret: SecretStr | None) -> Live:
    if stack.elsewhere:
        if not urls:
            raise ConfigError(f"target '{stack.name}' runs elsewhere", "say where: --url http://…")
        return Live(stack, placeholders(secret), urls)
    if urls:
        raise ConfigError(f"--url: target '{stack.name}' is started here", "--stack external")
    # A service that died is what somebody wants to see, so not all need run.
    if not stands(stack):
        raise TargetError(f"target '{stack.name}' is not up", f"bench stack up --stack {stack.name}")
    return detached.attach(stack, secret) if stack.compose is None else persistent.attach(stack)
