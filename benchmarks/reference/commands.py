"""The page of all commands and options, from the command line itself."""

import inspect
from collections.abc import Iterator, Sequence

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from bench.cli.commands import LazyCommand
from bench.cli.tree import Section

from .markdown import anchor, code, sentences, table

_INTRODUCTION = """\
# Command-line reference

Which commands and options does `bench` have?
You find them here in the order of your work; `bench COMMAND --help` prints the same facts.
To learn the commands, start with the [tutorial](../tutorial.md).
The [exit codes](exit-codes.md) are the same for all commands.
"""
Command = TyperCommand | TyperGroup
Found = tuple[str, Command, typer.Context]


def commands_page(app: typer.Typer, sections: Sequence[Section]) -> str:
    """Return the page of a command line, with a heading for each section."""
    root = _checked(typer.main.get_command(app))
    context = typer.Context(root, info_name="bench")
    parts = [_INTRODUCTION]
    bodies: list[str] = []
    for section in sections:
        commands = list(_commands_of(section, root, context))
        rows = [[_link(path), _summary(command)] for path, command, _ in commands]
        parts += [f"**{section.heading}**\n", table(["command", "purpose"], rows)]
        bodies.append(f"## {section.heading}\n")
        bodies += [_command(path, command, own) for path, command, own in commands]
    return "\n".join([*parts, *bodies])


def _commands_of(section: Section, root: Command, context: typer.Context) -> Iterator[Found]:
    """Yield every command of a section that does something, with its path."""
    if not isinstance(root, TyperGroup):
        raise TypeError("the command line has no commands")
    for entry in section.entries:
        command = _checked(root.get_command(context, entry.name))
        yield from _commands(command, typer.Context(command, info_name=entry.name, parent=context))


def _commands(command: Command, context: typer.Context) -> Iterator[Found]:
    if not isinstance(command, TyperGroup):
        yield context.command_path, command, context
        return
    for name in command.list_commands(context):
        child = _checked(command.get_command(context, name))
        yield from _commands(child, typer.Context(child, info_name=name, parent=context))


def _command(path: str, command: Command, context: typer.Context) -> str:
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"### {code(path)}\n", f"{sentences(_first(command))}\n", f"```text\n{usage}\n```\n"]
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
    says_repeatable = "repeatable" in (option.help or "")
    repeatable = " Repeatable." if option.multiple and not says_repeatable else ""
    return [shown, _default(option, context), f"{option.help or ''}{repeatable}"]


def _default(option: TyperOption, context: typer.Context) -> str:
    if option.required:
        return "required"
    default = option.get_default(context, call=False)
    if not default or callable(default):
        return ""
    if default is True:
        return code(option.opts[0])
    values = default if isinstance(default, list | tuple) else [default]
    return ", ".join(code(str(getattr(value, "value", value))) for value in values)


def _example(epilog: str) -> str:
    label, colon, example = epilog.partition(": ")
    return f"{label}: {code(example)}" if colon else epilog
