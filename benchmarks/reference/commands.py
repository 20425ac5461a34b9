"""The page of all commands and options, from the command line itself."""

import inspect
from collections.abc import Iterator

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from bench.cli.commands import LazyCommand

from .markdown import anchor, code, sentences, table

_INTRODUCTION = """\
# Command-line reference

Which commands and options does `bench` have?
Each command also prints its own help: `bench COMMAND --help`.
To learn the commands in a useful order, start with the [tutorial](../tutorial.md).
"""


Command = TyperCommand | TyperGroup


def commands_page(app: typer.Typer) -> str:
    """Return the page of a command line."""
    root = _checked(typer.main.get_command(app))
    context = typer.Context(root, info_name="bench")
    parts = [_INTRODUCTION, f"{sentences(_first(root))}\n"]
    commands = list(_commands(root, context))
    rows = [[_link(path), _summary(command)] for path, command, _ in commands]
    parts.append(table(["command", "purpose"], rows))
    parts += [_command(path, command, own) for path, command, own in commands]
    return "\n".join(parts)


def _commands(group: Command, context: typer.Context) -> Iterator[tuple[str, Command, typer.Context]]:
    """Yield every command that does something, with its path."""
    if not isinstance(group, TyperGroup):
        yield context.command_path, group, context
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            child = _checked(command)
            yield from _commands(child, typer.Context(child, info_name=name, parent=context))


def _command(path: str, command: Command, context: typer.Context) -> str:
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"## {code(path)}\n", f"{sentences(_first(command))}\n", f"```text\n{usage}\n```\n"]
    arguments = [part for part in command.params if isinstance(part, TyperArgument)]
    options = [part for part in command.params if isinstance(part, TyperOption) and not part.hidden]
    if arguments:
        parts.append(table(["argument", "description"], map(_argument, arguments)))
    if options:
        rows = [_option(option, context) for option in options]
        parts.append(table(["option", "default", "description"], rows))
    if command.epilog:
        parts.append(f"{_example(command.epilog)}\n")
    return "\n".join(parts)


def _checked(command: object) -> Command:
    if isinstance(command, LazyCommand):
        command = command.load()
    if not isinstance(command, TyperCommand | TyperGroup):
        raise TypeError(f"{command} is not one of Typer's commands")
    return command


def _first(command: Command) -> str:
    return inspect.cleandoc(command.help or "").split("\f")[0]


def _link(path: str) -> str:
    return f"[{code(path)}](#{anchor(path)})"


def _summary(command: Command) -> str:
    return _first(command).split("\n\n")[0]


def _argument(argument: TyperArgument) -> list[str]:
    name = argument.metavar or argument.name.upper()
    return [code(name), argument.help or ""]


def _option(option: TyperOption, context: typer.Context) -> list[str]:
    names = [*option.opts, *option.secondary_opts]
    value = "" if option.is_flag or option.count else f" {option.metavar or option.display_type(context)}"
    shown = ", ".join(code(f"{name}{value}") for name in names)
    return [shown, _default(option, context), option.help or ""]


def _default(option: TyperOption, context: typer.Context) -> str:
    if option.required:
        return "required"
    default = option.get_default(context, call=False)
    if not default or callable(default):
        return ""
    values = default if isinstance(default, list | tuple) else [default]
    return ", ".join(code(str(getattr(value, "value", value))) for value in values)


def _example(epilog: str) -> str:
    label, colon, example = epilog.partition(": ")
    return f"{label}: {code(example)}" if colon else epilog
