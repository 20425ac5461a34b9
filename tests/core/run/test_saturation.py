"""Whether other programs used the whole machine."""

import pytest

from bench.core.run.result import RunResult
from bench.core.run.saturation import explain_saturation
from bench.core.verdict.ab import compare_pairs
from bench.core.verdict.compare import Decision
from bench.core.watch.resources import ResourceSummary
from tests.factories import make_fingerprint, run_at


def use(**cpu_pct: float) -> dict[str, ResourceSummary]:
    """Processor time by source, in percent of one core; for the host, of all cores."""
    return {
        source: ResourceSummary(cpu_pct_mean=pct, cpu_pct_p95=pct, memory_bytes_max=None)
        for source, pct in cpu_pct.items()
    }


def test_other_programs_saturate_a_machine() -> None:
    """On two cores, a load of many programs leaves a few percent for the stack."""
    reason = explain_saturation(use(host=100.0, backend=4.0, generator=2.0), 2)
    assert reason == "the machine was saturated: other programs used 97 % of its processor time"


@pytest.mark.parametrize(
    "resources",
    [
        use(host=100.0, backend=150.0, generator=40.0),
        use(host=60.0, backend=4.0),
        use(host=100.0, generator=2.0),
        use(backend=4.0),
        {},
    ],
    ids=["the stack itself", "a core is idle", "the stack is unknown", "the machine is unknown", "nothing"],
)
def test_a_busy_stack_or_an_unknown_one_is_no_saturation(resources: dict[str, ResourceSummary]) -> None:
    """A target that uses all cores is what the run measures."""
    assert explain_saturation(resources, 2) is None


def saturated_run(*, simulated: bool) -> RunResult:
    """A run on a machine whose cores other programs use."""
    run = run_at(1.0, fingerprint=make_fingerprint(simulated=simulated, cpu_count=2))
    summary = run.summary.model_copy(update={"resources": use(host=100.0, backend=4.0)})
    return run.model_copy(update={"summary": summary})


def test_a_saturated_machine_makes_pairs_inconclusive() -> None:
    """No comparison on it can fail or pass, and the reason comes first."""
    runs = [saturated_run(simulated=False) for _ in range(4)]
    comparison = compare_pairs(runs, runs, runs[-1], "main")
    assert comparison.decision is Decision.INCONCLUSIVE
    assert comparison.reasons[0] == comparison.saturation
    assert "other programs used 98 %" in (comparison.saturation or "")


def test_a_simulated_stack_ignores_other_programs() -> None:
    """Its times come from a clock."""
    runs = [saturated_run(simulated=True) for _ in range(4)]
    assert compare_pairs(runs, runs, runs[-1], "main").decision is Decision.PASS
