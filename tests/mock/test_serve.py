import json
import signal
import socket
from pathlib import Path

import httpx
import pytest

from tests.command import bench
from tests.mock.serving import PATIENCE_S, serving

BODY = {"messages": [{"role": "user", "content": "Hello"}]}


def test_options_are_defaults_and_a_name_overrides_them() -> None:
    """Both choose the behaviour of a real server; faults reach a real client; Ctrl-C ends the server."""
    with (
        serving(
            "--ttft",
            "1ms",
            "--gap",
            "1ms",
            "--tokens",
            "3",
            "--model",
            "a",
            "--model",
            "b",
            stop=signal.SIGINT,
        ) as url,
        httpx.Client(base_url=url, timeout=PATIENCE_S, trust_env=False) as client,
    ):
        assert [model["id"] for model in client.get("/v1/models").json()["data"]] == ["a", "b"]
        document = client.post("/v1/chat/completions", json={"model": "any", **BODY}).json()
        assert document["usage"]["completion_tokens"] == 3
        lines = client.post("/api/chat", json={"model": "mock-n5", **BODY}).text.splitlines()
        assert json.loads(lines[-1])["eval_count"] == 5
        with pytest.raises(httpx.RemoteProtocolError):
            client.post("/api/chat", json={"model": "mock-cut100", **BODY})
        with pytest.raises(httpx.ReadTimeout):
            client.post("/api/chat", json={"model": "mock-hang100", **BODY}, timeout=0.3)
        assert client.post("/api/chat", json={"model": "mock-n1", **BODY}).status_code == 200


def test_a_stream_is_open_when_the_server_ends() -> None:
    """SIGTERM does not wait for the end of an answer."""
    with serving("--ttft", "1ms", "--gap", "10s") as url:
        stream = httpx.stream("POST", f"{url}/api/chat", json={"model": "any", **BODY}, timeout=PATIENCE_S)
        with stream as response:
            assert next(response.iter_lines())


def test_a_port_in_use_is_an_error_with_advice(tmp_path: Path) -> None:
    """The error names the port, and how to get a free one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = bench("mock", "--port", str(port), cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in done.err
    assert "--port" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--ttft", "soon"), "--ttft"),
        (("--error-ratio", "5"), "--error-ratio"),
        (("--error-status", "200"), "--error-status"),
        (("--error-ratio", "0.6", "--cut-ratio", "0.6"), "more than 100 %"),
        (("--model", "mock-foo3"), "unknown part 'foo3'"),
        (("--host", "203.0.113.7"), "cannot listen on 203.0.113.7"),
    ],
)
def test_a_wrong_option_is_named(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    """The command ends before it listens."""
    done = bench("mock", "--port", "0", *arguments, cwd=tmp_path)
    assert done.code == 2
    assert message in done.err
