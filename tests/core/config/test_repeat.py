"""Repeated messages: the different messages of a load."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bench.core.config.prompts import LONG_MESSAGE, Prompt
from bench.core.config.repeat import Repeat, spread_messages
from bench.core.config.run_spec import RunSpec
from bench.core.config.scenario import Scenario
from tests.factories import make_scenario, make_spec, make_target

LENGTHS = st.integers(1, 60) | st.integers(LONG_MESSAGE - 8, LONG_MESSAGE + 8)
# Few letters, so that some messages are equal, and some are variants of others.
TEXTS = st.one_of(LENGTHS.map(lambda length: "x" * length), st.sampled_from(["x (2)", "x (3)", "y"]))
PROMPTS = st.lists(st.tuples(TEXTS, st.integers(1, 3)), min_size=1, max_size=6).map(
    lambda items: tuple(
        Prompt(id=f"m-{number}", text=text, weight=weight) for number, (text, weight) in enumerate(items, 1)
    )
)
REPEAT: dict[str, Any] = {"zipf": 1.0, "distinct": 20}


@given(PROMPTS, st.integers(1, 80))
def test_a_load_has_the_declared_number_of_different_messages(
    prompts: tuple[Prompt, ...], distinct: int
) -> None:
    """No two have the same id or text, and the order of the file repeats, with each weight."""
    spread = spread_messages(prompts, Repeat(zipf=1.0, distinct=distinct))
    assert len({prompt.id for prompt in spread}) == len({prompt.text for prompt in spread}) == distinct
    assert spread[0].text == prompts[0].text
    deck = [prompt.id for prompt in prompts for _ in range(prompt.weight)]
    bases = [min((base.id for base in prompts if _is_variant(base, prompt)), key=len) for prompt in spread]
    assert bases == [deck[rank % len(deck)] for rank in range(distinct)]
    assert all(prompt.weight == 1 for prompt in spread)


def _is_variant(base: Prompt, prompt: Prompt) -> bool:
    return prompt.id == base.id or prompt.id.startswith(f"{base.id}-")


@given(PROMPTS, st.integers(1, 80))
def test_a_number_hardly_changes_a_message(prompts: tuple[Prompt, ...], distinct: int) -> None:
    """A long message keeps its length, and every message keeps its class."""
    by_id = {prompt.id: prompt for prompt in prompts}
    for variant in spread_messages(prompts, Repeat(zipf=1.0, distinct=distinct)):
        base = by_id.get(variant.id) or by_id[variant.id.rpartition("-")[0]]
        assert len(base.text) <= len(variant.text) <= len(base.text) + len(" (1000)")
        assert list(variant.classes.values()) == list(base.classes.values())
        if len(base.text) >= LONG_MESSAGE:
            assert len(variant.text) == len(base.text)


def test_without_repeat_the_messages_stay_as_they_are() -> None:
    """Weights and texts are those of the file."""
    prompts = (Prompt(id="a", text="A", weight=3),)
    assert spread_messages(prompts, None) == prompts


def test_long_ids_stay_valid() -> None:
    """An id with a number fits the length of a name."""
    prompts = (Prompt(id="a" * 64, text="A"), Prompt(id="b" * 64, text="B"))
    spread = spread_messages(prompts, Repeat(zipf=1.0, distinct=5000))
    assert max(len(prompt.id) for prompt in spread) <= 64
    assert Counter(prompt.id[0] for prompt in spread) == {"a": 2500, "b": 2500}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"unique_prompts": True}, "unique_prompts"),
        ({"phases": [{"executor": "cases"}]}, "sends each message once"),
        ({"prompts": None, "target": None, "service": "backend", "turn": "turn.py"}, "turn"),
        ({"repeat": {"zipf": -1, "distinct": 20}}, "zipf"),
        ({"repeat": {"zipf": 1, "distinct": 0}}, "distinct"),
        ({"repeat": {"zipf": 1}}, "distinct"),
    ],
)
def test_a_scenario_that_cannot_repeat_messages_is_refused(changes: dict[str, Any], words: str) -> None:
    """The error names the field."""
    with pytest.raises(ValidationError, match=words):
        make_scenario(**{"repeat": REPEAT, **changes})


def test_repeats_belong_to_the_scenarios_of_a_mix() -> None:
    """Each scenario of a mix has messages of its own."""
    content = make_scenario().model_dump(mode="json", exclude={"prompts", "target"})
    mix = [{"scenario": "quick"}, {"scenario": "medium"}]
    with pytest.raises(ValidationError, match="belongs to the scenarios of the mix"):
        Scenario.model_validate(content | {"mix": mix, "repeat": REPEAT})


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        (Prompt(id="talk", text="Hello", then=("And?",)), "'talk' is a conversation"),
        (
            Prompt.model_validate({"id": "empty", "text": "", "expect": {"status": 400}}),
            "'empty' must be refused",
        ),
    ],
)
def test_only_single_messages_with_an_answer_repeat(prompt: Prompt, words: str) -> None:
    """A cache stores no refusal, and a conversation has several messages."""
    with pytest.raises(ValidationError, match=words):
        RunSpec(scenario=make_scenario(repeat=REPEAT), target=make_target(), prompts=(prompt,))
    assert make_spec(make_scenario(repeat=REPEAT)).scenario.zipf == 1.0
