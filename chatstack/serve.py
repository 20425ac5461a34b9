"""Serves one role on a socket, says where, and ends when it is told to."""

import json
import os
import socket
import threading
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatstack.settings import Settings, SettingsError

_BACKLOG = 2048
_GRACE_S = 2
# Longer than any pause of a user: who stays keeps the connection.
_KEEP_ALIVE_S = 75


def serve(role: str, app: ASGIApp, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, or until stdin closes when EXIT_WITH_STDIN is set.

    Prints one JSON line when it listens: `{"event": "listening", "role", "url", "pid"}`.

    Args:
        role: Which service this is.
        app: What it does.
        settings: HOST and PORT, 0 for a port of the kernel's choice.

    Raises:
        SettingsError: The port is taken, or the host is none of this machine's.
    """
    listener = _bind(settings.text("HOST", "127.0.0.1"), settings.count("PORT", 0, high=65_535))
    problems: list[str] = []
    config = uvicorn.Config(
        _told(app, problems),
        loop="asyncio",  # uvloop sleeps whole milliseconds, and the model's time is made of shorter ones
        log_level="warning",
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=_GRACE_S,
        timeout_keep_alive=_KEEP_ALIVE_S,
        server_header=False,
        date_header=False,
    )
    server = _Announcing(config, role, problems)
    if settings.optional("EXIT_WITH_STDIN"):
        threading.Thread(target=_exit_with_stdin, args=(server,), daemon=True).start()
    with suppress(KeyboardInterrupt):  # uvicorn raises it again after a clean end
        server.run(sockets=[listener])
    if problems:
        raise SettingsError(problems[0])


class _Announcing(uvicorn.Server):
    """Says where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, role: str, problems: list[str]) -> None:
        super().__init__(config)
        self._role = role
        self._problems = problems

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self._problems or not sockets:
            self.should_exit = True
            return
        host, port = sockets[0].getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        event = {"event": "listening", "role": self._role, "url": url, "pid": os.getpid()}
        print(json.dumps(event), flush=True)


def _told(app: ASGIApp, problems: list[str]) -> ASGIApp:
    """The app, whose failed start is noted as one sentence: uvicorn would log a traceback."""

    async def told(scope: Scope, receive: Receive, send: Send) -> None:
        async def in_silence(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                message = {"type": "lifespan.startup.complete"}
            await send(message)

        if scope["type"] != "lifespan":
            await app(scope, receive, send)
            return
        try:
            await app(scope, receive, in_silence)
        except SettingsError as error:
            problems.append(str(error))

    return told


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise SettingsError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return listener


def _exit_with_stdin(server: uvicorn.Server) -> None:
    """Whoever started this holds the other end of the pipe: when it dies, however, so do we."""
    while os.read(0, 4096):
        pass
    server.should_exit = True
