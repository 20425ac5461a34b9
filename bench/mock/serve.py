"""Serves the mock model on a socket until it is stopped."""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Sequence

from bench.errors import ConfigError
from bench.mock.behaviour import MockBehaviour, behaviour_of
from bench.mock.server import MockServer
from bench.timing.pacing import event_loop, pacer

_BACKLOG = 4096


def serve_mock(
    host: str, port: int, behaviour: MockBehaviour, names: Sequence[str], on_listening: Callable[[str], None]
) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        host: Address of this machine.
        port: Port; 0 lets the system choose one.
        behaviour: Behaviour of models whose name does not state another.
        names: Names in the lists of models.
        on_listening: Receives the URL when the server listens.

    Raises:
        ConfigError: The port is in use, the host is not of this machine, or a name has an unknown part.
    """
    for name in names:
        behaviour_of(name, behaviour)
    listener = _bind(host, port)
    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(_serve(listener, behaviour, names, on_listening))


async def _serve(
    listener: socket.socket,
    behaviour: MockBehaviour,
    names: Sequence[str],
    on_listening: Callable[[str], None],
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    timer = pacer()
    mock = MockServer(behaviour, names, timer)
    server = await loop.create_server(mock.connection, sock=listener, backlog=_BACKLOG)
    on_listening(_url(listener))
    gc.collect()
    gc.freeze()  # a later collection skips the objects of now, which would delay tokens
    await stop.wait()
    server.close()
    timer.close()


def _bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        ConfigError: The port is in use, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise ConfigError(
            f"cannot listen on {host}:{port}: {reason}", "choose another --port, or 0 for a free one"
        ) from error
    listener.setblocking(False)  # noqa: FBT003 - the interface of sockets
    return listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
