"""The interface of a model engine."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

from bench.mock.api_format import GenerationTimes


class EngineError(Exception):
    """The engine cannot answer.

    Args:
        status: Status of the response.
        message: The reason, for the client.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Work(Protocol):
    """The generation of one answer."""

    prompt_tokens: int
    """Number of tokens of the prompt; final when the answer is complete."""
    output_tokens: int
    """Number of tokens of the answer; final when the answer is complete."""

    def generate(self, times: GenerationTimes) -> AsyncGenerator[str, None]:
        """Yield an empty text when the prompt is accepted, then the tokens of the answer.

        It sets the times at which the prompt was read and the last token written.

        Raises:
            EngineError: The engine cannot answer.
        """


class Engine(Protocol):
    """A loaded model."""

    version: str
    """Version, as `/api/version` reports it."""

    def plan(self, body: Mapping[str, Any], prompt: str) -> Work:
        """Return the work for a request.

        Args:
            body: Body of the request, in Ollama's format.
            prompt: Text of the prompt, or of all messages.
        """

    async def close(self) -> None:
        """Free the model."""
