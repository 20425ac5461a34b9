"""Find durations that a target claims and that cannot be true. They never affect a decision.

A target reports the times of its tiers itself, and some servers fill these fields with constants. The samples
file keeps each claim; metrics, thresholds and verdicts use only the durations that are believed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bench.core.config.target import Answer
from bench.core.samples.arrays import Floats, Mask
from bench.core.samples.samples import Samples
from bench.core.values import wording
from bench.core.values.units import ms

# The clocks of a server and of the load generator differ by this much, or by this share of the time.
CLOCK_MS = 1.0
CLOCK_RATIO = 0.01
# Fewer equal values can be chance.
FEWEST_EQUAL = 5
# Response times that differ by more than this share are different work.
SAME_WORK_RATIO = 0.2
# Steps of a clock in milliseconds, from coarse to fine. A time of few steps is equal in many answers.
_STEPS_MS = (1.0, 0.1, 0.01, 0.001)
FEWEST_STEPS = 20


@dataclass(frozen=True, slots=True)
class BelievedSamples:
    """The requests of a run without the durations that cannot be true."""

    samples: Samples
    """The requests."""
    warnings: tuple[str, ...]
    """One sentence per tier whose claims are not believed."""


def believe(samples: Samples, forms: Sequence[Answer]) -> BelievedSamples:
    """Remove the durations that cannot be true.

    Args:
        samples: Requests to one target.
        forms: The target's declarations of its answers.
    """
    if not len(samples):
        return BelievedSamples(samples, ())
    longest_ms = _longest_times(samples)
    is_intercepted = samples.column("intercepted") == 1
    model_tiers = _model_tiers(forms)
    disbelieved: dict[str, Mask] = {}
    warnings: list[str] = []
    for tier in samples.tiers:
        claims_ms = samples.tier_time(tier)
        doubts = {
            "is longer than the request took": claims_ms > longest_ms,
            "belongs to an answer that no model gave": is_intercepted
            & (claims_ms > 0)
            & (tier in model_tiers),
        }
        mask = np.any([*doubts.values()], axis=0)
        warning = _warn(tier, doubts, int((~np.isnan(claims_ms)).sum()))
        if _is_constant(claims_ms, samples):
            mask = np.ones(len(samples), dtype=bool)
            warning = _warn_constant(tier, claims_ms)
        if warning:
            disbelieved[tier] = mask
            warnings.append(warning)
    return BelievedSamples(samples.without_tier_times(disbelieved), tuple(warnings))


def _longest_times(samples: Samples) -> Floats:
    """Return the longest time that a tier can have spent on each request, in milliseconds."""
    finished_s = np.fmax(samples.column("finished_s"), samples.column("closed_s"))
    observed_ms = ms(finished_s - samples.column("sent_s"))
    return observed_ms + np.maximum(CLOCK_MS, CLOCK_RATIO * observed_ms)


def _model_tiers(forms: Sequence[Answer]) -> frozenset[str]:
    """Return the tiers whose times the answer's body reports: those of the model."""
    tiers: set[str] = set()
    for form in forms:
        if form.durations is not None:
            tiers |= {*form.durations.tiers, form.durations.rest}
    return frozenset(tiers)


def _is_constant(claims_ms: Floats, samples: Samples) -> bool:
    """Return whether a tier has the same time in all answers, although their work differs."""
    is_claim = ~np.isnan(claims_ms)
    values_ms = claims_ms[is_claim]
    if len(values_ms) < FEWEST_EQUAL or values_ms[0] <= 0 or np.any(values_ms != values_ms[0]):
        return False
    if _count_steps(float(values_ms[0])) < FEWEST_STEPS:
        return False
    took_ms = ms(samples.column("finished_s") - samples.column("sent_s"))[is_claim]
    has_messages = len(np.unique(samples.column("prompt")[is_claim])) > 1
    return has_messages or float(np.nanmax(took_ms)) > (1 + SAME_WORK_RATIO) * float(np.nanmin(took_ms))


def _count_steps(time_ms: float) -> int:
    """Return the number of steps in a time, of the coarsest clock that can have measured it."""
    for step_ms in _STEPS_MS[:-1]:
        steps = round(time_ms / step_ms)
        if abs(steps * step_ms - time_ms) < _STEPS_MS[-1] / 2:
            return steps
    return round(time_ms / _STEPS_MS[-1])


def _warn(tier: str, doubts: dict[str, Mask], answers: int) -> str:
    """Return the sentence about single claims of a tier; empty if all are believed."""
    reasons: list[str] = []
    for reason, mask in doubts.items():
        count = int(mask.sum())
        if count:
            reasons.append(f"{reason} in {count} of {wording.counted(answers, 'answer')}")
    return f"`{tier}` claims a time that {' and '.join(reasons)}: not believed" if reasons else ""


def _warn_constant(tier: str, claims_ms: Floats) -> str:
    values_ms = claims_ms[~np.isnan(claims_ms)]
    return f"`{tier}` claims {values_ms[0]:.7g} ms in all {len(values_ms)} answers: not believed"
