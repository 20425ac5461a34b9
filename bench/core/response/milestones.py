"""Finds the milestones of a stream: the first documents that a target declares by their values."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from bench.core.config.stream_rules import Marks
from bench.core.config.target import Answer, JsonAnswer
from bench.core.response.paths import walk
from bench.core.response.rules import fulfils, list_marks, prepare_tests


class Milestone(NamedTuple):
    """A moment within a stream."""

    paths: list[tuple[str, ...]]
    """Keys of values; the first document that has one of them reaches the milestone."""
    tests: list[list[Any]]
    """Conditions; the first document that fulfils one of them reaches the milestone."""

    def is_reached_by(self, document: Any) -> bool:
        """Return whether a document has the value or the values."""
        if any(_is_present(walk(document, keys)) for keys in self.paths):
            return True
        return any(fulfils(document, tests) for tests in self.tests)


def prepare_milestones(answer: Answer) -> Mapping[str, Milestone]:
    """Return the milestones that a declaration has, by name."""
    if isinstance(answer, JsonAnswer):
        return {}
    return {name: _prepare(marks) for name, marks in answer.milestones.items()}


def find_reached(pending: Mapping[str, Milestone], document: Any) -> Iterator[str]:
    """Yield the names of the pending milestones that a document reaches."""
    for name, milestone in pending.items():
        if milestone.is_reached_by(document):
            yield name


def _prepare(marks: Marks) -> Milestone:
    paths = [tuple(mark.split(".")) for mark in list_marks(marks) if isinstance(mark, str)]
    tests = [prepare_tests(mark) for mark in list_marks(marks) if not isinstance(mark, str)]
    return Milestone(paths, tests)


def _is_present(value: Any) -> bool:
    """Return whether there is a value: 0 is one; null, false, and an empty text, list or map are none."""
    return value is not None and value is not False and value not in ("", [], {})
