"""How an application starts, as the files of its repository show it."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
PYTHON_FILES = ("main.py", "app.py", "server.py", "api.py", "app/main.py", "src/main.py", "backend/main.py")
NODE_FILES = (
    "server.js",
    "index.js",
    "app.js",
    "src/index.js",
    "src/server.js",
    "src/index.ts",
    "src/server.ts",
)
GO_FILES = ("main.go",)
OTHER_FILES = (
    "Procfile",
    "package.json",
    "package-lock.json",
    "requirements.txt",
    "pyproject.toml",
    "manage.py",
)
"""Files that `bench init` reads, if they exist."""

_FIRST_UNPRIVILEGED_PORT = 1024
_HIGHEST_PORT = 65_535
# `const port = process.env.PORT || 3000`, `app.listen(3000)`, `uvicorn.run(app, port=8000)`, `":8080"`
_PORTS = (
    re.compile(r"PORT['\"]?\]?\)?\s*(?:\|\||\?\?|or|,|:-)\s*['\"]?(\d{4,5})"),
    re.compile(r"\blisten\(\s*(\d{4,5})"),
    re.compile(r"\bport\s*[=:]\s*['\"]?(\d{4,5})", re.IGNORECASE),
    re.compile(r"--port[ =](\d{4,5})"),
    re.compile(r"--bind[ =]\S*:(\d{4,5})"),
    re.compile(r"['\"]:(\d{4,5})['\"]"),
)
_READS_PORT = re.compile(r"\bPORT\b")
_PYTHON_APP = re.compile(
    r"^(\w+)\s*(?::\s*\w+\s*)?=\s*(FastAPI|Starlette|Litestar|Quart|Flask)\(", re.MULTILINE
)
_PROCFILE_LINE = re.compile(r"^([A-Za-z][A-Za-z0-9_-]*):\s*(\S.*)$")
_COMPOSE_PORT = re.compile(r"^(?:.*:)?(?:\$\{[^}]*\}|(\d+)):(\d+)(?:/tcp)?$")
_NO_NAME = re.compile(r"[^a-z0-9-]+")


@dataclass(frozen=True, slots=True)
class AppFiles:
    """The files of a repository that show how its application starts."""

    texts: Mapping[str, str]
    """Contents by path, relative to the repository."""
    compose: Mapping[str, Any] = field(default_factory=dict)
    """Parsed compose files by path."""
    python: str = "python3"
    """Interpreter that has the application's packages, such as `.venv/bin/python`."""


@dataclass(frozen=True, slots=True)
class Process:
    """A process that a start needs."""

    name: str
    """Name of the service."""
    command: tuple[str, ...]
    """Program and arguments; `${port}` stands for its port."""
    port: int | None = None
    """The only port on which it can listen; None if it accepts any."""
    listens: bool = True
    """Whether it listens on a port; a worker does not."""


@dataclass(frozen=True, slots=True)
class Published:
    """A service of a compose file with a port on this machine."""

    name: str
    """Name of the service."""
    port: int
    """Port in the container."""
    host_port: int | None
    """Port on this machine; None if a variable sets it."""


@dataclass(frozen=True, slots=True)
class AppStart:
    """One way to start the application."""

    origin: str
    """Place that shows it, such as `package.json: scripts.start`."""
    processes: tuple[Process, ...] = ()
    """Processes to start; none if a compose file starts containers."""
    prepare: tuple[tuple[str, ...], ...] = ()
    """Commands that make another version's files runnable."""
    compose_file: str | None = None
    """Path of the compose file; None for processes."""
    published: tuple[Published, ...] = ()
    """Services of the compose file with ports."""

    @property
    def words(self) -> str:
        """The way in the words of a command line."""
        if self.compose_file is not None:
            return f"docker compose --file {self.compose_file} up"
        return shlex.join(self.processes[0].command)


def find_starts(repository: AppFiles) -> tuple[AppStart, ...]:
    """Return the ways to start an application: first those that its authors declare."""
    return (
        *_from_procfile(repository),
        *_from_package(repository),
        *_from_python(repository),
        *_from_go(repository),
        *_from_compose(repository),
    )


def parse_start(command: str, port: int | None) -> AppStart:
    """Return the start that a user describes by its command and its port.

    Args:
        command: Command line; `$PORT` and `${port}` stand for the port.
        port: The only port on which it listens; None if it accepts any.

    Raises:
        ValueError: The command line has an open quote, or is empty.
    """
    parts = tuple(shlex.split(command))
    if not parts:
        raise ValueError("is empty")
    return AppStart("--command", (_shell_or_command("app", command, parts, port),))


def _from_procfile(repository: AppFiles) -> Iterator[AppStart]:
    """Yield the start that a Procfile declares. By convention, its process `web` gets the requests."""
    processes: list[Process] = []
    for line in repository.texts.get("Procfile", "").splitlines():
        match = _PROCFILE_LINE.match(line.strip())
        if match is None or match[1] == "release":
            continue
        name = _as_name(match[1])
        is_web = name == "web"
        port = None if _READS_PORT.search(match[2]) else find_port(match[2])
        command = ("sh", "-c", f"exec {match[2]}")
        processes.append(Process(name, command, port if is_web else None, listens=is_web))
    if any(process.listens for process in processes):
        ordered = sorted(processes, key=lambda process: not process.listens)
        yield AppStart("Procfile", tuple(ordered), _prepare_commands(repository))


def _from_package(repository: AppFiles) -> Iterator[AppStart]:
    scripts: Any = None
    with suppress(ValueError):
        package = json.loads(repository.texts.get("package.json", ""))
        scripts = package.get("scripts") if isinstance(package, dict) else None
    if not isinstance(scripts, dict):
        return
    sources = "\n".join(repository.texts.get(path, "") for path in NODE_FILES)
    for script in ("start", "serve", "dev"):
        if isinstance(scripts.get(script), str):
            text = f"{scripts[script]}\n{sources}"
            port = None if _READS_PORT.search(text) else find_port(text)
            command = ("npm", "start") if script == "start" else ("npm", "run", script)
            prepare = (("npm", "ci" if "package-lock.json" in repository.texts else "install"),)
            yield AppStart(f"package.json: scripts.{script}", (Process("app", command, port),), prepare)
            return


def _from_python(repository: AppFiles) -> Iterator[AppStart]:
    prepare = _prepare_commands(repository)
    if "manage.py" in repository.texts:
        django = (repository.python, "manage.py", "runserver", "--noreload", "127.0.0.1:${port}")
        yield AppStart("manage.py", (Process("app", django),), prepare)
    for path in PYTHON_FILES:
        match = _PYTHON_APP.search(repository.texts.get(path, ""))
        if match is None:
            continue
        module = path.removesuffix(".py").replace("/", ".")
        if match[2] == "Flask":
            arguments: tuple[str, ...] = ("flask", "--app", f"{module}:{match[1]}", "run")
        else:
            arguments = ("uvicorn", f"{module}:{match[1]}")
        command = (repository.python, "-m", *arguments, "--port", "${port}")
        yield AppStart(f"{path}: {match[1]} = {match[2]}(…)", (Process("app", command),), prepare)
        return


def _from_go(repository: AppFiles) -> Iterator[AppStart]:
    for path in GO_FILES:
        text = repository.texts.get(path)
        if text is not None:
            port = None if _READS_PORT.search(text) else find_port(text)
            yield AppStart(path, (Process("app", ("go", "run", "."), port),))


def _from_compose(repository: AppFiles) -> Iterator[AppStart]:
    for path, content in repository.compose.items():
        services = content.get("services") if isinstance(content, dict) else None
        if not isinstance(services, dict):
            continue
        published = [*_list_published(services)]
        if published:
            yield AppStart(path, compose_file=path, published=tuple(published))


def _list_published(services: Mapping[str, Any]) -> Iterator[Published]:
    for name, service in services.items():
        published = _published(name, service)
        if published is not None:
            yield published


def _published(name: str, service: Any) -> Published | None:
    """Return the first published port of a service; None without one."""
    ports = service.get("ports") if isinstance(service, dict) else None
    for port in ports if isinstance(ports, list) else ():
        if isinstance(port, dict) and isinstance(port.get("target"), int):
            host = str(port.get("published", ""))
            return Published(name, port["target"], int(host) if host.isdecimal() else None)
        match = _COMPOSE_PORT.match(str(port))
        if match is not None:
            return Published(name, int(match[2]), None if match[1] is None else int(match[1]))
    return None


def _prepare_commands(repository: AppFiles) -> tuple[tuple[str, ...], ...]:
    """Return the commands that install a Python application's packages into an environment of its own."""
    if "requirements.txt" in repository.texts:
        source: tuple[str, ...] = ("-r", "requirements.txt")
    elif "pyproject.toml" in repository.texts:
        source = (".",)
    else:
        return ()
    return ("python3", "-m", "venv", ".venv"), (".venv/bin/pip", "install", "--quiet", *source)


def _shell_or_command(name: str, line: str, parts: tuple[str, ...], port: int | None) -> Process:
    """Return a process; a command line with the syntax of a shell needs one."""
    needs_shell = bool(re.search(r"[|&;<>*]|\$(?!\{port\})", line))
    command = ("sh", "-c", line) if needs_shell else parts
    reads_port = "${port}" in line or _READS_PORT.search(line)
    return Process(name, command, port if port is not None or reads_port else find_port(line))


def find_port(text: str) -> int | None:
    """Return the port that a source or a command line sets; None if it shows none."""
    for pattern in _PORTS:
        for match in pattern.finditer(text):
            if _FIRST_UNPRIVILEGED_PORT <= int(match[1]) <= _HIGHEST_PORT:
                return int(match[1])
    return None


def _as_name(text: str) -> str:
    return _NO_NAME.sub("-", text.lower()).strip("-") or "app"


_USUAL_PORTS = (8000, 3000, 8080, 5000, 4000, 8888, 11434, 1234)


def list_ports(repository: AppFiles) -> tuple[int, ...]:
    """Return the ports on which an application may run: those in its files, then usual ones."""
    ports: dict[int, None] = {}
    for start in find_starts(repository):
        for service in start.published:
            ports |= {} if service.host_port is None else {service.host_port: None}
        for process in start.processes:
            ports |= {} if process.port is None else {process.port: None}
    for text in repository.texts.values():
        port = find_port(text)
        if port is not None:
            ports[port] = None
    return tuple(dict.fromkeys([*ports, *_USUAL_PORTS]))
