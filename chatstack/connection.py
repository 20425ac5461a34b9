"""Cancellation of the work for a client that disconnected."""

import asyncio
from contextvars import Context

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Parts of a body that wait for the app. The server reads no more of a body that the app does not read.
_MOST_MESSAGES = 2


class CancelOnDisconnect:
    """Middleware that cancels a request's work when its client disconnects, and so frees its resources.

    ASGI servers report a disconnect only to applications that call `receive`.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the app, and watch its connection."""
        # The server may begin a request in the context of the one before it on the same connection.
        context = Context()
        if scope["type"] == "websocket":
            await asyncio.create_task(self._run(scope, receive, send), context=context)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        messages: asyncio.Queue[Message] = asyncio.Queue(_MOST_MESSAGES)
        work = asyncio.create_task(self._run(scope, messages.get, send), context=context)
        watch = asyncio.ensure_future(_watch(receive, messages))
        try:
            await asyncio.wait({work, watch}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone = not work.done()
            work.cancel()
            watch.cancel()
            await asyncio.gather(work, watch, return_exceptions=True)
        if not gone:
            work.result()

    async def _run(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)


async def _watch(receive: Receive, messages: asyncio.Queue[Message]) -> None:
    """Forward messages, and return when the client has disconnected."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        await messages.put(message)
