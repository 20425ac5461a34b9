"""Embeddings of OpenAI's and Ollama's API: vectors that depend only on the text.

Source: https://platform.openai.com/docs/api-reference/embeddings
"""

import math
from array import array
from base64 import b64encode
from collections.abc import Mapping, Sequence
from hashlib import shake_128
from typing import Any

import orjson

from bench.mock.api_format import DocumentFormat
from bench.mock.ollama import OllamaChat
from bench.mock.openai_chat import openai_error
from bench.mock.request import BadRequestError, MockRequest, read_limit, read_model
from bench.mock.texts import count_tokens

DIMENSIONS = 384
"""Length of a vector, if the request does not choose one."""
_LONGEST = 65_536


def vector_of(text: str, dimensions: int) -> list[float]:
    """Return a vector of length 1 for a text."""
    digest = shake_128(text.encode(errors="replace")).digest(2 * dimensions)
    numbers = array("h", digest)
    norm = math.sqrt(sum(number * number for number in numbers)) or 1.0
    return [number / norm for number in numbers]


def _read(body: Mapping[str, Any], field: str) -> MockRequest:
    inputs = body.get(field)
    texts = [inputs] if isinstance(inputs, str) else inputs
    if not isinstance(texts, list) or not texts:
        raise BadRequestError(f"{field} must be a text or a list of texts")
    dimensions = read_limit(body, "dimensions") or DIMENSIONS
    if dimensions > _LONGEST:
        raise BadRequestError(f"dimensions must be at most {_LONGEST}")
    inputs = tuple(text if isinstance(text, str) else orjson.dumps(text).decode() for text in texts)
    return MockRequest(
        model=read_model(body),
        prompt="\n".join(inputs),
        streamed=False,
        limit=1,  # the answer leaves at the time of the first token
        may_call=False,
        may_reason=False,
        inputs=inputs,
        dimensions=dimensions,
        is_packed=body.get("encoding_format") == "base64",
    )


class _Vectors(DocumentFormat):
    """An answer with a vector for each text."""

    def vectors(self) -> Sequence[list[float]]:
        """Return a vector for each text."""
        request = self.generated.request
        return [vector_of(text, request.dimensions) for text in request.inputs]

    def prompt_tokens(self) -> int:
        """Return the number of tokens of all texts."""
        return sum(map(count_tokens, self.generated.request.inputs))


class OpenAiEmbedding(_Vectors):
    """`POST /v1/embeddings`."""

    @staticmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body."""
        return _read(body, "input")

    @staticmethod
    def error(status: int, message: str) -> bytes:
        """Return an error with this HTTP status."""
        return openai_error(status, message)

    def document(self) -> bytes:
        """Return the vectors, as numbers or packed in base64."""
        request = self.generated.request
        data: list[dict[str, Any]] = []
        for index, vector in enumerate(self.vectors()):
            packed = b64encode(array("f", vector).tobytes()).decode() if request.is_packed else None
            data.append({"object": "embedding", "index": index, "embedding": packed or vector})
        tokens = self.prompt_tokens()
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return orjson.dumps({"object": "list", "model": request.model, "data": data, "usage": usage})


class OllamaEmbed(_Vectors):
    """`POST /api/embed`."""

    @staticmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body."""
        return _read(body, "input")

    @staticmethod
    def error(status: int, message: str) -> bytes:
        """Return an error with this HTTP status."""
        return OllamaChat.error(status, message)

    def document(self) -> bytes:
        """Return the vectors and the durations."""
        vectors = self.vectors()
        times = self.generated.times
        about = {
            "total_duration": round((times.finished_s - times.arrived_s) * 1e9),
            "load_duration": 0,
            "prompt_eval_count": self.prompt_tokens(),
        }
        return orjson.dumps({"model": self.generated.request.model, "embeddings": vectors, **about})


class OllamaEmbeddings(OllamaEmbed):
    """`POST /api/embeddings`: the older call, for one text."""

    @staticmethod
    def read(body: Mapping[str, Any]) -> MockRequest:
        """Return the request of a body."""
        return _read(body, "prompt")

    def document(self) -> bytes:
        """Return the vector."""
        (vector,) = self.vectors()
        return orjson.dumps({"embedding": vector})
