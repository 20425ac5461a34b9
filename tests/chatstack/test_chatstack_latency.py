import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatstack.latency import Latency, prompt_tokens, tokenised
from chatstack.settings import Settings, SettingsError

PROMPTS = st.text(max_size=400)


@given(PROMPTS, st.integers(0, 10))
def test_same_prompt_same_answer(prompt: str, seed: int) -> None:
    """The answer is a function of the seed and the prompt alone, whatever the rates."""
    slow = Latency(seed=seed, slowdown=3, decode_tps=1, delay_s=1)
    assert Latency(seed=seed).answer(prompt, None) == slow.answer(prompt, None)


def test_another_seed_another_answer() -> None:
    """The seed changes the answers."""
    assert Latency(seed=1).answer("hello", None) != Latency(seed=2).answer("hello", None)


@given(PROMPTS)
def test_an_answer_has_24_to_64_tokens(prompt: str) -> None:
    """An answer without a limit has 24 to 64 tokens, all with text, and ends with a full stop."""
    tokens = Latency().answer(prompt, None)
    assert 24 <= len(tokens) <= 64
    assert all(tokens)
    assert tokens[-1] == "."


@given(PROMPTS, st.integers(1, 100))
def test_a_limit_cuts_the_answer(prompt: str, limit: int) -> None:
    """A limited answer is the start of the whole one and no longer than the limit."""
    whole = Latency().answer(prompt, None)
    assert Latency().answer(prompt, limit) == whole[:limit]


@given(st.integers(1, 100_000), st.integers(1, 64), st.floats(0.01, 100))
def test_slowdown_scales_all_times(tokens: int, running: int, slowdown: float) -> None:
    """A slowdown of x makes reading and writing x times as long."""
    usual, slowed = Latency(), Latency(slowdown=slowdown)
    assert slowed.prefill_s(tokens) == pytest.approx(slowdown * usual.prefill_s(tokens), rel=1e-12)
    assert slowed.token_s(running) == pytest.approx(slowdown * usual.token_s(running), rel=1e-12)


def test_the_rates_say_how_long_it_takes() -> None:
    """Reading takes tokens by prefill rate, and one token alone takes one by decode rate."""
    latency = Latency(prefill_tps=1000, decode_tps=50)
    assert latency.prefill_s(250) == 0.25
    assert latency.token_s(1) == 0.02


def test_a_delay_comes_before_the_first_token() -> None:
    """A delay is added once, to reading, and no slowdown scales it."""
    latency = Latency(prefill_tps=1000, decode_tps=50, delay_s=0.5, slowdown=2)
    assert latency.prefill_s(250) == 1.0
    assert latency.token_s(1) == 0.04


def test_contention_slows_each_running_request() -> None:
    """Each further running request adds its share to every token."""
    latency = Latency(decode_tps=100, contention=0.25)
    assert [latency.token_s(running) for running in (1, 2, 5)] == [0.01, 0.0125, 0.02]


def test_the_environment_sets_the_rates() -> None:
    """MODEL_* are the rates, with milliseconds made seconds, and without them the defaults hold."""
    environ = {
        "MODEL_PREFILL_TPS": "1000",
        "MODEL_DECODE_TPS": "50",
        "MODEL_CONTENTION": "0",
        "MODEL_SLOWDOWN": "1.3",
        "MODEL_DELAY_MS": "250",
        "MODEL_SEED": "7",
    }
    wanted = Latency(prefill_tps=1000, decode_tps=50, contention=0, slowdown=1.3, delay_s=0.25, seed=7)
    assert Latency.of(Settings(environ)) == wanted
    assert Latency.of(Settings({})) == Latency()


@pytest.mark.parametrize("name", ["MODEL_PREFILL_TPS", "MODEL_DECODE_TPS", "MODEL_SLOWDOWN"])
def test_a_rate_cannot_be_zero(name: str) -> None:
    """A rate that one divides by is above zero."""
    with pytest.raises(SettingsError, match=rf"^{name}=0: must be 0\.001 to inf$"):
        Latency.of(Settings({name: "0"}))


@given(PROMPTS)
def test_tokenised_loses_nothing(text: str) -> None:
    """The pieces of a text are the text, and are as many as its tokens (none has at least one)."""
    pieces = tokenised(text)
    assert "".join(pieces) == text
    assert prompt_tokens(text) == max(1, len(pieces))
