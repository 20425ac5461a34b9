"""Checks of a journey that need several files: its steps, its target and its messages."""

from collections.abc import Iterable, Sequence

from bench.core.config.journey import Step, uses_message
from bench.core.config.prompts import Prompt
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target
from bench.core.config.template import find_placeholders, find_unsaved
from bench.core.samples.coverage import Coverage
from bench.core.samples.metrics import split_tags
from bench.core.values.nearest import suggest
from bench.core.values.record import FieldError


def check_requests(scenario: Scenario, target: Target, prompts: Sequence[Prompt]) -> None:
    """Check that steps and messages have different names, and that the values of the target are saved before.

    Raises:
        FieldError: Something is wrong; it names the field of the scenario.
    """
    _require_distinct_labels(scenario.steps, prompts)
    _require_messages(scenario.steps, prompts)
    if scenario.has_messages:
        _require_saved(scenario, target)
        _require_rows(scenario, target)


def _require_distinct_labels(steps: Sequence[Step], prompts: Sequence[Prompt]) -> None:
    ids = {prompt.id for prompt in prompts}
    for index, step in enumerate(steps):
        if step.request is not None and step.name in ids:
            raise FieldError(
                ("steps", index, "name"), f"'{step.name}' is the id of a message; rename the step"
            )


def _require_messages(steps: Sequence[Step], prompts: Sequence[Prompt]) -> None:
    for index, step in enumerate(steps):
        if uses_message(step) and not prompts:
            raise FieldError(("steps", index, "request"), "${message} needs prompts, the file of messages")


def _require_saved(scenario: Scenario, target: Target) -> None:
    """Check that earlier steps save the values that the target's requests contain."""
    saved = set(scenario.login.saved_names) if scenario.login is not None else set()
    for index, step in enumerate(scenario.journey_steps):
        if step.messages is not None:
            for message in find_unsaved(target.content, saved):
                place = ("steps", index) if scenario.steps else ("target",)
                raise FieldError(place, f"target '{target.name}': {message}")
        saved |= set(step.save)


def _require_rows(scenario: Scenario, target: Target) -> None:
    if scenario.data is not None:
        return
    for placeholder in find_placeholders(target.content):
        if placeholder.kind == "row":
            raise FieldError(
                ("target",),
                f"target '{target.name}' uses ${{{placeholder.source}}}; write data: {{rows: FILE}}",
            )


def check_tags(thresholds: Iterable[str], coverage: Coverage) -> None:
    """Check that some step has the tags of each threshold, such as `e2e_ms{step:upload}`.

    Raises:
        FieldError: No step has them.
    """
    possible = [f"{{step:{step}}}" for step in coverage.tags]
    for tags in coverage.tags.values():
        possible += [f"{{{name}:{value}}}" for name, value in tags.items()]
    for key in thresholds:
        _, wanted = split_tags(key)
        if wanted and not coverage.has_tags(wanted):
            written = key[key.index("{") :]
            message = f"no step has the tags {written}; {suggest(written, dict.fromkeys(possible))}"
            raise FieldError(("thresholds", key), message)
