"""`bench doctor` explains an answer over a WebSocket."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from bench.core.samples.sample import Outcome
from bench.render.doctor import diagnosis_text
from bench.usecases.doctor import doctor
from benchmarks.answers.messages import TARGET, MessageExample, read_messages, serving_messages


@contextmanager
def _serving(name: str) -> Iterator[str]:
    """Serve the example of this name in a thread, and yield its URL."""
    example = next(answer for answer in read_messages().answers if answer.name == name)
    urls: list[str] = []
    is_listening = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve(example: MessageExample) -> None:
        async with serving_messages(example) as url:
            urls.append(url)
            is_listening.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=[serve(example)])
    thread.start()
    try:
        is_listening.wait()
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


@pytest.mark.parametrize(
    ("name", "outcome", "words"),
    [
        ("one message for each piece, then the end mark", None, ['content "The"', "4 tokens, end mark"]),
        ("a handshake with status 401", Outcome.UNAUTHORIZED, ["401 Unauthorized", "Access denied"]),
        ("a close for an internal error (1011)", Outcome.HTTP_ERROR, ['content "a"', "out of"]),
        ("plain text", Outcome.BAD_STREAM, ["Good morning"]),
    ],
)
def test_an_answer_over_a_websocket_is_explained(
    name: str, outcome: Outcome | None, words: list[str], tmp_path: Path
) -> None:
    """The outcome is that of a run, and each message is a part of the answer."""
    target = tmp_path / "messages.yaml"
    target.write_text(yaml.safe_dump(dict(TARGET)), encoding="utf-8")
    with _serving(name) as url:
        explanation = doctor(url, target=target).explanation
    assert (explanation.failure or [None])[0] is outcome
    text = diagnosis_text(explanation, {}, is_given=True)
    assert text.startswith("WebSocket http://")
    for word in words:
        assert word in text
