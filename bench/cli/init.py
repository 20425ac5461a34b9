"""`bench init`: write the files that measure the application in this folder, and run the first scenario."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from bench.cli.console import say
from bench.cli.live import listen
from bench.cli.outputs import layout_of_stdout
from bench.render.results import results_text
from bench.usecases.find_interface import Application, Asker, Defaults
from bench.usecases.init import Initialised
from bench.usecases.init import init as initialise


class Person:
    """Asks the person at the terminal."""

    def choose(self, question: str, answers: Sequence[str]) -> int:
        """See `Asker.choose`."""
        say(question)
        for number, answer in enumerate(answers, 1):
            say(f"  {number}. {answer}")
        number = 0
        while not 1 <= number <= len(answers):
            number = int(typer.prompt(f"Number (1 to {len(answers)})", default=1, type=int, err=True))
        return number - 1

    def ask(self, question: str, default: str, option: str) -> str:
        """See `Asker.ask`."""
        del option
        return str(typer.prompt(question, default=default or None, err=True))


Url = Annotated[
    str | None, typer.Option("--url", metavar="URL", help="Measure the application that runs here.")
]
CommandLine = Annotated[
    str | None, typer.Option("--command", metavar="COMMAND", help="Start the application by this command.")
]
ComposeFile = Annotated[
    str | None, typer.Option("--compose", metavar="FILE", help="Start the application by this compose file.")
]
OnlyPort = Annotated[
    int | None,
    typer.Option("--port", metavar="N", min=1, max=65535, help="Name the only port that it can listen on."),
]
MessagePath = Annotated[
    str | None,
    typer.Option("--path", metavar="PATH", help="Send messages to this path (default: look for it)."),
]
Body = Annotated[
    str | None, typer.Option("--body", metavar="JSON", help="Send this body, with ${message} in it.")
]
TextPath = Annotated[
    str | None, typer.Option("--text", metavar="PATH", help="Find the answer's text here, like data.message.")
]
Headers = Annotated[
    list[str] | None, typer.Option("--header", metavar="NAME:VALUE", help="Send this header; repeatable.")
]
Mock = Annotated[
    list[str] | None,
    typer.Option("--mock", metavar="VARIABLE", help="Set it to a simulated model's address; repeatable."),
]
ActionRef = Annotated[
    str | None,
    typer.Option(
        "--action",
        metavar="OWNER/NAME@REF",
        help="Call this version in the workflow (default: the installed one).",
    ),
]
Vus = Annotated[int, typer.Option("--vus", metavar="N", min=1, help="Use this number of VUs.")]
Run = Annotated[bool, typer.Option("--run/--no-run", help="Run the scenario `quick` once.")]
Force = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


def init(
    *,
    url: Url = None,
    command: CommandLine = None,
    compose: ComposeFile = None,
    port: OnlyPort = None,
    path: MessagePath = None,
    body: Body = None,
    text: TextPath = None,
    header: Headers = None,
    mock: Mock = None,
    vus: Vus = 5,
    action: ActionRef = None,
    run: Run = True,
    force: Force = False,
) -> None:
    """Write the files that measure this folder's application.

    Looks for a Procfile, package.json, Python and Go programs, a compose file, and running services. Asks at
    most four questions, and none if an option answers it or if stdin is not a terminal.
    """
    application = Application(
        url=url,
        command=command,
        compose=compose,
        port=port,
        path=path,
        body=body,
        text=text,
        headers=header or (),
        model_variables=mock or (),
        vus=vus,
    )
    asker: Asker = Person() if sys.stdin.isatty() else Defaults()
    with listen("quick", live=False) as listener:
        initialised = initialise(
            application, asker=asker, action=action, force=force, is_run=run, listener=listener
        )
    _print(initialised)


def _print(initialised: Initialised) -> None:
    if initialised.run is not None:
        print(results_text(initialised.run.result, layout_of_stdout()))
    print(f"Interface: {initialised.interface}")
    print("\nWritten:")
    for path in initialised.written:
        print(f"  {path}")
    for note in initialised.notes:
        print(f"\nNote: {note}")
    print("\nNext:")
    for step in initialised.next_steps:
        print(f"  {step}")
