"""The rules of a declaration: which of its places apply to a document, by the document's values."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from bench.core.config.stream_rules import EVENT, Conditions, Mark, Marks, Place, StreamRule
from bench.core.config.target import Answer, JsonAnswer, SseAnswer
from bench.core.response.paths import Keys, walk
from bench.core.values.wording import listing

Applied = tuple[bool, ...]
"""Whether a document fulfils each of the conditions of a declaration."""
_Test = tuple[Keys, frozenset[tuple[bool, Any]]]
_CONTAINER = object()


class SelectedAnswer(NamedTuple):
    """A declaration without rules: the part that applies to some documents."""

    answer: Answer
    """The declaration; all places are paths."""
    ends: bool
    """Whether these documents end the answer by their values."""
    is_error: bool
    """Whether these documents are errors by their values."""


class Rules:
    """Finds the part of a declaration that applies to a document.

    Args:
        answer: The declaration.
    """

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._conditions: list[Conditions] = []
        for conditions in _list_conditions(answer):
            if conditions not in self._conditions:
                self._conditions.append(conditions)
        self._tests = [prepare_tests(conditions) for conditions in self._conditions]
        self._keys = [*dict.fromkeys(keys for tests in self._tests for keys, _ in tests)]
        self._checks = [
            [(self._keys.index(keys), allowed) for keys, allowed in tests] for tests in self._tests
        ]

    @property
    def are_empty(self) -> bool:
        """Whether the declaration has no rules."""
        return not self._conditions

    @property
    def fields(self) -> frozenset[str]:
        """Names of fields at the top of documents that conditions read."""
        return frozenset(keys[0] for keys in self._keys)

    @property
    def names(self) -> frozenset[str]:
        """Names of the fields whose values conditions compare."""
        return frozenset(keys[-1] for keys in self._keys)

    def apply(self, document: Any) -> Applied:
        """Return which conditions a document fulfils."""
        values = [_value_at(document, keys) for keys in self._keys]
        applied = []
        for checks in self._checks:
            is_met = True
            for index, allowed in checks:
                is_met = is_met and values[index] in allowed
            applied.append(is_met)
        return tuple(applied)

    def select(self, applied: Applied) -> SelectedAnswer:
        """Return the part of the declaration for documents that fulfil these conditions."""
        answer = self._answer
        fulfilled = [
            conditions for conditions, is_met in zip(self._conditions, applied, strict=True) if is_met
        ]
        done = () if isinstance(answer, JsonAnswer) else list_marks(answer.done)
        errors = list_marks(answer.error)
        return SelectedAnswer(
            _keep_paths(answer, fulfilled),
            ends=any(mark in fulfilled for mark in done),
            is_error=any(mark in fulfilled for mark in errors),
        )


def list_marks(marks: Any) -> tuple[Any, ...]:
    """Return the declared marks, of which there may be one, several or none."""
    if marks is None:
        return ()
    return marks if isinstance(marks, tuple) else (marks,)


def ignore_rules(answer: Answer) -> Answer:
    """Return a declaration that has the paths of all rules, as if each document fulfilled them."""
    return _keep_paths(answer, [*_list_conditions(answer)])


def prepare_tests(conditions: Conditions) -> list[_Test]:
    """Return the keys and the allowed values of conditions. JSON's `true` is no number, unlike Python's."""
    tests = []
    for path, values in conditions.items():
        allowed = values if isinstance(values, tuple) else (values,)
        tests.append((tuple(path.split(".")), frozenset(map(_distinguish, allowed))))
    return tests


def fulfils(document: Any, tests: Sequence[_Test]) -> bool:
    """Return whether a document has one of the allowed values at each place."""
    return all(_value_at(document, keys) in allowed for keys, allowed in tests)


def reads_event_names(answer: Answer) -> bool:
    """Return whether a condition applies to the names of server-sent events."""
    if not isinstance(answer, SseAnswer):
        return False
    marks = [mark for marks in answer.milestones.values() for mark in list_marks(marks)]
    of_milestones = [mark for mark in marks if isinstance(mark, dict)]
    return any(EVENT in conditions for conditions in [*_list_conditions(answer), *of_milestones])


def describe_place(place: Place) -> str:
    """Return a place in words: `obj.content`, with the conditions of a rule."""
    if isinstance(place, StreamRule):
        return f"`{place.path}` where {_describe_conditions(place.where)}"
    return f"`{place}`"


def describe_mark(mark: Mark) -> str:
    """Return a mark of a stream in words."""
    return f"value at `{mark}`" if isinstance(mark, str) else f"document with {_describe_conditions(mark)}"


def _describe_conditions(conditions: Conditions) -> str:
    texts = []
    for path, values in conditions.items():
        allowed = values if isinstance(values, tuple) else (values,)
        texts.append(f"`{path}` = {'|'.join(map(str, allowed))}")
    return listing(texts)


def _value_at(document: Any, keys: Keys) -> Any:
    """Return the value that conditions compare; none of them allows a list or an object."""
    value = document.get(keys[0]) if len(keys) == 1 and isinstance(document, dict) else walk(document, keys)
    return _CONTAINER if isinstance(value, dict | list) else (isinstance(value, bool), value)


def _distinguish(value: Any) -> tuple[bool, Any]:
    return isinstance(value, bool), value


def _list_conditions(answer: Answer) -> Iterator[Conditions]:
    """Yield the conditions of all places, without those of milestones."""
    places = [place for kind_places in answer.text_places.values() for place in kind_places]
    places += filter(None, (answer.finish_reason, answer.tokens, answer.reasoning_tokens))
    yield from (place.where for place in places if isinstance(place, StreamRule))
    for error in list_marks(answer.error):
        if not isinstance(error, str):
            yield error.where if isinstance(error, StreamRule) else error
    done: Marks | None = None if isinstance(answer, JsonAnswer) else answer.done
    yield from (mark for mark in list_marks(done) if isinstance(mark, dict))


def _keep_paths(answer: Answer, fulfilled: Sequence[Conditions]) -> Answer:
    """Return a declaration with the paths that need no condition or one of these."""

    def keep(places: Any) -> tuple[str, ...]:
        paths = []
        for place in list_marks(places):
            if isinstance(place, str):
                paths.append(place)
            elif isinstance(place, StreamRule) and place.where in fulfilled:
                paths.append(place.path)
        return tuple(paths)

    def keep_one(place: Place | None) -> str | None:
        return next(iter(keep(place)), None)

    texts = {kind: keep(places) for kind, places in answer.text_places.items()}
    changes: Mapping[str, Any] = {
        "text": {kind: paths for kind, paths in texts.items() if paths},
        "finish_reason": keep_one(answer.finish_reason),
        "tokens": keep_one(answer.tokens),
        "reasoning_tokens": keep_one(answer.reasoning_tokens),
        "error": keep(answer.error) or None,
    }
    if isinstance(answer, JsonAnswer):
        return answer.model_copy(update=changes)
    return answer.model_copy(update={**changes, "done": keep(answer.done) or None})
