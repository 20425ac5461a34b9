"""The true safe load of a stand: by a formula, or by a long simulation."""

import math
from functools import cache

import numpy as np
from scipy import optimize, stats

from .stand import Service, Stand, simulate

_THINK_S = 6.0
_SIMULATED_S = 200_000.0
_CUT_S = 2_000.0


@cache
def true_safe_load(stand: Stand) -> float:
    """Return the largest load that meets the objective; a whole number of users in a closed loop."""
    has_formula = stand.service is Service.EXPONENTIAL and stand.slow_factor == 1.0
    miss = _miss_by_formula if has_formula else _miss_by_simulation
    if stand.is_open:
        most = stand.servers / stand.service_s

        def excess(rate: float) -> float:
            return miss(stand, rate) - stand.allowed_ratio

        return float(optimize.brentq(excess, 0.05 * most, 0.999 * most, xtol=2e-3 * most))
    users = 1
    step = 1
    while miss(stand, users + step) <= stand.allowed_ratio:
        users += step
        step *= 2
    while step:
        if miss(stand, users + step) <= stand.allowed_ratio:
            users += step
        step //= 2
    return float(users)


def _miss_by_formula(stand: Stand, load: float) -> float:
    slow = _slow_ratio_open(stand, load) if stand.is_open else _slow_ratio_closed(stand, int(load))
    return stand.failed_ratio + (1.0 - stand.failed_ratio) * slow


def _slow_ratio_open(stand: Stand, rate: float) -> float:
    """Return the share of the sojourn times of M/M/c above the limit: Erlang C, then a convolution."""
    servers = stand.servers
    served = 1.0 / stand.service_s
    offered = rate * stand.service_s
    terms = [offered**count / math.factorial(count) for count in range(servers)]
    last = offered**servers / math.factorial(servers) * servers / (servers - offered)
    waits = last / (sum(terms) + last)
    drained = servers * served - rate
    limit = stand.limit_s
    alone = math.exp(-served * limit)
    # A request that waits: the sum of two exponential times, with the rates of the queue and of the service.
    both = (drained * alone - served * math.exp(-drained * limit)) / (drained - served)
    return (1.0 - waits) * alone + waits * both


def _slow_ratio_closed(stand: Stand, users: int) -> float:
    """Return the same for M/M/c//N: an arriving user sees the queue of the other N - 1 users."""
    others = users - 1
    weights = [1.0]
    for count in range(1, others + 1):
        arriving = (others - count + 1) / _THINK_S
        served = min(count, stand.servers) / stand.service_s
        weights.append(weights[-1] * arriving / served)
    chances = np.asarray(weights) / sum(weights)
    return float(sum(chance * _slow(stand, count) for count, chance in enumerate(chances)))


def _slow(stand: Stand, ahead: int) -> float:
    """Return the probability that a request misses its limit that arrives when others are ahead of it."""
    waits_for = ahead - stand.servers + 1
    limit = stand.limit_s
    if waits_for <= 0:
        return math.exp(-limit / stand.service_s)
    # The wait has a gamma distribution; the service follows.
    grid = np.linspace(0.0, limit, 4001)
    wait = stats.gamma(waits_for, scale=stand.service_s / stand.servers)
    late = wait.pdf(grid) * np.exp(-(limit - grid) / stand.service_s)
    return float(wait.sf(limit) + np.trapezoid(late, grid))


def _miss_by_simulation(stand: Stand, load: float) -> float:
    """Return the share of missed requests in a long trial, always with the same random numbers."""
    requests = simulate(stand, load, _SIMULATED_S, np.random.default_rng(1))
    steady = requests.starts > _CUT_S
    late = requests.ends - requests.starts > stand.limit_s
    return float(np.mean((late | requests.failed)[steady]))
