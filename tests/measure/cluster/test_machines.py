"""One load from two machines, which are network namespaces with their own clock and network."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from bench.core.config.choices import Choices
from bench.core.load.plan import plan
from bench.store import results, scenarios
from benchmarks.scale.namespaces import find_obstacle
from benchmarks.scale.stand import CLOCK_S, WORKERS, Stand, open_stand

OBSTACLE = find_obstacle()
pytestmark = pytest.mark.skipif(OBSTACLE is not None, reason=OBSTACLE or "")
VUS = 6
ITERATIONS = 5
SCENARIO = f"""\
name: shares
purpose: The same requests from any number of machines.
target: openai-chat
seed: 1
prompts: prompts.yaml
executor: per-vu-iterations
vus: {VUS}
iterations: {ITERATIONS}
think_time: 0s
"""
PROMPTS = "messages:\n" + "".join(f"  - {{id: m{number}, text: Message {number}}}\n" for number in range(9))
MODEL = "mock-ttft30-gap2-n5"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Provide a cluster of two machines."""
    folder = tmp_path_factory.mktemp("machines")
    (folder / "shares.yaml").write_text(SCENARIO)
    (folder / "prompts.yaml").write_text(PROMPTS)
    with open_stand(folder) as opened:
        yield opened


def _planned(folder: Path) -> Counter[tuple[int, str]]:
    """Return the VU and the message of each request that one machine sends."""
    load = plan(scenarios.load(str(folder / "shares.yaml"), Choices()))
    planned = Counter[tuple[int, str]]()
    for vu in range(VUS):
        for arrival in islice(load.requests(0, vu), ITERATIONS):
            planned[vu, arrival.prompt] += 1
    return planned


def test_two_machines_send_the_requests_of_one(stand: Stand) -> None:
    """Each sends half, each VU has the same messages, and each clock is off by less than its stated error."""
    before = [stand.spaces.received_bytes(name) for name in WORKERS]
    result = stand.run(2, "shares.yaml", "--model", MODEL)
    after = [stand.spaces.received_bytes(name) for name in WORKERS]
    sent = Counter[tuple[int, str]]()
    for samples in results.requests(stand.newest_run()):
        sent.update((sample.vu, sample.prompt) for sample in samples)
    assert sent == _planned(stand.spaces.folder)
    assert result.summary.outcomes == {"ok": VUS * ITERATIONS}
    assert [report.requests for report in result.generators] == [VUS * ITERATIONS // 2] * 2
    assert all(later > earlier for earlier, later in zip(before, after, strict=True))
    for report, clock_s in zip(result.generators, (CLOCK_S, 0.0), strict=True):
        assert abs(report.clock.offset_s - clock_s) * 1000 <= report.clock.error_ms
    # No answer is faster than the model, which a wrong clock would show.
    assert (result.summary.metrics["e2e_ms"].p50 or 0) >= 30 + 4 * 2
