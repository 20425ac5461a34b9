"""Serves one role on a socket, says where, and ends when it is told to."""

import json
import os
import socket
import threading

import uvicorn
from starlette.types import ASGIApp

from chatstack.settings import Settings, SettingsError

_BACKLOG = 2048
_GRACE_S = 2


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
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=_GRACE_S
    )
    server = _Announcing(config, role)
    if settings.optional("EXIT_WITH_STDIN"):
        threading.Thread(target=_exit_with_stdin, args=(server,), daemon=True).start()
    server.run(sockets=[listener])


class _Announcing(uvicorn.Server):
    """Says where it listens, once it does."""

    def __init__(self, config: uvicorn.Config, role: str) -> None:
        super().__init__(config)
        self._role = role

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.started or not sockets:
            return  # the app's own start failed and uvicorn has said why
        host, port = sockets[0].getsockname()[:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        event = {"event": "listening", "role": self._role, "url": url, "pid": os.getpid()}
        print(json.dumps(event), flush=True)


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
