import re
from pathlib import Path

import pytest

from bench.cli import mock
from bench.errors import ConfigError
from bench.mock.behaviour import PARTS, MockBehaviour, behaviour_of
from bench.mock.faults import MockFault, fault_of

DEFAULTS = MockBehaviour()


def test_a_name_states_times_and_lengths() -> None:
    """Each part of the name sets one value; the other values are the defaults."""
    behaviour = behaviour_of("mock-ttft20-gap5-n31-reason10-tools2-write4", DEFAULTS)
    assert behaviour == MockBehaviour(
        ttft_s=0.02, gap_s=0.005, tokens=31, reasoning_tokens=10, tool_calls=2, tokens_per_write=4
    )


def test_a_name_states_faults() -> None:
    """Shares are percent; their status and the queue are counts."""
    behaviour = behaviour_of(
        "mock-err5-status503-streamerr2.5-cut1-hang10-parallel4-queue0-seed9-vary", DEFAULTS
    )
    assert behaviour.error_ratio == pytest.approx(0.05)
    assert behaviour.error_status == 503
    assert behaviour.stream_error_ratio == pytest.approx(0.025)
    assert (behaviour.cut_ratio, behaviour.hang_ratio) == pytest.approx((0.01, 0.1))
    assert (behaviour.parallel, behaviour.max_queue, behaviour.seed, behaviour.vary) == (4, 0, 9, True)


@pytest.mark.parametrize(
    ("part", "seconds"),
    [
        ("ttft20", 0.02),
        ("ttft0.5", 0.0005),
        ("ttft250us", 0.00025),
        ("ttft20ms", 0.02),
        ("ttft2s", 2),
        ("ttft1m", 60),
    ],
)
def test_a_time_is_milliseconds_or_has_a_unit(part: str, seconds: float) -> None:
    """A number alone is milliseconds."""
    assert behaviour_of(f"mock-{part}", DEFAULTS).ttft_s == pytest.approx(seconds)


@pytest.mark.parametrize(
    "name", ["gpt-4o", "qwen2.5:0.5b", "mockingbird-7b", "claude-n5", "mock", "mock:latest"]
)
def test_any_other_name_has_the_defaults(name: str) -> None:
    """An application with a fixed model name can use the mock model too."""
    defaults = MockBehaviour(tokens=7)
    assert behaviour_of(name, defaults) == defaults


@pytest.mark.parametrize("name", ["openai/mock-n5", "mock-n5:latest", "MOCK-N5", "a/b/mock-n5:0.5b"])
def test_folder_tag_and_case_have_no_meaning(name: str) -> None:
    """Gateways add a provider, and Ollama's clients add a tag."""
    assert behaviour_of(name, DEFAULTS).tokens == 5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mock-foo3", "unknown part 'foo3'; the parts are ttft20 gap5 n31"),
        ("mock-", "unknown part ''"),
        ("mock-n-5", "the part 'n' needs a number, like n31"),
        ("mock-n1.5", "the part 'n1.5' needs a whole number, like n31"),
        ("mock-n5ms", "the part 'n5ms' is not a time, write it like n31"),
        ("mock-n5-n6", "the part 'n6' sets tokens a second time"),
        ("mock-n0", "tokens is 0: it must be 1 to 1e+06"),
        ("mock-err101", "error_ratio is 1.01: it must be 0 to 1"),
        ("mock-status200", "error_status is 200: it must be 400 to 599"),
        ("mock-err60-cut60", "the shares of the faults must not add up to more than 100 %"),
    ],
)
def test_a_wrong_part_is_named(name: str, message: str) -> None:
    """The error names the part, and how to write it."""
    with pytest.raises(ConfigError) as error:
        behaviour_of(name, DEFAULTS)
    assert message in error.value.message


@pytest.mark.parametrize("part", PARTS)
def test_the_example_of_each_part_is_right(part: str) -> None:
    """The example of each part sets its field."""
    behaviour = behaviour_of(f"mock-{PARTS[part].example}", DEFAULTS)
    changed = getattr(behaviour, PARTS[part].field)
    assert changed != getattr(DEFAULTS, PARTS[part].field)


def test_the_page_about_the_mock_model_has_every_part() -> None:
    """The table has each part and no other, with an option that exists."""
    page = Path(__file__).parents[2] / "docs" / "how-to" / "mock-a-model.md"
    rows = re.findall(r"^\| `([a-z]+)\d*`.* \| `(--[a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert [part for part, _ in rows] == [*PARTS]
    options = Path(mock.__file__ or "").read_text(encoding="utf-8")
    assert all(f'"{option}"' in options for _, option in rows)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5])
@pytest.mark.parametrize("seed", [1, 2, 12345])
def test_a_share_of_the_requests_fails(share: float, seed: int) -> None:
    """A short run has the share too: 200 requests differ by at most two failures."""
    behaviour = MockBehaviour(error_ratio=share, seed=seed)
    faults = [fault_of(behaviour, number) for number in range(200)]
    assert abs(faults.count(MockFault.STATUS) - 200 * share) <= 2
    assert set(faults) <= {MockFault.STATUS, None}


def test_kinds_of_faults_exclude_each_other() -> None:
    """Each kind has its own share, and a seed chooses the requests."""
    behaviour = MockBehaviour(error_ratio=0.1, stream_error_ratio=0.2, cut_ratio=0.3, hang_ratio=0.4)
    faults = [fault_of(behaviour, number) for number in range(1000)]
    shares = [faults.count(fault) / 1000 for fault in MockFault]
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.003)
    assert [fault_of(behaviour, number) for number in range(1000)] == faults
    other = MockBehaviour(error_ratio=0.1, stream_error_ratio=0.2, cut_ratio=0.3, hang_ratio=0.4, seed=2)
    assert [fault_of(other, number) for number in range(1000)] != faults
