import asyncio
import json
import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.errors import ConfigError, TargetError
from bench.render.doctor import diagnosis_text
from bench.usecases.doctor import Diagnosis, doctor
from tests.measure.authority import Authority
from tests.measure.loopback import Requests, Script, response, server, streamed

TOKEN = b'data: {"choices": [{"delta": {"content": "word"}}]}\n\n'
STREAM = streamed(*[TOKEN] * 20, b"data: [DONE]\n\n")
OLLAMA = {"message": {"content": "One"}, "done": True, "done_reason": "stop", "eval_count": 1}
LINES = response(json.dumps(OLLAMA).encode() + b"\n", "200 OK", "content-type: application/x-ndjson")
MISSING = response(b"no such page", "404 Not Found")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_SECRET", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setenv("MODEL", "small")


def _diagnose(
    answers: Sequence[bytes | Script], target: str | Path | None = None
) -> tuple[Diagnosis, Requests, str]:
    async def run() -> tuple[Diagnosis, Requests]:
        async with server(answers) as (url, seen):
            return await asyncio.to_thread(doctor, url, target=target), seen

    diagnosis, seen = asyncio.run(run())
    text = diagnosis_text(diagnosis.explanation, diagnosis.refused, is_given=diagnosis.is_given)
    assert max(map(len, text.splitlines())) <= 100
    return diagnosis, seen, text


def test_the_first_ready_made_target_that_reads_the_answer_is_suggested() -> None:
    """Here the chat of OpenAI, which needs one request."""
    diagnosis, seen, text = _diagnose([STREAM])
    assert diagnosis.explanation.target.name == "openai-chat"
    assert diagnosis.explanation.is_complete
    assert len(seen.bodies) == 1
    assert "A run reports: ok" in text
    assert "bench run SCENARIO --target openai-chat" in text


def test_targets_without_their_path_are_passed_over() -> None:
    """The text names them with the status of their answers."""
    diagnosis, _, text = _diagnose([MISSING, LINES])
    assert diagnosis.explanation.target.name == "ollama-chat"
    assert "Also tried: openai-chat (404 for /v1/chat/completions)." in text


def test_an_answer_that_no_target_reads_has_a_declaration() -> None:
    """It is YAML for the target file."""
    diagnosis, _, text = _diagnose([response(b'{"result": {"words": "One two three"}}')])
    assert not diagnosis.explanation.is_complete
    assert "text: result.words" in text


def test_a_long_series_of_equal_parts_is_short() -> None:
    """Its first and last parts are shown, with the number of the others."""
    _, _, text = _diagnose([STREAM])
    assert text.count('content "word"') == 6
    assert "14 more parts like this" in text


def test_a_target_may_be_a_file(tmp_path: Path) -> None:
    """The declaration that would read more names it."""
    declaration = {
        "name": "mine",
        "service": "model",
        "path": "/ask",
        "body": {"q": "${message}"},
        "answer": {"kind": "sse", "text": "words", "done_data": "[DONE]"},
    }
    (tmp_path / "mine.yaml").write_text(json.dumps(declaration))
    diagnosis, seen, text = _diagnose([STREAM], str(tmp_path / "mine.yaml"))
    assert "POST /ask " in seen.heads[0]
    assert diagnosis.refused == {}
    assert "This would read more, in scenarios/targets/mine.yaml:" in text
    assert "choices.0.delta.content" in text


def test_a_refusal_and_a_missing_service_are_results() -> None:
    """Neither is an exception."""
    diagnosis, _, text = _diagnose([response(b'{"error": "wrong key"}', "401 Unauthorized")])
    assert not diagnosis.explanation.is_complete
    assert "A run reports: unauthorized: wrong key" in text
    nobody = doctor("http://127.0.0.1:1")
    assert not nobody.explanation.is_complete
    assert nobody.explanation.answer.status == 0


def test_a_certificate_of_another_authority_is_trusted_if_it_is_named(tmp_path: Path) -> None:
    """Without its file, the result names the failed check."""
    files = Authority().issue(tmp_path / "tls")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files / "cert.pem", files / "key.pem")

    async def run(ca: Path | None) -> Diagnosis:
        async with server([STREAM], context) as (url, _):
            return await asyncio.to_thread(doctor, url.replace("http:", "https:"), ca=ca)

    assert asyncio.run(run(files / "ca.pem")).explanation.is_complete
    failure = asyncio.run(run(None)).explanation.failure
    assert failure is not None
    assert "certificate" in failure[1]


def test_the_model_is_one_that_the_server_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a server with OpenAI's API would refuse the request."""
    monkeypatch.delenv("MODEL")
    diagnosis, seen, _ = _diagnose([response(b'{"data": [{"id": "tiny-1"}]}'), STREAM])
    assert diagnosis.explanation.is_complete
    assert b'"model": "tiny-1"' in seen.bodies[1]


def test_a_wrong_address_or_target_is_an_error() -> None:
    """So is a target whose test user needs a secret."""
    with pytest.raises(ConfigError, match="invalid URL"):
        doctor("127.0.0.1")
    with pytest.raises(ConfigError, match="target 'nope' does not exist"):
        doctor("http://127.0.0.1:1", target="nope")
    with pytest.raises((ConfigError, TargetError), match="JWT_SECRET is not set"):
        doctor("http://127.0.0.1:1", target="chat")


def test_a_model_that_is_named_is_sent() -> None:
    """It replaces the variable MODEL, with a target that is given and with the ready-made ones."""

    async def run(target: str | None) -> bytes:
        async with server([STREAM]) as (url, seen):
            await asyncio.to_thread(doctor, url, target=target, model="large")
            return seen.bodies[0]

    for target in (None, "openai-chat"):
        assert b'"model": "large"' in asyncio.run(run(target))
