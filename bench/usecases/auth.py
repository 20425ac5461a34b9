"""Create tokens and test users."""

from collections.abc import Sequence

from bench.measure.persistent.manual import add_manual_users, remove_manual_users
from bench.measure.persistent.persistent import secret
from bench.measure.users.auth import Account, mint, require_users
from bench.store import stacks


def token(user_id: str, *, stack: str = "embedded") -> str:
    """Return a token for a test user of a stack.

    Args:
        user_id: The user's id, 24 hexadecimal digits.
        stack: Name of the stack.

    Raises:
        ConfigError: The stack is unknown, or JWT_SECRET is not set and the stack did not generate one.
    """
    declared = stacks.load(stack)
    user = Account(id=user_id, username=f"bench-{user_id}")
    return mint(user, require_users(declared), secret(declared))


def add_users(count: int = 1, *, stack: str = "embedded") -> tuple[str, ...]:
    """Create test users in a stack that is up, and return their ids.

    Raises:
        ConfigError: The stack is unknown, or has no store of users.
        TargetError: The stack is not up, or refused.
    """
    return tuple(add_manual_users(stacks.load(stack), count))


def remove_users(ids: Sequence[str], *, stack: str = "embedded") -> None:
    """Remove test users from a stack that is up.

    Raises:
        ConfigError: The stack is unknown, or has no store of users.
        TargetError: The stack is not up, or refused.
    """
    remove_manual_users(stacks.load(stack), list(ids))
