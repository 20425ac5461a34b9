"""Simulated runs on shared machines, from random numbers with known truth."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
import numpy.typing as npt

from bench.core.calibration.reference_workload import ReferenceWorkload
from bench.core.config.scenario import Scenario
from bench.core.run.figures import TAIL_REQUESTS, figures_of
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.origin import Fingerprint, Provenance
from bench.core.run.result import RunResult, environment
from bench.core.run.summary import RunSummary
from bench.core.run.validity import Validity
from bench.core.samples.metrics import metric
from bench.core.samples.sample import Outcome
from bench.core.values import stats
from bench.core.verdict.baseline import Baseline, BaselineRun, Level

MESSAGES, REQUESTS = 13, 52
_WITHIN_SD = 0.15  # of a request around its message's time, on the log scale
_TAIL_SHARE, _TAIL_FACTOR = 0.05, 3.0
_NEW_TAIL_FACTOR = 4.0  # of the requests that a version makes much slower
_MOOD_SD = 0.015  # of a run, invisible to the reference workload
_WORKLOAD_SD = 0.02  # of each measurement of the reference workload
_MOMENT_SHARE, _MOMENT_FACTOR = 0.1, 1.25
_BURST_SHARE, _BURST_FAILS, BLOCKS = 0.2, 0.5, 6
_CPU_GAP = 1.15  # of the slower processor, in a mix of two
# Tiers as shares of the response time. The gate judges them, the response time, the first token and success.
_TIERS = {"auth": 0.02, "backend": 0.05, "agent": 0.03, "prefill": 0.15, "decode": 0.70}
_FIRST_TOKEN_SHARE = 0.25
_WHEN = "2026-01-05T12:00:00Z"


class Follows(Enum):
    """How well a reference workload follows the machine."""

    WELL = "well"
    HALF = "half"
    NOT = "not"
    NONE = "no reference workload"


@dataclass(frozen=True)
class Machines:
    """The machines of a simulation.

    Attributes:
        sd: Spread between machines, on the log scale.
        drift: Slowdown factor of all new machines.
        mixed: Half of all machines have a slower processor.
        tails: Some requests take three times as long.
        bursts: In one run of five, half of the requests of one sixth fail.
        moments: One run of ten is slower, invisible to its reference workload.
        reference_workload: How well the reference workload follows the machine.
        requests: Number of requests per run.
    """

    sd: float
    drift: float = 1.0
    mixed: bool = False
    tails: bool = False
    bursts: bool = False
    moments: bool = False
    reference_workload: Follows = Follows.WELL
    requests: int = REQUESTS


@dataclass(frozen=True)
class Run:
    """A run: its summary for the gate, and its requests for the other rules."""

    summary: RunSummary
    reference_workload: ReferenceWorkload | None
    requests_ms: npt.NDArray[np.float64]


@dataclass
class World:
    """Generates runs.

    Args:
        machines: The machines of the simulation.
        seed: Seed of all random numbers.
    """

    machines: Machines
    seed: int
    _dice: np.random.Generator = field(init=False)
    _usual_ms: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self._dice = np.random.default_rng(self.seed)
        self._usual_ms = 600.0 * np.exp(self._dice.normal(0.0, 0.4, MESSAGES))

    def machine(self, *, new: bool) -> float:
        """Return the slowdown factor of the next machine."""
        factor = float(np.exp(self._dice.normal(0.0, self.machines.sd)))
        if self.machines.mixed and self._dice.random() < 0.5:  # noqa: PLR2004 - half of them
            factor *= _CPU_GAP
        return factor * self.machines.drift if new else factor

    def run(
        self, machine: float, change: float = 1.0, failed_ratio: float = 0.0, tail_ratio: float = 0.0
    ) -> Run:
        """Return a run of a version with this slowdown factor and share of much slower requests."""
        requests = self.machines.requests
        message = np.arange(requests) % MESSAGES
        noise = np.exp(self._dice.normal(0.0, _WITHIN_SD, requests) + self._dice.normal(0.0, _MOOD_SD))
        if self.machines.tails:
            noise[self._dice.random(requests) < _TAIL_SHARE] *= _TAIL_FACTOR
        if self.machines.moments and self._dice.random() < _MOMENT_SHARE:
            noise *= _MOMENT_FACTOR
        if tail_ratio:
            noise[self._dice.random(requests) < tail_ratio] *= _NEW_TAIL_FACTOR
        times_ms = self._usual_ms[message] * machine * change * noise
        shares = {"e2e_ms": 1.0, "ttft_ms": _FIRST_TOKEN_SHARE}
        shares |= {f"tier.{tier}_ms": share for tier, share in _TIERS.items()}
        metrics = {key: self._metric(key, share * times_ms, message) for key, share in shares.items()}
        failed = self._dice.random(requests) < failed_ratio
        block = np.arange(requests) * BLOCKS // requests
        if self.machines.bursts and self._dice.random() < _BURST_SHARE:
            failed |= (block == self._dice.integers(BLOCKS)) & (self._dice.random(requests) < _BURST_FAILS)
        return Run(_summary(metrics, failed, block), self._reference_workload(machine), times_ms)

    def _reference_workload(self, machine: float) -> ReferenceWorkload | None:
        """Return the reference workload's times before and after a run, each with an error."""
        follows, off = self.machines.reference_workload, self._dice.normal(0.0, _WORKLOAD_SD, 2)
        own = self._dice.normal(0.0, self.machines.sd)
        speed = {Follows.WELL: math.log(machine), Follows.HALF: math.log(machine) / 2, Follows.NOT: own}
        if follows is Follows.NONE:
            return None
        before_ms, after_ms = 10.0 * np.exp(speed[follows] + off)
        return ReferenceWorkload(before_ms={"work": float(before_ms)}, after_ms={"work": float(after_ms)})

    def _metric(
        self, key: str, times_ms: npt.NDArray[np.float64], message: npt.NDArray[np.int_]
    ) -> MetricSummary:
        start_ms = metric(key).smallest_change
        own = times_ms * np.exp(self._dice.normal(0.0, 0.05, len(times_ms)))
        # `stats.typical` of each message, vectorised.
        logs = np.bincount(message, np.log1p(own / start_ms), MESSAGES) / np.bincount(message, None, MESSAGES)
        figures = {f"m{n}": float(value) for n, value in enumerate(start_ms * np.expm1(logs))}
        return MetricSummary(
            count=len(own),
            mean=float(own.mean()),
            typical=stats.typical(list(figures.values()), start_ms),
            # It takes most of the time, and runs with fewer requests do not use it.
            p95=stats.quantile(own, 0.95) if len(own) >= TAIL_REQUESTS else None,
            figures=figures,
        )


def _summary(
    metrics: Mapping[str, MetricSummary], failed: npt.NDArray[np.bool_], block: npt.NDArray[np.int_]
) -> RunSummary:
    wrong, ok = int(failed.sum()), int((~failed).sum())
    return RunSummary(
        elapsed_s=30.0,
        requests=ok + wrong,
        requests_rps=ok / 30.0,
        outcomes={Outcome.OK: ok, Outcome.HTTP_ERROR: wrong} if wrong else {Outcome.OK: ok},
        failed_blocks=len(np.unique(block[failed])),
        metrics=dict(metrics),
        resources={},
        errors=(),
    )


_SCENARIO = Scenario.model_validate(
    {
        "name": "simulated",
        "purpose": "Random numbers.",
        "target": "none",
        "seed": 1,
        "prompts": "-",
        "phases": [{"executor": "cases"}],
    }
)
_FINGERPRINT = Fingerprint(
    stack="simulated",
    stack_digest="0",
    work_digest="0",
    system="none",
    cpu_model="none",
    cpu_count=2,
    simulated=False,
)


def as_result(run: Run, number: int) -> RunResult:
    """Return the run as a comparison needs it."""
    made = Provenance.model_validate(
        {
            "run_id": f"run-{number}",
            "started_at": _WHEN,
            "tool_version": "0",
            "python_version": "0",
            "commit": None,
            "dirty": None,
        }
    )
    return RunResult(
        scenario=_SCENARIO,
        provenance=made,
        fingerprint=_FINGERPRINT,
        summary=run.summary,
        thresholds=(),
        reference_workload=run.reference_workload,
        validity=Validity(valid=True),
    )


def as_baseline(runs: list[Run]) -> Baseline:
    """Return a baseline of these runs."""
    accepted = tuple(
        BaselineRun.model_validate(
            {
                "run_id": f"base-{number}",
                "started_at": _WHEN,
                "commit": None,
                "tool_version": "0",
                "accepted_at": _WHEN,
                "accepted_by": "nobody",
                "reason": "usual",
                "fingerprint": _FINGERPRINT,
                "ok": run.summary.outcomes[Outcome.OK],
                "failed": run.summary.outcomes.get(Outcome.HTTP_ERROR, 0),
                "failed_blocks": run.summary.failed_blocks,
                "figures": figures_of(run.summary),
                "reference_workload": run.reference_workload,
            }
        )
        for number, run in enumerate(runs)
    )
    level = Level(reason="usual", accepted_by="nobody", accepted_at=_WHEN, runs=accepted)
    return Baseline(
        scenario="simulated", stack="simulated", environment=environment(_FINGERPRINT), levels=(level,)
    )
