from bench.store import scenarios
from bench.usecases.init import _changes, _target_content


def test_another_form_of_answer_is_written_completely() -> None:
    """Merged with the forms of a shipped target, another form would read neither."""
    shipped = scenarios.load_target("ollama-chat")
    plain = scenarios.load_target("chat").answer
    content = _target_content(shipped.model_copy(update={"answer": plain}))
    assert "extends" not in content
    assert content["answer"]["kind"] == "json"


def test_a_small_change_extends_the_shipped_target() -> None:
    """Only the difference is written: changed values, and null for those that are gone."""
    shipped = scenarios.load_target("openai-chat")
    body = {**shipped.body, "model": "mine"}
    body.pop("stream_options", None)
    content = _target_content(shipped.model_copy(update={"body": body}))
    assert content["extends"] == "openai-chat"
    assert content["body"]["model"] == "mine"
    assert "answer" not in content
    assert _changes({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 1}, "e": 4}) == {
        "a": {"c": None},
        "d": None,
        "e": 4,
    }
