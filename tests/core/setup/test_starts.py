import json
from typing import Any

import pytest

from bench.core.setup.starts import AppFiles, Process, find_port, find_starts, parse_start


def _starts(**texts: str) -> list[tuple[str, tuple[Process, ...]]]:
    files = {path.replace("__", "/"): text for path, text in texts.items()}
    return [(start.origin, start.processes) for start in find_starts(AppFiles(files))]


def test_a_procfile_starts_its_web_process_and_its_workers() -> None:
    """The process `web` gets the port; a worker listens on none, and a release command is no process."""
    (start,) = find_starts(
        AppFiles(
            {
                "Procfile": "release: migrate\nworker: celery -A app\nweb: gunicorn app:app -b :$PORT\n",
                "requirements.txt": "",
            }
        )
    )
    assert [(process.name, process.listens) for process in start.processes] == [
        ("web", True),
        ("worker", False),
    ]
    assert start.processes[0].command == ("sh", "-c", "exec gunicorn app:app -b :$PORT")
    assert start.prepare[-1] == (".venv/bin/pip", "install", "--quiet", "-r", "requirements.txt")


@pytest.mark.parametrize(
    ("scripts", "source", "command", "port"),
    [
        ({"start": "node server.js"}, "app.listen(process.env.PORT || 3000)", ("npm", "start"), None),
        ({"start": "node server.js"}, "app.listen(3000)", ("npm", "start"), 3000),
        ({"dev": "vite --port 5173"}, "", ("npm", "run", "dev"), 5173),
        ({"start": "node ."}, "", ("npm", "start"), None),
    ],
)
def test_a_package_starts_by_its_script(scripts: Any, source: str, command: Any, port: int | None) -> None:
    """The port is fixed if neither script nor source reads PORT."""
    files = {"package.json": json.dumps({"scripts": scripts}), "server.js": source}
    (start,) = find_starts(AppFiles(files))
    assert (start.processes[0].command, start.processes[0].port) == (command, port)


@pytest.mark.parametrize("package", ["", "{", "[]", '{"scripts": []}', '{"scripts": {"build": "tsc"}}'])
def test_a_package_without_a_start_is_none(package: str) -> None:
    """A library has no server."""
    assert find_starts(AppFiles({"package.json": package})) == ()


@pytest.mark.parametrize(
    ("path", "source", "command"),
    [
        ("app/main.py", "api = FastAPI()", ("python3", "-m", "uvicorn", "app.main:api", "--port", "${port}")),
        ("app.py", "app: Flask = Flask(__name__)",
         ("python3", "-m", "flask", "--app", "app:app", "run", "--port", "${port}")),
    ],
)  # fmt: skip
def test_a_python_application_starts_by_its_framework(path: str, source: str, command: Any) -> None:
    """The module and the name of the application are those of the code."""
    (start,) = find_starts(AppFiles({path: source}))
    assert start.processes[0].command == command


def test_a_django_project_and_a_go_program_start() -> None:
    """The port of a Go program is the one in its source."""
    starts = _starts(**{"manage.py": "", "main.go": 'http.ListenAndServe(":8080", nil)'})
    assert [(origin, processes[0].port) for origin, processes in starts] == [
        ("manage.py", None),
        ("main.go", 8080),
    ]


@pytest.mark.parametrize(
    ("port", "published"),
    [
        ("3000:3000", (3000, 3000)),
        ("127.0.0.1:8080:80", (80, 8080)),
        ("${WEB_PORT:-3000}:3000", (3000, None)),
        ({"target": 80, "published": "8080"}, (80, 8080)),
        ({"target": 80}, (80, None)),
        ("3000", None),
        ("53:53/udp", None),
    ],
)
def test_the_services_of_a_compose_file_have_their_ports(port: Any, published: Any) -> None:
    """Only a service with a port on this machine can get requests."""
    content = {"services": {"web": {"ports": [port]}, "db": {"image": "mongo"}, "broken": None}}
    starts = find_starts(AppFiles({}, {"compose.yaml": content}))
    ports = [(service.port, service.host_port) for start in starts for service in start.published]
    assert ports == ([] if published is None else [published])


def test_a_command_line_may_need_a_shell() -> None:
    """Without the syntax of a shell, the program is started directly, so that its signals reach it."""
    assert parse_start("node server.js --port=${port}", None).processes[0].command == (
        "node", "server.js", "--port=${port}",
    )  # fmt: skip
    assert parse_start("A=1 node server.js && true", None).processes[0].command[:2] == ("sh", "-c")
    assert parse_start("uvicorn app:app --port 8000", None).processes[0].port == 8000
    assert parse_start("uvicorn app:app --port $PORT", None).processes[0].port is None
    assert parse_start("node server.js", 4000).processes[0].port == 4000
    assert parse_start("node server.js", 4000).words == "node server.js"


@pytest.mark.parametrize("command", ["", "  ", "echo 'open"])
def test_a_command_line_must_be_complete(command: str) -> None:
    """An empty one and an open quote are errors."""
    with pytest.raises(ValueError, match=r"empty|quot"):
        parse_start(command, None)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("const port = process.env.PORT ?? 4000", 4000),
        ('os.getenv("PORT", "8001")', 8001),
        ("uvicorn.run(app, port=8000)", 8000),
        ("gunicorn --bind 0.0.0.0:9000 app", 9000),
        ("listen(80)", None),
        ("port = 99999", None),
        ("", None),
    ],
)
def test_a_port_is_found_in_a_source(text: str, port: int | None) -> None:
    """Ports that need privileges, and numbers that are none, are left out."""
    assert find_port(text) == port
