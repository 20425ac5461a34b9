"""Variables of one run in the fields of a file."""

from bench.core.config.early_variables import EarlyVariables
from bench.core.config.stack import Stack
from bench.core.config.target import Target


def test_a_chosen_variable_stays_a_text_where_only_texts_may_stand() -> None:
    """A variable of a process is a text, although its default looks like a number; a request has a number."""
    early = EarlyVariables({}, {"SLOTS": "3"})
    services = {"model": {"command": ["serve"], "environment": {"SLOTS": "${env.SLOTS:-1}"}}}
    stack = early.expand({"services": services}, [Stack])
    assert stack["services"]["model"]["environment"] == {"SLOTS": "3"}
    target = early.expand({"body": {"slots": "${env.SLOTS:-1}"}}, [Target])
    assert target["body"] == {"slots": 3}
