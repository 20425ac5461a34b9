"""The Typer application: a command's module is imported when the command is called or prints its help."""

from collections.abc import Sequence
from importlib import import_module, metadata
from typing import Annotated, Any, assert_never

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from bench.cli.groups import Command, Group
from bench.cli.overview import overview
from bench.cli.tree import SECTIONS, SUMMARY, Entry
from bench.errors import MeasurementError

_SETTINGS = {"help_option_names": ["-h", "--help"]}


class LazyCommand(TyperCommand):
    """A command that imports its module when it is called or prints its help."""

    def __init__(self, entry: Command) -> None:
        super().__init__(name=entry.name, help=entry.summary, rich_markup_mode=None)
        self._entry = entry

    def load(self) -> TyperCommand:
        """Import the module of the command and return the command with its options."""
        module, _, function = self._entry.function.partition(":")
        single = typer.Typer(
            add_completion=False,
            rich_markup_mode=None,
            pretty_exceptions_enable=False,
            context_settings=_SETTINGS,
        )
        declare = single.command(self._entry.name, epilog=f"Example: {self._entry.example}")
        declare(getattr(import_module(f"bench.cli.{module}"), function))
        command = get_command(single)
        if not isinstance(command, TyperCommand):
            raise TypeError(f"{self._entry.function} is not a command")
        return command

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """Parse the arguments of the loaded command."""
        return self.load().make_context(*args, **kwargs)


class Root(TyperGroup):
    """The `bench` command."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        entries = [entry for section in SECTIONS for entry in section.entries]
        self.commands = _by_name(entries)

    def invoke(self, ctx: Any) -> Any:
        """Run a command. After these errors Typer would exit with 1, the code of a regression."""
        try:
            return super().invoke(ctx)
        except (EOFError, BrokenPipeError) as error:
            raise MeasurementError(f"a file or a connection ended early: {error}") from error

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - Typer's signature
        """Write the commands under their headings."""
        formatter.write(overview())


def _by_name(entries: Sequence[Entry]) -> dict[str, Any]:
    commands: dict[str, Any] = {}
    for entry in entries:
        match entry:
            case Command():
                commands[entry.name] = LazyCommand(entry)
            case Group():
                commands[entry.name] = TyperGroup(
                    name=entry.name,
                    help=entry.summary,
                    commands=_by_name(entry.entries),
                    no_args_is_help=True,
                    rich_markup_mode=None,
                    context_settings=_SETTINGS,
                )
            case _:
                assert_never(entry)
    return commands


app = typer.Typer(
    cls=Root,
    name="bench",
    help=SUMMARY,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_SETTINGS,
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        print(f"bench {metadata.version('chatbench')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Accept the options of `bench` itself."""
