"""The kinds of files that people write, and the recognition of a file of another kind."""

from pydantic import BaseModel

from bench.core.config.prompts import Prompts
from bench.core.config.scenario import Scenario
from bench.core.config.stack import Stack
from bench.core.config.target import Target
from bench.core.experiment.experiment import Experiment
from bench.store.fields import list_fields

_KINDS: dict[type[BaseModel], str] = {
    Scenario: "a scenario",
    Target: "a target, the interface that requests go to",
    Prompts: "a file of messages",
    Stack: "a stack",
    Experiment: "an experiment",
}
# Fields that several kinds have.
_COMMON = {"name", "purpose", "thresholds"}


def find_other_kind(names: set[str], model: type[BaseModel]) -> str | None:
    """Return the kind of a file whose top-level names fit another kind only; None if they fit the model's.

    Args:
        names: The names at the top of the file.
        model: The expected content.
    """
    if model not in _KINDS:
        return None
    matches = {kind: len(names & (_fields(kind) - _COMMON)) for kind in _KINDS}
    own = matches.pop(model)
    best = max(matches, key=matches.__getitem__)
    # A scenario may contain messages, too; a file of nothing else is of the kind with fewer fields.
    is_narrower = names - {"name"} <= _fields(best) and len(_fields(best)) < len(_fields(model))
    is_other = matches[best] > own or (is_narrower and matches[best] == own > 0)
    return _KINDS[best] if is_other else None


def _fields(model: type[BaseModel]) -> set[str]:
    return set(list_fields(model, ()))
