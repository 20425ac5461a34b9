"""Runs as they come from shared machines, made of random numbers: what is true of them is known."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from bench.core import stats
from bench.core.baseline import Baseline, BaselineRun
from bench.core.metrics import metric
from bench.core.result import Fingerprint, Provenance, RunResult, environment
from bench.core.sample import Outcome
from bench.core.scenario import Scenario
from bench.core.summary import MetricSummary, RunSummary
from bench.core.validity import Validity

MESSAGES, REQUESTS = 13, 52
_WITHIN_SD = 0.15  # of a request around its message's time, on the log scale
_TAIL_SHARE, _TAIL_FACTOR = 0.05, 3.0
_CPU_GAP = 1.15  # of the slower kind of processor, where kinds are mixed
# Tiers as shares of the response time; with response time, first token and success they make the gate.
_TIERS = {"auth": 0.02, "backend": 0.05, "agent": 0.03, "prefill": 0.15, "decode": 0.70}
_FIRST_TOKEN_SHARE = 0.25
_WHEN = "2026-01-05T12:00:00Z"


@dataclass(frozen=True)
class Machines:
    """Where runs are made.

    Attributes:
        sd: Between machines, on the log scale.
        drift: All new machines are slower by this factor than those of the baseline.
        mixed: Half of all machines are of a slower kind.
        tails: Some requests take three times as long.
    """

    sd: float
    drift: float = 1.0
    mixed: bool = False
    tails: bool = False


@dataclass(frozen=True)
class Run:
    """A run: what the gate sees of it, and its requests, which other rules look at."""

    summary: RunSummary
    requests_ms: npt.NDArray[np.float64]


@dataclass
class World:
    """Makes runs.

    Args:
        machines: Where.
        seed: Of everything that is random.
    """

    machines: Machines
    seed: int
    _dice: np.random.Generator = field(init=False)
    _usual_ms: npt.NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self._dice = np.random.default_rng(self.seed)
        self._usual_ms = 600.0 * np.exp(self._dice.normal(0.0, 0.4, MESSAGES))

    def machine(self, *, new: bool) -> float:
        """How slow the next machine is."""
        factor = float(np.exp(self._dice.normal(0.0, self.machines.sd)))
        if self.machines.mixed and self._dice.random() < 0.5:  # noqa: PLR2004 - half of them
            factor *= _CPU_GAP
        return factor * self.machines.drift if new else factor

    def run(self, machine: float, change: float = 1.0, failed_ratio: float = 0.0) -> Run:
        """A run on a machine, of a version that is slower by this factor."""
        message = np.arange(REQUESTS) % MESSAGES
        noise = np.exp(self._dice.normal(0.0, _WITHIN_SD, REQUESTS))
        if self.machines.tails:
            noise[self._dice.random(REQUESTS) < _TAIL_SHARE] *= _TAIL_FACTOR
        times_ms = self._usual_ms[message] * machine * change * noise
        shares = {"e2e_ms": 1.0, "ttft_ms": _FIRST_TOKEN_SHARE}
        shares |= {f"hop.{tier}_ms": share for tier, share in _TIERS.items()}
        metrics = {key: self._metric(key, share * times_ms, message) for key, share in shares.items()}
        failed = int(self._dice.binomial(REQUESTS, failed_ratio))
        return Run(_summary(metrics, REQUESTS - failed, failed), times_ms)

    def _metric(
        self, key: str, times_ms: npt.NDArray[np.float64], message: npt.NDArray[np.int_]
    ) -> MetricSummary:
        start_ms = metric(key).smallest_change
        own = times_ms * np.exp(self._dice.normal(0.0, 0.05, len(times_ms)))
        figures = {f"m{n}": stats.typical(own[message == n], start_ms) for n in range(MESSAGES)}
        return MetricSummary(
            count=len(own),
            mean=float(own.mean()),
            typical=stats.typical(list(figures.values()), start_ms),
            figures=figures,
        )


def _summary(metrics: Mapping[str, MetricSummary], ok: int, failed: int) -> RunSummary:
    return RunSummary(
        elapsed_s=30.0,
        requests=ok + failed,
        requests_rps=ok / 30.0,
        outcomes={Outcome.OK: ok, Outcome.HTTP_ERROR: failed} if failed else {Outcome.OK: ok},
        failed_blocks=min(6, failed),
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
        "workload": {"prompts": "-"},
        "stages": [{"kind": "cases"}],
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
    """The run as a comparison takes it."""
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
        validity=Validity(valid=True),
    )


def as_baseline(runs: list[Run]) -> Baseline:
    """Accepted runs."""
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
                "figures": {key: each.figures for key, each in run.summary.metrics.items()},
            }
        )
        for number, run in enumerate(runs)
    )
    return Baseline(
        scenario="simulated", stack="simulated", environment=environment(_FINGERPRINT), runs=accepted
    )
