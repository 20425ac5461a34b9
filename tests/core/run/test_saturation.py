"""Whether other programs used the whole machine."""

import pytest

from bench.core.run.saturation import explain_saturation
from bench.core.watch.resources import ResourceSummary


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
