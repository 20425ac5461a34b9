"""The command line of each tool for a load. Each sends the same POST request with the same JSON body."""

import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .loads import Load, Tool
from .server import Server

BODY = '{"message":"Hello"}'
_JSON = "application/json"
_HERE = Path(__file__).parent
_MANY_CONNECTIONS = 10_000
_SLOW_START_S = 2  # Locust counts its run from before its first connections
BENCH = str(Path(sys.executable).with_name("bench"))


@dataclass(frozen=True)
class Setup:
    """What all commands need: the server, a folder for files, and the programs by name."""

    server: Server
    folder: Path
    programs: dict[str, Path]

    def command(self, tool: Tool, load: Load, seconds: float) -> list[str] | None:
        """Return the command of a tool; None if it is not installed or cannot send the load."""
        if tool is not Tool.BENCH and tool.program not in self.programs:
            return None
        return _COMMANDS[tool](self, load, seconds)

    def program(self, tool: Tool) -> str:
        """Return the path of a tool's program."""
        return str(self.programs[tool.program])

    def url(self, load: Load) -> str:
        """Return the address that receives the load."""
        return self.server.url(tls=load.tls) + load.path

    def file(self, name: str, content: str) -> str:
        """Write a file and return its path."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return str(path)


def _bench(setup: Setup, load: Load, seconds: float) -> list[str]:
    executor: dict[str, object] = {"executor": "constant-vus", "vus": load.users}
    if load.rate is not None:
        executor = {"executor": "constant-arrival-rate", "rate": load.rate, "max_vus": load.users}
    if load.think_time_s:
        executor["think_time"] = f"{load.think_time_s}s..{load.think_time_s}s"
    answer = {"kind": "json", "text": "message"}
    if load.is_stream:
        answer = {"kind": "sse", "text": "text", "done_data": "[DONE]"}
    write_scenario(setup, {"duration": f"{seconds}s", **executor}, load.path, {"answer": answer})
    options = ["--stack", "bare", "--url", setup.server.url(tls=load.tls), "--no-pin"]
    if not load.with_calibration:
        options += ["--no-calibration"]
    if load.tls:
        options += ["--ca", str(setup.server.tls_file)]
    if load.workers > 1:
        options += ["--workers", str(load.workers)]
    return [BENCH, "run", "load", *options]


def write_scenario(
    setup: Setup, executor: dict[str, object], path: str, target: dict[str, object], **fields: object
) -> None:
    """Write the files of the scenario `load`, as a team would write them; JSON is YAML, too."""
    files: dict[str, object] = {
        "stacks/bare.yaml": {"name": "bare", "purpose": "The server in C."},
        "targets/small.yaml": {
            "name": "small", "service": "server", "path": path, "ready": "/health",
            "body": {"message": "${message}"}, **target,
        },
        "load.yaml": {
            "name": "load", "purpose": "Show what one core can do.", "target": "small", "seed": 1,
            "messages": ["Hello"], **executor, **fields,
        },
    }  # fmt: skip
    for name, content in files.items():
        setup.file(f"scenarios/{name}", json.dumps(content))


def _hey(setup: Setup, load: Load, seconds: float) -> list[str] | None:
    if load.rate is not None or load.think_time_s:
        return None
    options = ["-cpus", "1", "-z", f"{seconds}s", "-c", str(load.users), "-t", "60"]
    return [setup.program(Tool.HEY), *options, "-m", "POST", "-T", _JSON, "-d", BODY, setup.url(load)]


def _wrk(setup: Setup, load: Load, seconds: float) -> list[str] | None:
    if load.rate is not None or load.think_time_s:
        return None
    script = f"wrk.method = 'POST'; wrk.body = '{BODY}'; wrk.headers['content-type'] = '{_JSON}'"
    options = ["-t", "1", "-c", str(load.users), "-d", f"{round(seconds)}s", "--timeout", "60s"]
    return [setup.program(Tool.WRK), *options, "-s", setup.file("post.lua", script), setup.url(load)]


def _vegeta(setup: Setup, load: Load, seconds: float) -> list[str] | None:
    if load.think_time_s:
        return None
    body = setup.file("body.json", BODY)
    targets = setup.file("vegeta.txt", f"POST {setup.url(load)}\nContent-Type: {_JSON}\n@{body}\n")
    timing = [f"-rate={load.rate}"]
    if load.rate is None:
        timing = ["-rate=0", f"-max-workers={load.users}", f"-workers={load.users}"]
    limits = ["-insecure", f"-connections={_MANY_CONNECTIONS}", f"-max-connections={_MANY_CONNECTIONS}"]
    program = setup.program(Tool.VEGETA)
    attack = [program, "-cpus=1", "attack", f"-duration={seconds}s", f"-targets={targets}", *timing, *limits]
    return ["sh", "-c", f"{shlex.join(attack)} | {shlex.quote(program)} report -type=json"]


def _oha(setup: Setup, load: Load, seconds: float) -> list[str] | None:
    if load.think_time_s:
        return None
    timing = [] if load.rate is None else ["-q", str(load.rate), "--latency-correction"]
    options = ["-z", f"{seconds}s", "-c", str(load.users), "--no-tui", "--insecure", "-t", "60s", *timing]
    return [setup.program(Tool.OHA), *options, "-m", "POST", "-T", _JSON, "-d", BODY, setup.url(load)]


def _k6(setup: Setup, load: Load, seconds: float, *, checks: bool = False) -> list[str]:
    given = {
        "URL": setup.url(load), "USERS": load.users, "RATE": load.rate or 0, "SECONDS": seconds,
        "THINK_S": load.think_time_s, "CHECKS": int(checks),
    }  # fmt: skip
    options = [option for name, value in given.items() for option in ("-e", f"{name}={value}")]
    return [setup.program(Tool.K6), "run", "--quiet", *options, str(_HERE / "k6_load.js")]


def _locust(setup: Setup, load: Load, seconds: float, *, checks: bool = False) -> list[str] | None:
    if load.rate is not None:
        return None
    script = str(_HERE / "locust_users.py")
    users = ["-u", str(load.users), "-r", str(load.users), "-t", f"{round(seconds) + _SLOW_START_S}s"]
    given = ["--think-s", str(load.think_time_s), "--path", load.path]
    if checks:
        given += ["--checks"]
    host = setup.server.url(tls=load.tls)
    return [
        setup.program(Tool.LOCUST),
        "-f",
        script,
        "--headless",
        "--only-summary",
        *users,
        "-H",
        host,
        *given,
    ]


_COMMANDS: dict[Tool, Callable[[Setup, Load, float], list[str] | None]] = {
    Tool.BENCH: _bench,
    Tool.HEY: _hey,
    Tool.WRK: _wrk,
    Tool.VEGETA: _vegeta,
    Tool.OHA: _oha,
    Tool.K6: _k6,
    Tool.K6_CHECKS: lambda setup, load, seconds: _k6(setup, load, seconds, checks=True),
    Tool.LOCUST: _locust,
    Tool.LOCUST_CHECKS: lambda setup, load, seconds: _locust(setup, load, seconds, checks=True),
}
