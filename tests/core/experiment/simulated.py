"""Simulated runs and experiments with known effects."""

import math
import random
from typing import Any

import numpy as np

from bench.core.experiment.experiment import BASE, Experiment
from bench.core.experiment.judgement import CellRuns, ExperimentJudge
from bench.core.run.metric_summary import MetricSummary
from bench.core.run.summary import RunSummary
from bench.core.samples.sample import Outcome
from bench.core.values.histogram import Histogram
from tests.factories import PROMPTS, make_scenario

RUN_SD = 0.04
"""Standard deviation between runs, on the logarithmic scale."""


def make_run(
    dice: random.Random, latency_ms: float = 500.0, rps: float = 10.0, success: float = 1.0
) -> RunSummary:
    """A run of forty requests."""
    run_factor = math.exp(dice.gauss(0.0, RUN_SD))
    figures = {prompt: latency_ms * run_factor * math.exp(dice.gauss(0.0, 0.03)) for prompt in PROMPTS}
    times_ms = [figures[PROMPTS[index % len(PROMPTS)]] * (0.8 + index / 100) for index in range(40)]
    failed = sum(dice.random() > success for _ in range(40))
    response_time = MetricSummary(
        count=40,
        mean=sum(times_ms) / 40,
        typical=math.exp(sum(map(math.log, figures.values())) / len(figures)),
        p50=sorted(times_ms)[20],
        figures=figures,
        histogram=Histogram.of_ascending(np.sort(times_ms)).written(),
    )
    succeeded = MetricSummary(count=40, mean=(40 - failed) / 40)
    outcomes = {Outcome.OK: 40 - failed, Outcome.HTTP_ERROR: failed}
    return RunSummary(
        elapsed_s=4.0,
        requests=40,
        requests_rps=rps * math.exp(dice.gauss(0.0, RUN_SD)),
        outcomes={outcome: count for outcome, count in outcomes.items() if count},
        failed_blocks=0,
        metrics={"e2e_ms": response_time, "success_ratio": succeeded},
        resources={},
        errors=(),
    )


def make_experiment(**changes: Any) -> Experiment:
    """An experiment with one variant at one load; fields by name."""
    content: dict[str, Any] = {
        "name": "example",
        "hypothesis": "The variant is faster.",
        "base": "embedded",
        "variants": {"variant": "embedded+OPTION=1"},
        "scenarios": ["quick"],
        "claims": [{"metric": "e2e_ms", "effect": "-40%..-60%"}],
    }
    return Experiment.model_validate(content | changes)


def measure_cell(experiment: Experiment, seed: int, **variant: float) -> CellRuns:
    """Blocks of a simulated base and a variant, until the experiment ends them."""
    dice = random.Random(seed)
    judge = ExperimentJudge(experiment, 1)
    cell = CellRuns(make_scenario(), experiment.load_labels[0])
    while judge.find_end(cell) is None:
        cell.blocks.append({BASE: make_run(dice), "variant": make_run(dice, **variant)})
    return cell
