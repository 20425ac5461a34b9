import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.mock.texts import count_tokens
from chatstack.engines.latency import Latency, tokenised
from chatstack.settings import Settings, SettingsError

PROMPTS = st.text(max_size=400)


@given(PROMPTS, st.integers(0, 10))
def test_the_same_prompt_gets_the_same_answer(prompt: str, seed: int) -> None:
    """The answer depends on the seed and the prompt only, not on the rates."""
    slow = Latency(seed=seed, slowdown=3, decode_tps=1, delay_s=1)
    assert Latency(seed=seed).answer(prompt, None) == slow.answer(prompt, None)


def test_another_seed_gives_another_answer() -> None:
    """The seed changes the answers."""
    assert Latency(seed=1).answer("hello", None) != Latency(seed=2).answer("hello", None)


@given(PROMPTS)
def test_an_answer_has_24_to_64_tokens(prompt: str) -> None:
    """An answer without a limit has 24 to 64 tokens with text, and ends with a full stop."""
    tokens = Latency().answer(prompt, None)
    assert 24 <= len(tokens) <= 64
    assert all(tokens)
    assert tokens[-1] == "."


@given(PROMPTS, st.integers(1, 100))
def test_a_limit_cuts_the_answer(prompt: str, limit: int) -> None:
    """A limited answer is the start of the complete answer."""
    complete = Latency().answer(prompt, None)
    assert Latency().answer(prompt, limit) == complete[:limit]


@given(st.integers(1, 100_000), st.integers(1, 64), st.floats(0.01, 100))
def test_slowdown_scales_all_times(tokens: int, running: int, slowdown: float) -> None:
    """A slowdown of x multiplies the times of prefill and decode by x."""
    normal, slowed = Latency(), Latency(slowdown=slowdown)
    assert slowed.prefill_s(tokens) == pytest.approx(slowdown * normal.prefill_s(tokens), rel=1e-12)
    assert slowed.token_s(running) == pytest.approx(slowdown * normal.token_s(running), rel=1e-12)


def test_the_rates_set_the_durations() -> None:
    """Prefill takes the tokens divided by its rate, and so does decode."""
    latency = Latency(prefill_tps=1000, decode_tps=50)
    assert latency.prefill_s(250) == 0.25
    assert latency.token_s(1) == 0.02


def test_a_delay_comes_before_the_first_token() -> None:
    """The delay is added once, to the prefill, and is not scaled by the slowdown."""
    latency = Latency(prefill_tps=1000, decode_tps=50, delay_s=0.5, slowdown=2)
    assert latency.prefill_s(250) == 1.0
    assert latency.token_s(1) == 0.04


def test_contention_slows_each_running_request() -> None:
    """Each additional running request adds its share to the time of every token."""
    latency = Latency(decode_tps=100, contention=0.25)
    assert [latency.token_s(running) for running in (1, 2, 5)] == [0.01, 0.0125, 0.02]


def test_the_environment_sets_the_rates() -> None:
    """The MODEL_* variables set the rates, and missing variables keep the defaults."""
    environ = {
        "MODEL_PREFILL_TPS": "1000",
        "MODEL_DECODE_TPS": "50",
        "MODEL_CONTENTION": "0",
        "MODEL_SLOWDOWN": "1.3",
        "MODEL_SLOWDOWN_RATIO": "0.1",
        "MODEL_SLOWDOWN_FROM_TOKENS": "10",
        "MODEL_SLOWDOWN_TO_TOKENS": "20",
        "MODEL_DELAY_MS": "250",
        "MODEL_SEED": "7",
    }
    expected = Latency(
        prefill_tps=1000,
        decode_tps=50,
        contention=0,
        slowdown=1.3,
        slowdown_ratio=0.1,
        slowdown_from=10,
        slowdown_to=20,
        delay_s=0.25,
        seed=7,
    )
    assert Latency.of(Settings(environ)) == expected
    assert Latency.of(Settings({})) == Latency()


@pytest.mark.parametrize("name", ["MODEL_PREFILL_TPS", "MODEL_DECODE_TPS", "MODEL_SLOWDOWN"])
def test_a_rate_cannot_be_zero(name: str) -> None:
    """A rate is a divisor, so it must be above zero."""
    with pytest.raises(SettingsError, match=rf"^{name}=0: must be at least 0\.001$"):
        Latency.of(Settings({name: "0"}))


@given(PROMPTS)
def test_tokenised_keeps_the_complete_text(text: str) -> None:
    """The pieces joined are the text, and their number is the number of tokens (at least one)."""
    pieces = tokenised(text)
    assert "".join(pieces) == text
    assert count_tokens(text) == max(1, len(pieces))
