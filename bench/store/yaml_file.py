"""Read the YAML files that people write. Every error names the file, the line and the field."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from bench.core.config.early_variables import EarlyVariables
from bench.core.config.inheritance import Inheriting, MergedContent, as_text
from bench.core.config.setting import Setting
from bench.errors import ConfigError
from bench.store.problems import Location, format_location, list_problems
from bench.store.yaml_document import YamlDocument, read_documents

Model = TypeVar("Model", bound=BaseModel)
# Files with a JSON Schema, by the class of their content: `bench schema NAME`.
_SCHEMAS = {
    "Scenario": "scenario",
    "Target": "target",
    "Prompts": "prompts",
    "Stack": "stack",
    "Experiment": "experiment",
}
_NAME = "name"


class _Mistake(NamedTuple):
    """An error of a file. Mistakes are sorted by file and line."""

    file: int
    """Number of the file: 0 for the file itself, 1 for the one that it extends."""
    line: int
    """Line, from 1."""
    message: str
    """Place and error in words."""


class YamlFile(Generic[Model]):
    """A YAML file whose content is a mapping, with the values of the files that it extends.

    Args:
        path: The file.
        model: The expected content.
        settings: Values that replace those of the file.
        variables: Variables of this run that replace those of the environment.

    Raises:
        ConfigError: A file is not readable, or is not such a file; the message names the line.
    """

    def __init__(
        self,
        path: Path,
        model: type[Model],
        settings: Sequence[Setting] = (),
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.path = path
        self._model = model
        self._documents = read_documents(path, model)
        self._merged = _merge(self._documents, model)
        for setting in settings:
            self._merged.change(setting, setting)
        self._variables = EarlyVariables(os.environ, variables or {})
        self.content: dict[str, Any] = self._variables.expand(self._merged.content, [model])
        """The values, with variables expanded in the fields that are read at once."""

    @property
    def extended(self) -> tuple[Path, ...]:
        """The files that this one extends, the next one first."""
        return tuple(document.path for document in self._documents[1:])

    def parse(self) -> Model:
        """Return the content as a value.

        Raises:
            ConfigError: The content is wrong; the message has one line per error.
        """
        schema = _SCHEMAS.get(self._model.__name__)
        hint = f"all fields: bench schema {schema}" if schema else None
        try:
            value = self._model.model_validate(self.content, by_alias=True, by_name=False)
        except ValidationError as error:
            # Only an error needs the kinds, whose imports would delay every load.
            from bench.store.kinds import find_other_kind  # noqa: PLC0415 - see above

            other = find_other_kind({str(name) for name in self.content}, self._model)
            if other is not None:
                raise ConfigError(f"{self.path}:1: this file is {other}", hint) from error
            raise self.invalid(error, self._model, hint) from error
        unclear = [mistake for _, mistake in self._list_unclear()]
        if unclear:
            raise _join(unclear, hint)
        return value

    def require_variables(self) -> None:
        """Check that the variables of requests, which are expanded only when they are sent, have values.

        Raises:
            ConfigError: A variable has no value; the message has one line per error.
        """
        mistakes = [mistake for _, mistake in self._list_wrong(self._variables.late_errors)]
        if mistakes:
            raise _join(mistakes, None)

    def has(self, field: str) -> bool:
        """Return whether the file has a field at its top."""
        return field in self.content

    def text_at(self, field: str) -> str | None:
        """Return the text at the top of the file that a field has; None if it has none."""
        value = self.content.get(field)
        return value if isinstance(value, str) else None

    def invalid(self, error: ValidationError, model: type[BaseModel], hint: str | None = None) -> ConfigError:
        """Return the error for a wrong content: one line per problem, in the order of the file.

        The values that YAML itself gives no single meaning, and variables without a value, join the problems.
        """
        mistakes: list[_Mistake] = []
        unclear: set[tuple[str, ...]] = set()
        for location, mistake in self._list_unclear():
            mistakes.append(mistake)
            unclear.add(location)
        for problem in list_problems(error, self.content, model):
            if as_text(problem.location) not in unclear:
                text = self._variables.texts.get(problem.location)
                source = f", from {text}" if text else ""
                mistakes.append(self._mistake(problem.location, f"{problem.sentence}{source}"))
        if any(mistake.file for mistake in mistakes):
            cure = f"{self.path} inherits it; another value there replaces it, and null removes it"
            hint = f"{hint}; {cure}" if hint else cure
        return _join(mistakes, hint)

    def error(self, location: Location, message: str, hint: str | None = None) -> ConfigError:
        """Return an error in the value at a location."""
        sentence = f"{format_location(location)}: {message}"
        return ConfigError(self._mistake(location, sentence).message, hint)

    def _list_unclear(self) -> Iterator[tuple[tuple[str, ...], _Mistake]]:
        """Yield the values without a single meaning and the variables without a value, by their locations."""
        for number, document in enumerate(self._documents):
            for problem in document.problems:
                message = f"{document.path}:{problem.line}: {problem.sentence}"
                yield as_text(problem.location), _Mistake(number, problem.line, message)
        yield from self._list_wrong(self._variables.errors)

    def _list_wrong(
        self, errors: Mapping[Location, ConfigError]
    ) -> Iterator[tuple[tuple[str, ...], _Mistake]]:
        """Yield the errors of variables by their locations."""
        for location, error in errors.items():
            cure = f"; {error.hint}" if error.hint else ""
            sentence = f"{format_location(location)}{error.message}{cure}"
            yield as_text(location), self._mistake(location, sentence)

    def _mistake(self, location: Location, sentence: str) -> _Mistake:
        """Return an error in the value at a location, with the place where the value stands."""
        origin = self._merged.origin(location)
        if isinstance(origin, Setting):
            return _Mistake(0, 0, f"{origin.text}: {sentence}")
        document = origin or self._documents[0]
        line = document.find_line(location)
        message = f"{document.path}:{line}: {sentence}"
        return _Mistake(self._documents.index(document), line, message)


def _merge(
    documents: Sequence[YamlDocument], model: type[BaseModel]
) -> MergedContent[YamlDocument | Setting]:
    """Return the content of a file with the values of the files that it extends, which follow it."""
    if not issubclass(model, Inheriting):
        merged = MergedContent[YamlDocument | Setting](None)
        merged.add(documents[0].content, documents[0])
        return merged
    merged = MergedContent[YamlDocument | Setting](model)
    for document in reversed(documents):
        # A file has its own name, by default that of the file.
        own = {_NAME: document.path.stem, **document.own_content}
        if document is not documents[0]:
            del own[_NAME]
        merged.add(own, document)
    return merged


def _join(mistakes: Sequence[_Mistake], hint: str | None) -> ConfigError:
    return ConfigError("\n".join(mistake.message for mistake in sorted(mistakes)), hint)
