"""Write the files that measure an application, and run the first scenario."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.core.config.quick_load import GivenHeaders, parse_headers
from bench.core.config.target import Target
from bench.core.response.interfaces import describe_interface
from bench.core.setup import drafts, workflow
from bench.core.setup.drafts import Setup
from bench.core.setup.model_variables import find_model_variables
from bench.core.setup.starts import AppFiles, AppStart, find_starts, list_ports, parse_start
from bench.core.setup.workflow import Action
from bench.errors import BenchError, ConfigError, TargetError
from bench.measure.run.conditions import Listener
from bench.store import repository as files
from bench.store import scenarios
from bench.usecases.find_interface import (
    Application,
    Asker,
    Defaults,
    find_interface,
    find_ready,
    find_running,
)
from bench.usecases.options import QUIET
from bench.usecases.run import StoredRun, run
from bench.usecases.schema import schema
from bench.usecases.stack import stack_down, stack_logs, stack_up

STACK = "app"
"""Name of the stack that is written."""

_LOG_LINES = 8
_PACKAGE = "chatbench"
_SCHEMAS = ("scenario", "target", "prompts", "stack")
_IGNORED = ("results/", ".bench/")


@dataclass(frozen=True, slots=True)
class Initialised:
    """The result of `init`."""

    written: tuple[str, ...]
    """Paths of the files that were written, relative to the repository."""
    interface: str
    """The interface in words."""
    run: StoredRun | None
    """The first run; None if it was not wanted."""
    next_steps: tuple[str, ...]
    """Commands to try next."""
    notes: tuple[str, ...] = ()
    """Sentences about what is left to do."""


def init(
    application: Application,
    *,
    asker: Asker = Defaults(),
    action: str | None = None,
    force: bool = False,
    is_run: bool = True,
    listener: Listener = QUIET,
) -> Initialised:
    """Write the files that measure the application in the current folder, and run the scenario `quick` once.

    Args:
        application: The facts that are known; the others are looked for.
        asker: Answers questions.
        action: `OWNER/NAME@REF` of this project, which the workflow calls; default: the installed version.
        force: Replace files that exist.
        is_run: Run the scenario.
        listener: Receives progress, notes and warnings.

    Raises:
        ConfigError: A file exists already, or an answer is missing or wrong.
        TargetError: The application does not start, or no request gets an answer that can be read.
    """
    folder = Path()
    headers = _parse_headers(application.headers)
    called = _find_action(action)
    repository = files.read_repository(folder)
    setup, url = _choose_start(application, repository, asker)
    _refuse_existing(folder, setup, force=force)
    with _running(setup, url, listener) as addresses:
        listener.note(f"looking for a chat at {', '.join(addresses.values())}")
        try:
            service, recognised = find_interface(application, addresses, headers, asker)
        except TargetError as error:
            raise _explain(error, setup, repository) from error
        setup = replace(setup, service=service, target=_target_content(recognised.target))
        setup = replace(setup, ready=find_ready(addresses[service]))
        written = _write(folder, setup, called)
        urls = {service: addresses[service]} if setup.start is None else {}
        stored = _run_once(urls, listener) if is_run else None
    return Initialised(
        written=written,
        interface=describe_interface(recognised.target),
        run=stored,
        next_steps=_next_steps(setup, addresses[service], stored),
        notes=tuple(_notes(setup, repository, called)),
    )


def _parse_headers(texts: Sequence[str]) -> GivenHeaders:
    headers = parse_headers(texts)
    if headers.variables:
        name = next(name for name, value in headers.templates.items() if value[6:-1] in headers.variables)
        hint = f"export the value, and write --header '{name}: ${{env.NAME}}'"
        raise ConfigError(f"--header {name}: its value would be written to a file", hint)
    return headers


def _choose_start(application: Application, repository: AppFiles, asker: Asker) -> tuple[Setup, str | None]:
    """Return how the application starts, or where it runs: as the options tell, or as the user chooses."""
    url = application.url
    start = _given_start(application, repository)
    if start is None and url is None:
        start, url = _ask_start(application, repository, asker)
    if start is None:
        return Setup(STACK, "app", {}, vus=application.vus), url
    if application.port is not None:
        start = _with_port(start, application.port)
    service = start.processes[0].name if start.processes else start.published[0].name
    variables = _choose_model(application, start, repository, asker)
    setup = Setup(STACK, service, {}, start, model_variables=variables, vus=application.vus)
    return setup, None


def _ask_start(
    application: Application, repository: AppFiles, asker: Asker
) -> tuple[AppStart | None, str | None]:
    """Return the start that the user chooses, or the address of a running application."""
    starts = find_starts(repository)
    running = () if starts else find_running(list_ports(repository))
    answers = [f"{start.words}  ({start.origin})" for start in starts]
    answers += [f"it runs already at {url}" for url in running]
    if not answers:
        command = asker.ask("The command that starts the application", "", "--command or --url")
        return _parse_command(command, application.port), None
    chosen = asker.choose("How does the application start?", answers)
    return (starts[chosen], None) if chosen < len(starts) else (None, running[chosen - len(starts)])


def _choose_model(
    application: Application, start: AppStart, repository: AppFiles, asker: Asker
) -> tuple[str, ...]:
    """Return the variables that get the address of a simulated model; none to use the real model."""
    given = tuple(application.model_variables)
    variables = find_model_variables(repository.texts.values())
    if given or not variables or not start.processes:
        return given
    question = f"Which model does the application use in the measurement? It reads {variables[0]}."
    is_simulated = asker.choose(question, ("its own", "a simulated one, which is fast and exact"))
    return variables[:1] if is_simulated else ()


def _given_start(application: Application, repository: AppFiles) -> AppStart | None:
    if application.command is not None:
        return _parse_command(application.command, application.port)
    if application.compose is not None:
        for start in find_starts(repository):
            if start.compose_file == application.compose:
                return start
        raise ConfigError(
            f"--compose {application.compose}: is no compose file with published ports in this folder",
            "publish the port of the service that gets the messages",
        )
    return None


def _parse_command(command: str, port: int | None) -> AppStart:
    try:
        return parse_start(command, port)
    except ValueError as error:
        raise ConfigError(f"--command: {error}", "write for example --command 'npm start'") from error


def _with_port(start: AppStart, port: int) -> AppStart:
    if not start.processes:
        return start
    first, *others = start.processes
    return replace(start, processes=(replace(first, port=port), *others))


def _refuse_existing(folder: Path, setup: Setup, *, force: bool) -> None:
    paths = [draft.path for draft in drafts.draft_files(setup)]
    root, inner = _locate(folder)
    existing = files.find_existing(folder, paths)
    if setup.start is not None:
        existing = (*existing, *files.find_existing(root, [workflow.workflow_path(inner)]))
    if existing and not force:
        raise ConfigError(f"{existing[0]} exists already", "add --force to replace it")


@contextmanager
def _running(setup: Setup, url: str | None, listener: Listener) -> Iterator[Mapping[str, str]]:
    """Provide the addresses of the application; start it if it does not run already."""
    if setup.start is None:
        assert url is not None  # noqa: S101 - it is one of the two
        yield {setup.service: url.rstrip("/")}
        return
    draft = drafts.draft_files(setup)[0]
    is_new = not files.find_existing(Path(), [draft.path])
    files.write_drafts(Path(), [draft])
    try:
        yield from _started(setup, setup.start, listener)
    except BaseException:
        if is_new:  # a next attempt finds the folder as it was
            files.remove(Path(), draft.path)
        raise


def _started(setup: Setup, start: AppStart, listener: Listener) -> Iterator[Mapping[str, str]]:
    """Yield the addresses of the services that may have the chat, while the stack is up."""
    listener.note(f"starting the application: {start.words}")
    try:
        addresses = stack_up(setup.stack, listener=listener)
    except BenchError as error:
        hint = "correct the command or the port: --command 'npm start' --port 3000"
        raise type(error)(error.message, hint) from error
    try:
        wanted = [process.name for process in start.processes if process.listens]
        wanted += [service.name for service in start.published]
        yield {name: addresses[name] for name in wanted if name in addresses}
    finally:
        stack_down(setup.stack)


def _explain(error: TargetError, setup: Setup, repository: AppFiles) -> TargetError:
    """Return the error of an application without a readable answer, with its log and a likely cause."""
    message = error.message
    hint = error.hint
    if setup.start is not None:
        lines = stack_logs(setup.stack, setup.service, tail=_LOG_LINES)[setup.service].strip()
        message += f"\n\nthe log of '{setup.service}' ends with:\n{lines}" if lines else ""
        if setup.start.processes and not setup.model_variables:
            for variable in find_model_variables(repository.texts.values())[:1]:
                hint = f"does it reach its model? replace the model: --mock {variable}; {hint}"
    return TargetError(message, hint)


def _target_content(target: Target) -> dict[str, Any]:
    """Return the content of a target file: the changes to a shipped target, or a complete one."""
    content = _dump(target)
    content.pop("name")
    content.pop("service")
    if target.name not in scenarios.list_targets():
        return content
    shipped = _dump(scenarios.load_target(target.name))
    if content["answer"] != shipped["answer"]:  # merged with another form, it would read neither
        return content
    shipped.pop("name")
    shipped.pop("service")
    return {"extends": target.name, **_changes(shipped, content)}


def _changes(base: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that make `content` of `base`; null removes a value."""
    changes: dict[str, Any] = dict.fromkeys(sorted(base.keys() - content.keys()))
    for name, value in content.items():
        old = base.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            value = _changes(old, value)  # noqa: PLW2901 - only the difference is written
        if value not in (old, {}):
            changes[name] = value
    return changes


def _dump(target: Target) -> dict[str, Any]:
    return target.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def _write(folder: Path, setup: Setup, action: Action | None) -> tuple[str, ...]:
    """Write all files, and return their paths."""
    written = drafts.draft_files(setup)
    files.write_drafts(folder, written)
    paths = [draft.path for draft in written]
    root, inner = _locate(folder)
    text = None if action is None else workflow.draft_workflow(setup, action, inner)
    if text is not None:
        path = workflow.workflow_path(inner)
        files.write_file(root, path, text)
        paths.append(f"{'../' * inner.count('/')}{'' if inner == '.' else '../'}{path}")
    for kind in _SCHEMAS:
        files.write_file(folder, f"{files.SCHEMAS}/{kind}.json", json.dumps(schema(kind), indent=1) + "\n")
    if files.add_ignored(folder, _IGNORED):
        paths.append(".gitignore")
    return tuple(paths)


def _locate(folder: Path) -> tuple[Path, str]:
    """Return the root of the repository, and the path of a folder in it."""
    root = files.find_root(folder) or folder.resolve()
    return root, folder.resolve().relative_to(root).as_posix()


def _find_action(text: str | None) -> Action | None:
    """Return the version that a workflow calls: the named one, or the installed one."""
    if text is not None:
        try:
            return workflow.parse_action(text)
        except ValueError as error:
            raise ConfigError(f"--action {text}: {error}", "--action OWNER/chatbench@v1") from error
    distribution = metadata.distribution(_PACKAGE)
    urls = distribution.metadata.get_all("Project-URL") or ()
    return workflow.find_action(distribution.read_text("direct_url.json"), urls, distribution.version)


def _run_once(urls: Mapping[str, str], listener: Listener) -> StoredRun:
    addresses = [f"{service}={url}" for service, url in urls.items()]
    return run(drafts.SCENARIO, listener=listener, stack=STACK, urls=addresses)


def _next_steps(setup: Setup, url: str, stored: StoredRun | None) -> tuple[str, ...]:
    where = f"--stack {setup.stack}"
    if setup.start is None:
        where += f" --url {setup.service}={url}"
    steps = [f"bench run {drafts.SCENARIO} {where}"]
    if setup.start is not None and setup.start.processes:
        steps.append(f"bench ab {setup.stack}@HEAD {setup.stack}  # after a commit: your uncommitted changes")
    if stored is not None:
        steps.append(f"bench baseline accept {stored.folder} --reason 'first run'")
        steps.append(f"bench check {drafts.SCENARIO} {where}")
    return tuple(steps)


def _notes(setup: Setup, repository: AppFiles, action: Action | None) -> Iterator[str]:
    if setup.start is None:
        yield "a workflow cannot start an application that runs elsewhere, so there is none"
        return
    if action is None:
        yield (
            "there is no workflow, because this installation does not name its repository:"
            " bench init --action OWNER/chatbench@REF --force"
        )
    else:
        yield "commit the written files and open a pull request: the workflow compares it with its base"
    if setup.start.processes and not setup.model_variables:
        for variable in find_model_variables(repository.texts.values())[:1]:
            yield f"to replace the model by a simulated one: bench init --mock {variable} --force"
