"""Serves one role on a socket until it is stopped, and prints its address."""

import json
import os
import socket
import threading
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chatstack.bodies import MAX_BYTES
from chatstack.settings import Settings, SettingsError

_BACKLOG = 2048
_GRACE_S = 2
# Longer than any think time, so that a VU keeps its connection.
_KEEP_ALIVE_S = 75


def serve(role: str, app: ASGIApp, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, or until stdin closes when EXIT_WITH_STDIN is set.

    Prints one JSON line when it listens: `{"event": "listening", "role", "url", "pid"}`.

    Args:
        role: Name of the service.
        app: ASGI application.
        settings: HOST and PORT; 0 lets the kernel choose the port. WEBSOCKET accepts WebSockets.

    Raises:
        SettingsError: The port is in use, or the host is not an address of this machine.
    """
    listener = _bind(settings.text("HOST", "127.0.0.1"), settings.count("PORT", 0, high=65_535))
    problems: list[str] = []
    config = uvicorn.Config(
        _told(app, problems),
        ws="none" if settings.optional("WEBSOCKET") in {None, "0"} else "wsproto",
        ws_max_size=MAX_BYTES,
        ws_per_message_deflate=False,  # as over HTTP, pieces of text are not compressed
        loop="asyncio",  # uvloop sleeps whole milliseconds, and the model's sleeps are shorter
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
    """A server that prints its address when it listens."""

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
    """An application that keeps the error of a failed start, because uvicorn would log a traceback."""

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
    """Stop when stdin closes: the process that started this one holds the other end of the pipe."""
    while os.read(0, 4096):
        pass
    server.should_exit = True
