"""Requests of journeys are rendered with the values of a user."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.config.template import find_wrong, is_dynamic
from bench.core.load.rendering import MissingValueError, UserValues, prepare, prepare_path, prepare_text


def make_values(**saved: Any) -> UserValues:
    """Return the values of user 3 in iteration 5."""
    values = UserValues(3, lambda: "a-uuid", message="Hello")
    values.begin(5, "seed", {"email": "ann@example.com", "age": 41}, saved)
    return values


@pytest.mark.parametrize(
    ("template", "rendered"),
    [
        ("plain", "plain"),
        ("", ""),
        ("${saved.id}", 7),
        ("n${saved.id}", "n7"),
        ("${saved.tags}", ["a"]),
        ("tags: ${saved.tags}", 'tags: ["a"]'),
        ("${saved.missing:-1}", 1),
        ("${saved.missing:-0.5}", 0.5),
        ("${saved.missing:-true}", True),
        ("x${saved.missing:-}", "x"),
        ("${row.email}", "ann@example.com"),
        ("${row.age}", 41),
        ("${user.number}", 3),
        ("load ${user.number}.${user.iteration}", "load 3.5"),
        ("${uuid}", "a-uuid"),
        ("${message}!", "Hello!"),
        ("is ${saved.done}", "is true"),
        ({"a": ["${saved.id}", 1, None]}, {"a": [7, 1, None]}),
    ],
)
def test_a_placeholder_alone_keeps_its_type(template: Any, rendered: Any) -> None:
    """Within a longer text, a value is written as JSON writes it."""
    assert prepare(template)(make_values(id=7, tags=["a"], done=True)) == rendered


def test_values_in_a_path_stay_one_segment() -> None:
    """A slash or a blank of a value does not change the route."""
    assert prepare_path("/sessions/${saved.id}?x=1")(make_values(id="a/b c?")) == "/sessions/a%2Fb%20c%3F?x=1"


def test_a_missing_value_is_named() -> None:
    """It has no answer that could provide it."""
    with pytest.raises(MissingValueError, match=r"\$\{saved.id\} has no value"):
        prepare_text("a ${saved.id}")(make_values())


@given(st.text(alphabet="abc", min_size=1), st.integers(0, 100))
def test_random_values_depend_on_the_seed_only(seed: str, iteration: int) -> None:
    """The same iteration of the same user sends the same values in every run."""
    template = ["${random.int(1,1000000)}", "${random.choice(a,b,c,d)}", "${random.int(-5,5)}"]
    rendered = []
    for _ in range(2):
        values = make_values()
        values.begin(iteration, seed, {}, {})
        rendered.append(prepare(template)(values))
    assert rendered[0] == rendered[1]
    number, letter, small = rendered[0]
    assert 1 <= number <= 1_000_000
    assert letter in "abcd"
    assert -5 <= small <= 5


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${saved.id}", None),
        ("${saved.other}", "no earlier step saves 'other'; saved: id"),
        ("${saved.ids}", "did you mean ${saved.id}?"),
        ("${saved.other:-1}", None),
        ("${env.KEY}", None),
        ("${usr.number}", "did you mean ${user.number}?"),
        ("${random.int(9,1)}", "write the smallest and the largest number"),
        ("${random.choice()}", "write the texts to choose from"),
        ("${nonsense}", "is not a placeholder; choices: ${saved.NAME}"),
    ],
)
def test_a_wrong_placeholder_is_found_before_the_run(text: str, words: str | None) -> None:
    """The error names the nearest one, or all."""
    problems = [problem.message for problem in find_wrong({"a": [text]}, ["id"])]
    assert len(problems) == (words is not None)
    assert all(words is not None and words in problem for problem in problems)


def test_only_values_of_a_user_make_a_text_dynamic() -> None:
    """The environment and the message are known to every scenario."""
    assert not is_dynamic({"a": "${env.KEY} ${message}"})
    assert is_dynamic({"a": ["${saved.id}"]})
