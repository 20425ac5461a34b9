"""Measures each tier of a stack by itself, for stacks whose responses do not report the times of tiers."""

from collections.abc import Mapping, Sequence

from bench.core.config.stack import RepeatedRequest
from bench.core.config.stack_tiers import Layers
from bench.core.run.layers import Round
from bench.measure.http.route import DIRECT, Route
from bench.measure.load.repeat_request import repeat_request
from bench.measure.load.workers import Workers

_FEWEST_TIERS = 2  # a tier's own time is a difference between two tiers


async def measure_layers(
    workers: Workers,
    layers: Layers,
    urls: Mapping[str, str],
    tokens: Sequence[str],
    route: Route = DIRECT,
) -> list[Round]:
    """Send a message to each tier in turn, several rounds. Return the rounds in which all tiers answered.

    Args:
        workers: The load generators; one of them sends the requests.
        layers: The tiers, the message, and the number of rounds.
        urls: Addresses by service. A tier whose service has no address is skipped.
        tokens: Bearer tokens of test users.
        route: The way to the stack.

    Returns:
        Response times in milliseconds by tier, one mapping per round; empty if fewer than two tiers have an
        address.
    """
    reachable = [layer for layer in layers.tiers if layer.target.service in urls]
    if len(reachable) < _FEWEST_TIERS:
        return []
    rounds: list[Round] = []
    for _ in range(layers.rounds):
        times_ms: dict[str, float] = {}
        for layer in reachable:
            request = RepeatedRequest(target=layer.target, message=layers.message, repeats=1)
            url = urls[layer.target.service]
            for time_ms in await repeat_request(workers, request, url, tokens, route):
                times_ms[layer.tier] = time_ms
        if len(times_ms) == len(reachable):
            rounds.append(times_ms)
    return rounds
