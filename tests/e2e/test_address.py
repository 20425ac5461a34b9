"""`bench run ADDRESS`, as a user runs it, against services on loopback."""

import asyncio
import json
import re
import time
from pathlib import Path

from bench.errors import Exit
from tests.chat_services import Answer, Call, Respond, Service, document, openai_chat, serve
from tests.command import Done, bench

SHORT = ("--vus", "3", "--duration", "1s", "--no-calibration")
KEY = "sk-0123456789abcdef"
STILL = (0.7, 1.4)
"""Time in which a service answers nothing, in seconds since its first answer."""


def _run(respond: Respond, path: str, *options: str, cwd: Path) -> tuple[Done, Service]:
    async def run() -> tuple[Done, Service]:
        async with serve(respond) as service:
            arguments = ("run", service.url + path, *SHORT, *options)
            return await asyncio.to_thread(bench, *arguments, cwd=cwd), service

    return asyncio.run(run())


def test_a_streaming_service_is_measured_without_a_file(tmp_path: Path) -> None:
    """Stdout has the results and the folder; the recognising request is not measured."""
    (tmp_path / "prompts.csv").write_text("prompt\nOne?\nTwo?\n")
    done, service = _run(
        openai_chat,
        "/v1/chat/completions",
        *("--data", "prompts.csv", "--threshold", "ttft_ms p(50)<0.001", "--think-time", "50ms"),
        cwd=tmp_path,
    )
    assert done.code == Exit.REGRESSION
    assert re.search(r"recognised \S+/v1/chat/completions: target openai-chat, .*model tiny-1", done.err)
    for words in ("time to first token", "between tokens", "tokens/s", "crossed"):
        assert words in done.out
    folder = tmp_path / done.out.splitlines()[-1]
    summary = json.loads((folder / "result.json").read_text())["summary"]
    assert summary["outcomes"] == {"ok": len(service.posts) - 1}
    assert {call.body["messages"][0]["content"] for call in service.posts} == {"One?", "Two?"}


def test_a_service_that_stands_still_is_a_finding(tmp_path: Path) -> None:
    """The results name the time in which no user got an answer, and what an open loop would have seen."""
    first_s: list[float] = []

    def respond(_: Call, number: int) -> Answer:
        if number <= 1:  # the recognising request
            return document({"reply": "fine"})
        first_s.append(time.monotonic())
        now_s = first_s[-1] - first_s[0]
        waits_s = STILL[1] - now_s if STILL[0] <= now_s < STILL[1] else 0.0
        return document({"reply": "fine"}, delay_s=0.02 + waits_s)

    done, _ = _run(respond, "/chat", "--vus", "6", "--duration", "2s", cwd=tmp_path)
    (finding,) = (line for line in done.out.splitlines() if line.startswith("finding: "))
    assert "everything stood still from" in finding
    folder = tmp_path / done.out.splitlines()[-1]
    summary = json.loads((folder / "result.json").read_text())["summary"]
    longest = max(summary["stalls"], key=lambda stall: stall["end_s"] - stall["start_s"])
    assert longest["waiting"] == 6
    assert longest["end_s"] - longest["start_s"] >= 0.5 * (STILL[1] - STILL[0])
    assert summary["stall_effect"]["open_loop_ms"] >= 300
    assert summary["metrics"]["e2e_ms"]["p99_corrected"] is not None
    assert sum(part["requests"] for part in summary["slices"]) == summary["requests"]


def test_failures_are_counted_with_their_first_words_and_without_the_key(tmp_path: Path) -> None:
    """Without a threshold they do not fail the command. No file contains the value of a header."""

    def respond(call: Call, number: int) -> Answer:
        key = call.headers["authorization"]
        if number > 5:
            return document({"error": {"message": f"{key} is too fast"}}, "429 Too Many Requests", 0.02)
        if number == 4:
            return document({"error": "out of memory"}, "503 Service Unavailable", 0.02)
        return document({"reply": "fine"}, delay_s=0.02)

    done, service = _run(respond, "/chat", "--header", f"authorization: Bearer {KEY}", cwd=tmp_path)
    assert done.code == Exit.PASS
    assert service.posts[-1].headers["authorization"] == f"Bearer {KEY}"
    assert re.search(r"^ok +3 ", done.out, re.MULTILINE)
    assert re.search(r"^rate_limited +\d+ .*target +429: … is too fast", done.out, re.MULTILINE)
    assert re.search(r"^http_error +1 .*target +503: out of memory", done.out, re.MULTILINE)
    folder = tmp_path / done.out.splitlines()[-1]
    for file in folder.iterdir():
        assert KEY.encode() not in file.read_bytes(), file
    assert KEY not in done.out + done.err
