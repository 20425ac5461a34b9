"""The fixtures and the test users of a run, with their tokens."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from pydantic import SecretStr

from bench.measure.run.token_renewal import Tokens
from bench.measure.stacks.running_stack import RunningStack
from bench.measure.users.auth import Account, mint, require_users
from bench.measure.users.provisioning import provision_fixtures, provision_users


@contextmanager
def provide_users(
    running: RunningStack,
    fixtures: Sequence[str],
    count: int,
    run_id: str,
    on_warning: Callable[[str], None],
) -> Iterator[Tokens | None]:
    """Create fixtures and test users that exist during the block; yield the tokens of the users.

    Args:
        running: The stack.
        fixtures: Names of the fixtures.
        count: Number of users; 0 for no users and no tokens.
        run_id: Id of the run, for the names of the users.
        on_warning: Receives a warning about what could not be removed.

    Raises:
        ConfigError: The stack does not declare a fixture, or users.
        TargetError: A store does not answer.
    """
    stack = running.stack
    with (
        provision_fixtures(stack, running.values, fixtures, on_warning),
        provision_users(stack, running.values, count, run_id, on_warning) as users,
    ):
        yield _make_tokens(running, users) if count else None


def _make_tokens(running: RunningStack, users: Sequence[Account]) -> Tokens:
    declared = require_users(running.stack)
    secret = SecretStr(running.values["jwt_secret"])
    return Tokens(
        mint=lambda number: mint(users[number], declared, secret),
        count=len(users),
        lifetime_s=declared.token_lifetime_s,
    )
