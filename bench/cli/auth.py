"""`bench auth`: tokens and test users, by hand."""

from typing import Annotated

import typer

from bench.cli.console import say

Target = Annotated[str, typer.Option("--stack", help="The stack whose users they are.")]


def token(
    user_id: Annotated[str, typer.Argument(help="24 hexadecimal digits, as `bench auth user` prints them.")],
    *,
    target: Target = "embedded",
) -> None:
    """Print a token for a test user."""
    from bench.measure.persistent.persistent import secret
    from bench.measure.users.auth import Account, declared_users, mint
    from bench.store import stacks

    stack = stacks.load(target)
    user = Account(id=user_id, username=f"bench-{user_id}")
    print(mint(user, declared_users(stack), secret(stack)))


def user(
    *,
    target: Target = "embedded",
    count: Annotated[int, typer.Option("--count", min=1, help="How many to make.")] = 1,
    remove: Annotated[list[str] | None, typer.Option("--remove", help="Remove this id instead.")] = None,
) -> None:
    """Create test users, or remove them."""
    from bench.measure.persistent.manual import add_by_hand, remove_by_hand
    from bench.store import stacks

    stack = stacks.load(target)
    if remove:
        remove_by_hand(stack, remove)
        say(f"removed {len(remove)}")
        return
    for made in add_by_hand(stack, count):
        print(made)
