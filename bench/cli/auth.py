"""`bench auth`: create tokens and test users."""

from typing import Annotated

import typer

from bench.cli import options
from bench.cli.console import say
from bench.usecases import auth

UserId = Annotated[str, typer.Argument(metavar="ID", help="The user's id, as bench auth user prints it.")]
Count = Annotated[int, typer.Option("--count", metavar="N", min=1, help="Create this number of users.")]
Remove = Annotated[
    list[str] | None, typer.Option("--remove", metavar="ID", help="Remove this user instead; repeatable.")
]


def token(user_id: UserId, *, stack: options.LocalStack = "embedded") -> None:
    """Print a token for a test user.

    Needs JWT_SECRET, except for containers whose secret bench generated.
    """
    print(auth.token(user_id, stack=stack))


def user(*, stack: options.LocalStack = "embedded", count: Count = 1, remove: Remove = None) -> None:
    """Create test users, or remove them.

    The stack must be up. Prints the id of each new user.
    """
    if remove:
        auth.remove_users(remove, stack=stack)
        say(f"removed {len(remove)}")
        return
    for user_id in auth.add_users(count, stack=stack):
        print(user_id)
