"""The events that GitHub sends, by the examples of npm's `@octokit/webhooks-examples` (webhooks.json)."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.errors import BenchError
from bench.publish.command import command_of, read_comment
from bench.publish.context import explain_nothing, read_context
from bench.publish.trigger import read_trigger
from tests.publish.test_context import ENVIRON, ask_for

EVENTS = json.loads((Path(__file__).parent / "webhooks.json").read_text())["events"]
EXAMPLES = [(name, event) for name, events in EVENTS.items() for event in events]
NAMES = [name for name, _ in EXAMPLES]
Place = tuple[str | int, ...]


def publish(name: str, text: str) -> object:
    """Read an event as `bench ci publish` does."""
    context = read_context(ENVIRON, text, ask_for(event=name))
    return explain_nothing(context) or context.run_url


def command(name: str, text: str) -> object:
    """Read an event as `bench ci command` does."""
    return command_of(read_comment(text)) or name


def measure(name: str, text: str) -> object:
    """Read an event as `bench ci measure` does."""
    environ = ENVIRON | {"GITHUB_EVENT_NAME": name, "GITHUB_SHA": "b" * 40}
    return read_trigger(environ, text).explain_skip() or name


def mutations(value: Any) -> Iterator[Any]:
    """Yield copies of a value in which one part, at any depth, is null or absent."""
    for place in places(value, ()):
        for absent in (True, False):
            changed = copy.deepcopy(value)
            part = changed
            for key in place[:-1]:
                part = part[key]
            if absent:
                del part[place[-1]]
            else:
                part[place[-1]] = None
            yield changed


def places(value: Any, above: Place) -> Iterator[Place]:
    """Yield the place of each part of a value."""
    keys: list[str | int] = []
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    for key in keys:
        yield (*above, key)
        yield from places(value[key], (*above, key))


@pytest.mark.parametrize(("name", "event"), EXAMPLES, ids=NAMES)
def test_the_publisher_reads_every_event(name: str, event: dict[str, Any]) -> None:
    """Each has an outcome: an address to publish, or the reason why nothing is published."""
    assert publish(name, json.dumps(event))


@pytest.mark.parametrize(("name", "event"), EXAMPLES, ids=NAMES)
def test_each_command_reads_its_own_events(name: str, event: dict[str, Any]) -> None:
    """A comment is a command or none; all events but comments can start a measurement."""
    if name == "issue_comment":
        assert command(name, json.dumps(event))
    elif name != "workflow_run":
        assert measure(name, json.dumps(event))


@pytest.mark.parametrize("read", [publish, command, measure])
@pytest.mark.parametrize(("name", "event"), EXAMPLES, ids=NAMES)
def test_a_missing_field_is_an_outcome_or_one_sentence(name: str, event: dict[str, Any], read: Any) -> None:
    """No event leads to a traceback, whatever field GitHub leaves out or sends as null."""
    for changed in mutations(event):
        try:
            assert read(name, json.dumps(changed))
        except BenchError as error:
            refusal = error.message
            assert refusal
            assert "\n" not in refusal
