"""Makes the client of a VU that sends messages: over HTTP, or over a WebSocket."""

from collections.abc import Callable

from bench.measure.http.wire import Address
from bench.measure.load.chat_client import ChatClient
from bench.measure.load.endpoint import Endpoint
from bench.measure.load.request_client import Exchanger
from bench.measure.load.shared import Shared


def new_client(
    endpoint: Endpoint, token: str | None, connect: Callable[[], Exchanger], address: Address, shared: Shared
) -> ChatClient:
    """Return a client for the messages of a VU.

    Args:
        endpoint: The target, and the messages for it.
        token: The bearer token of the test user; `None` if the target needs none.
        connect: Returns a connection of HTTP.
        address: Address of the service, with the TLS context of the run.
        shared: What all VUs of the process share.
    """
    if endpoint.websocket is None:
        return ChatClient(endpoint, token, connect(), shared)
    # Importing the WebSockets takes milliseconds, and most load generators need none.
    from bench.measure.load.message_client import MessageClient  # noqa: PLC0415 - see above

    return MessageClient(endpoint, token, shared, address)
