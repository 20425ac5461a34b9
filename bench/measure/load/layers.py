"""Asks each tier of a stack by itself, in turns, where its answers do not say how long the tiers took."""

from collections.abc import Mapping, Sequence

from bench.core.config.stack import Asked, Layers
from bench.core.run.layers import Round
from bench.measure.load.asking import ask
from bench.measure.load.messages import TransportChoice
from bench.measure.load.workers import Workers

_FEWEST = 2  # of one tier alone no part is another's


async def ask_layers(
    workers: Workers,
    layers: Layers,
    urls: Mapping[str, str],
    tokens: Sequence[str],
    transport: TransportChoice = TransportChoice.OWN,
) -> list[Round]:
    """Milliseconds by tier, of each round in which all answered; none when fewer than two can be reached.

    Args:
        workers: One of which asks.
        layers: Whom, and what.
        urls: Addresses by service; a tier whose address is not known is left out.
        tokens: Of test users.
        transport: Who speaks HTTP.
    """
    reached = [layer for layer in layers.tiers if layer.target.service in urls]
    if len(reached) < _FEWEST:
        return []
    rounds: list[Round] = []
    for _ in range(layers.rounds):
        times_ms: dict[str, float] = {}
        for layer in reached:
            once = Asked(target=layer.target, message=layers.message, repeats=1)
            answered = await ask(workers, once, urls[layer.target.service], tokens, transport)
            if answered:
                times_ms[layer.tier] = answered[0]
        if len(times_ms) == len(reached):
            rounds.append(times_ms)
    return rounds
