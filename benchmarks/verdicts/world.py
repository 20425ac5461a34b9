"""Simulated runs with known truth: messages, machines, and the disturbances of shared runners.

All effects are differences of logarithms: 0.1 is a run that takes about 10 % longer.
"""

import math
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from bench.core.run.figures import TAIL_REQUESTS

Floats = npt.NDArray[np.float64]
Masks = npt.NDArray[np.bool_]

# Tiers as shares of the response time.
TIERS = {"auth": 0.02, "backend": 0.05, "agent": 0.03, "prefill": 0.15, "decode": 0.70}
FIRST_TOKEN_SHARE = 0.25
THINK_MS = 6_000.0
VUS = 10
LONG, SHORT, REFUSAL = "long", "short", "refusal"

_TAIL_RATIO, _TAIL_FACTOR = 0.03, 3.0  # heavy tails: of the requests of every version
_STALL_RATIO, _STALL_MS = 0.3, 1_000.0  # a second in which the machine stands still, in three runs of ten
_BURST_RATIO, _BURST_FAILS = 0.2, 0.5
_CRON_SHARE, _CRON_FACTOR = 0.4, 1.3  # of a run, while a periodic job uses the machine
_MEMORY_BYTES, _MEMORY_SD = 200e6, 0.003
_CPU_MS, _CPU_SD = 40.0, 0.03
BLOCKS = 6


class Follows(Enum):
    """How well a reference workload follows the machine."""

    WELL = 1.0
    HALF = 0.5
    NOT = 0.0
    NONE = -1.0


@dataclass(frozen=True, slots=True)
class Mix:
    """The messages of a scenario."""

    times_ms: tuple[float, ...]
    """Usual response time of each message."""
    weights: tuple[int, ...]
    """Number of times that a deck contains each message."""
    classes: tuple[str, ...]
    """Class of each message."""

    def deck(self, requests: int) -> npt.NDArray[np.int_]:
        """Return the message of each request: shuffled decks, the same in every run."""
        one = np.repeat(np.arange(len(self.times_ms)), self.weights)
        decks = math.ceil(requests / len(one))
        dice = np.random.default_rng(1)
        return np.concatenate([dice.permutation(one) for _ in range(decks)])[:requests]


FORMS = Mix((600.0,) * 10 + (1_900.0,) * 3, (1,) * 13, (SHORT,) * 10 + (LONG,) * 3)
"""Ten short messages and three long ones, as in the scenario `quick`."""
WEIGHTED = Mix((110.0,) * 4 + (8.0,) * 8, (10,) * 4 + (1,) * 8, (SHORT,) * 12)
"""Four messages with more than 80 % of the requests, and eight rare ones that take 8 ms."""
REFUSED = Mix((600.0,) * 8 + (5.0,) * 4, (1,) * 12, (SHORT,) * 8 + (REFUSAL,) * 4)
"""Eight messages, and four that the target must refuse, which takes 5 ms."""
FAST = Mix((6.0,) * 13, (1,) * 13, (SHORT,) * 13)
"""A gateway that answers within 6 ms."""


@dataclass(frozen=True, slots=True)
class Noise:
    """The machines and disturbances of a simulation; spreads are standard deviations of logarithms."""

    processors: tuple[float, ...] = (0.0,)
    """Slowness of the kinds of processor, which are equally frequent."""
    machine_sd: float = 0.03
    """Spread between machines of one kind."""
    drift: float = 0.0
    """Additional slowness of the machine of the new version."""
    run_sd: float = 0.02
    """Spread between runs on one machine, which no reference workload sees."""
    walk_sd: float = 0.0
    """Steps of a random walk from run to run: correlated drift."""
    request_sd: float = 0.15
    """Spread between requests of one message."""
    follows: Follows = Follows.WELL
    """How well the reference workload follows the machine."""
    workload_sd: float = 0.02
    """Error of each measurement of the reference workload, before and after the run."""
    outlier_ratio: float = 0.0
    """Share of the runs that are slower by `outlier_factor`, which no reference workload sees."""
    outlier_factor: float = 1.4
    """Slowdown of these runs."""
    cold_factor: float = 1.0
    """Slowdown of the first run of each stack."""
    turbo_factor: float = 1.0
    """Slowdown of half of the runs, at random: bimodal turbo."""
    cron_period: int = 0
    """Every run with this number meets a periodic job; 0 is none."""
    tails: bool = False
    """Some requests take three times as long."""
    stalls: bool = False
    """Some runs have a second in which the machine stands still."""
    bursts: bool = False
    """In one run of five, half of the requests of one sixth fail."""
    requests: int = 52
    """Number of requests per run."""
    mix: Mix = FORMS
    """The messages."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the new version changes."""

    factor: float = 1.0
    """Slowdown of all requests."""
    messages: tuple[int, ...] = ()
    """Messages that are slower by `message_factor`."""
    message_factor: float = 1.0
    """Slowdown of these messages."""
    share: float = 0.0
    """Share of the requests that are slower by `share_factor`."""
    share_factor: float = 3.0
    """Slowdown of these requests."""
    failed_ratio: float = 0.0
    """Share of the requests that fail."""
    memory_factor: float = 1.0
    """Growth of the memory."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Requests of several runs: one row per run, one column per request."""

    times_ms: Floats
    """Response times."""
    failed: Masks
    """Requests that failed."""
    messages: npt.NDArray[np.int_]
    """Message of each column."""
    classes: tuple[str, ...]
    """Class of each message."""
    own: dict[str, Floats]
    """Times of the other metrics, by key."""
    workload_logs: Floats | None
    """Log times of the reference workload, before and after each run; `None` without one."""
    memory_bytes: Floats
    """Highest memory of each run."""
    cpu_ms: Floats
    """Processor time per request of each run."""

    @property
    def means_ms(self) -> Floats:
        """Mean response time of each run."""
        means: Floats = self.times_ms.mean(axis=1)
        return means

    def take(self, part: slice) -> "Runs":
        """Return some of the runs."""
        return Runs(
            times_ms=self.times_ms[part],
            failed=self.failed[part],
            messages=self.messages,
            classes=self.classes,
            own={key: times_ms[part] for key, times_ms in self.own.items()},
            workload_logs=None if self.workload_logs is None else self.workload_logs[part],
            memory_bytes=self.memory_bytes[part],
            cpu_ms=self.cpu_ms[part],
        )


@dataclass
class World:
    """Generates runs.

    Args:
        noise: Machines and disturbances.
        seed: Seed of all random numbers.
    """

    noise: Noise
    seed: int
    dice: np.random.Generator = field(init=False)
    _usual_ms: Floats = field(init=False)
    _messages: npt.NDArray[np.int_] = field(init=False)

    def __post_init__(self) -> None:
        self.dice = np.random.default_rng(self.seed)
        mix = self.noise.mix
        self._usual_ms = np.array(mix.times_ms) * np.exp(self.dice.normal(0.0, 0.25, len(mix.times_ms)))
        self._messages = mix.deck(self.noise.requests)

    def machines(self, count: int, *, new: bool = False) -> Floats:
        """Return the slowness of some machines, without or with the drift of new ones."""
        kinds = np.array(self.noise.processors)[self.dice.integers(len(self.noise.processors), size=count)]
        slowness: Floats = kinds + self.dice.normal(0.0, self.noise.machine_sd, count)
        return slowness + self.noise.drift if new else slowness

    def disturb(self, count: int, first: int = 0) -> Floats:
        """Return what happens to each of some consecutive runs, and is not seen by a reference workload."""
        noise = self.noise
        effects: Floats = self.dice.normal(0.0, noise.run_sd, count)
        if noise.walk_sd:
            effects = effects + np.cumsum(self.dice.normal(0.0, noise.walk_sd, count))
        if noise.outlier_ratio:
            effects[self.dice.random(count) < noise.outlier_ratio] += math.log(noise.outlier_factor)
        if noise.turbo_factor > 1.0:
            effects[self.dice.random(count) < 0.5] += math.log(noise.turbo_factor)  # noqa: PLR2004 - half
        if noise.cron_period:
            hit = (np.arange(first, first + count) + self.seed) % noise.cron_period == 0
            effects[hit] += _CRON_SHARE * math.log(_CRON_FACTOR)
        return effects

    def runs(
        self, machines: Floats, effects: Floats, change: Change | None = None, workload: Floats | None = None
    ) -> Runs:
        """Return one run per machine.

        Args:
            machines: Slowness of each run's machine.
            effects: Further slowness of each run, see `disturb`.
            change: What the version changes.
            workload: Log times of the reference workload without its error, instead of those that follow the
                machines.
        """
        change = change or Change()
        times_ms = self._times(machines + effects, change)
        shape = times_ms.shape
        shares = {"ttft_ms": FIRST_TOKEN_SHARE} | {f"tier.{name}_ms": share for name, share in TIERS.items()}
        own: dict[str, Floats] = {}
        for key, share in shares.items():
            own[key] = share * times_ms * np.exp(self.dice.normal(0.0, 0.05, shape))
        count = len(machines)
        memory = _MEMORY_BYTES * change.memory_factor * np.exp(self.dice.normal(0.0, _MEMORY_SD, count))
        cpu_ms = _CPU_MS * np.exp(machines + effects / 2 + self.dice.normal(0.0, _CPU_SD, count))
        return Runs(
            times_ms=times_ms,
            failed=self._fail(shape, change),
            messages=self._messages,
            classes=self.noise.mix.classes,
            own=own,
            workload_logs=self._workload(machines if workload is None else workload),
            memory_bytes=memory,
            cpu_ms=cpu_ms,
        )

    def means(self, machines: Floats, effects: Floats) -> Floats:
        """Return only the mean response time of some unchanged runs."""
        means: Floats = self._times(machines + effects, Change()).mean(axis=1)
        return means

    def _times(self, slowness: Floats, change: Change) -> Floats:
        noise = self.noise
        shape = (len(slowness), noise.requests)
        usual_ms = self._usual_ms.copy()
        usual_ms[list(change.messages)] *= change.message_factor
        factors = np.exp(self.dice.normal(0.0, noise.request_sd, shape) + slowness[:, np.newaxis])
        if noise.tails:
            factors[self.dice.random(shape) < _TAIL_RATIO] *= _TAIL_FACTOR
        if change.share:
            factors[self.dice.random(shape) < change.share] *= change.share_factor
        times_ms: Floats = usual_ms[self._messages] * change.factor * factors
        if noise.stalls:
            times_ms = times_ms + self._stall(shape)
        return times_ms

    def _stall(self, shape: tuple[int, int]) -> Floats:
        """Return the milliseconds that a stalled second adds: VUs in the middle of a request wait longer."""
        runs, requests = shape
        first = self.dice.integers(requests - VUS // 3, size=runs)[:, np.newaxis]
        numbers = np.arange(requests)
        waiting = (numbers >= first) & (numbers < first + VUS // 3)
        stalled = self.dice.random((runs, 1)) < _STALL_RATIO
        left_ms = _STALL_MS * self.dice.random(shape)
        return np.where(waiting & stalled, left_ms, 0.0)

    def _fail(self, shape: tuple[int, int], change: Change) -> Masks:
        failed: Masks = self.dice.random(shape) < change.failed_ratio
        if self.noise.bursts:
            block = np.arange(shape[1]) * BLOCKS // shape[1]
            hit = block == self.dice.integers(BLOCKS, size=(shape[0], 1))
            burst = self.dice.random((shape[0], 1)) < _BURST_RATIO
            failed |= hit & burst & (self.dice.random(shape) < _BURST_FAILS)
        return failed

    def _workload(self, speed: Floats) -> Floats | None:
        """Return the log times of the reference workload before and after each run, with their errors."""
        follows = self.noise.follows
        if follows is Follows.NONE:
            return None
        if follows is Follows.NOT:
            speed = self.dice.normal(0.0, max(self.noise.machine_sd, self.noise.workload_sd), len(speed))
        elif follows is Follows.HALF:
            speed = speed / 2
        errors: Floats = self.dice.normal(0.0, self.noise.workload_sd, (len(speed), 2))
        return speed[:, np.newaxis] + errors


def has_tail(requests: int) -> bool:
    """Return whether runs have enough requests for a 95th percentile."""
    return requests >= TAIL_REQUESTS
