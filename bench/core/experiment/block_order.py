"""The order of the runs of an experiment."""


def block_order(arms: int, number: int) -> tuple[int, ...]:
    """Return the order of the arms in a block: 0 is the base, the others are the variants.

    Each block starts with another arm, and every second block is reversed, so no arm gains from its place or
    from a drift. With two arms the order is AB BA BA AB.

    Args:
        arms: Number of arms.
        number: Number of the block, from 1.
    """
    turn = (number - 1) // 2 % arms
    order = [(turn + place) % arms for place in range(arms)]
    return tuple(order if number % 2 else reversed(order))
