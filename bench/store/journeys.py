"""The files that a journey names: its rows of data, the files that it uploads, and the scenarios of a mix."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from bench.core.config.inherited_variables import is_inherited_by_load
from bench.core.config.journey import Data
from bench.core.config.scenario import Scenario
from bench.core.config.target import Target
from bench.core.config.template import Placeholder, find_placeholders
from bench.core.config.turn import TurnFile, check_reads, check_turn
from bench.core.values.nearest import suggest
from bench.errors import ConfigError
from bench.store.folders import SCENARIOS, find, list_names
from bench.store.rows import Row, read_rows
from bench.store.yaml_file import YamlFile


def load_rows(file: YamlFile[Scenario], scenario: Scenario, target: Target) -> tuple[Row, ...]:
    """Return the rows of a scenario's data; empty if it declares none.

    Raises:
        ConfigError: The file of rows is missing or wrong, or a request uses a column that it does not have.
    """
    contents = [step.request.content for step in scenario.requests if step.request is not None]
    if scenario.has_messages:
        contents.append(target.content)
    if scenario.login is not None:
        contents.append({"token": scenario.login.token})
    used = {mark.name: mark for mark in find_placeholders(contents) if mark.kind == "row"}
    if scenario.data is None:
        for name in used:
            raise file.error(
                ("name",), f"${{row.{name}}} needs rows of data", "write data: {rows: users.csv}"
            )
        return ()
    path = find(SCENARIOS, scenario.data.rows, near=file.path.parent)
    if path is None:
        raise file.error(("data", "rows"), f"there is no file {scenario.data.rows}")
    rows = read_rows(path)
    _check_columns(file, scenario.data, rows, used.values())
    return rows


def _check_columns(
    file: YamlFile[Scenario], data: Data, rows: Sequence[Row], used: Iterable[Placeholder]
) -> None:
    """Check that every row has the columns that requests use without a default.

    Raises:
        ConfigError: A column is missing.
    """
    columns = set[str]().union(*rows)
    for name in (mark.name for mark in used if mark.default is None):
        if name not in columns:
            message = f"{data.rows} has no column '{name}'"
            raise file.error(("data", "rows"), message, suggest(name, columns))
        missing = next((number for number, row in enumerate(rows, 1) if row.get(name) is None), None)
        if missing is not None:
            message = f"row {missing} of {data.rows} has no '{name}'"
            raise file.error(("data", "rows"), message, f"add it, or write a default: ${{row.{name}:-…}}")


def load_files(file: YamlFile[Scenario], scenario: Scenario) -> dict[str, bytes]:
    """Return the content of each file that a scenario uploads, by its path in the scenario.

    Raises:
        ConfigError: A file does not exist or cannot be read.
    """
    contents: dict[str, bytes] = {}
    for index, step in enumerate(scenario.steps):
        for relative in step.request.files if step.request is not None else ():
            path = find(SCENARIOS, relative, near=file.path.parent)
            if path is None:
                place = ("steps", index, "request", "multipart")
                raise file.error(place, f"there is no file {relative}", "put it next to the scenario")
            try:
                contents[relative] = path.read_bytes()
            except OSError as error:
                raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    return contents


def load_turn(file: YamlFile[Scenario], scenario: Scenario) -> TurnFile | None:
    """Return the Python file of a scenario's turn, which is not run; None if the scenario names none.

    Raises:
        ConfigError: The file does not exist, is not Python, has no turn, or reads an environment variable
            that the scenario does not declare; the message has the line.
    """
    if scenario.turn is None:
        return None
    path = find(SCENARIOS, scenario.turn, near=file.path.parent)
    if path is None:
        raise file.error(("turn",), f"there is no file {scenario.turn}", "put it next to the scenario")
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    problem = check_turn(source)
    if problem is None:
        problem = check_reads(source, lambda name: name in scenario.variables or is_inherited_by_load(name))
    if problem is not None:
        raise ConfigError(f"{path}:{problem.line}: {problem.message}")
    return TurnFile(path=str(path.resolve()), source=source)


def find_scenario(file: YamlFile[Scenario], name: str, index: int) -> Path:
    """Return the file of a mix's scenario: next to the file, in `./scenarios`, or shipped.

    Raises:
        ConfigError: There is no such scenario.
    """
    folder = file.path.parent
    path = find(SCENARIOS, f"{name}.yaml", near=folder)
    if path is None:
        names = list_names(SCENARIOS, "*.yaml", near=folder)
        raise file.error(
            ("mix", index, "scenario"), f"scenario '{name}' does not exist", suggest(name, names)
        )
    return path
