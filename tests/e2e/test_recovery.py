"""Runs whose process is killed, and `bench recover`."""

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.core.samples.sample import StopCause
from bench.errors import ConfigError, Exit, StoreError
from bench.measure.run.conditions import Listener
from bench.store import results
from bench.store.sample_files import RUN, SAMPLES, read_samples
from bench.usecases.recover import recover
from bench.usecases.unfinished import mention_unfinished
from tests.chat_services import Service, openai_chat, serve
from tests.command import bench, command, environment
from tests.eventually import eventually

AB_LOAD = ("--vus", "3", "--duration", "60s", "--think-time", "20ms", "--message", "hello")
LOAD = (*AB_LOAD, "--no-calibration")
_FEWEST = 20


@contextmanager
def _service() -> Iterator[Service]:
    """A chat service on a loop in another thread."""
    loop = asyncio.new_event_loop()
    ready: asyncio.Queue[Service] = asyncio.Queue()
    ended = asyncio.Event()

    async def work() -> None:
        async with serve(openai_chat) as service:
            ready.put_nowait(service)
            await ended.wait()
            handlers = asyncio.all_tasks() - {asyncio.current_task()}
            for handler in handlers:
                handler.cancel()
            await asyncio.gather(*handlers, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=(work(),))
    thread.start()
    try:
        yield asyncio.run_coroutine_threadsafe(ready.get(), loop).result()
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join()
        loop.close()


def _count_stored(folder: Path) -> int:
    """The number of requests that are in the files of samples now."""
    return sum(len(read_samples(path).samples) for path in folder.rglob(SAMPLES))


def _has_resources(folder: Path) -> bool:
    """Whether a file of samples has samples of resources now."""
    values = [values for path in folder.rglob(SAMPLES) for values in read_samples(path).values]
    return any(new.resources for new in values)


@contextmanager
def _running(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command in the middle of its load; it is killed after the block."""
    with subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    ) as running:
        try:
            eventually(lambda: _count_stored(folder) >= _FEWEST and _has_resources(folder))
            yield running
        finally:
            running.kill()


def test_a_killed_run_is_finished_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench recover` gives it the result of an interrupted run, with every request of its file."""
    monkeypatch.chdir(tmp_path)
    with _service() as service, _running(tmp_path, "run", service.url, *LOAD):
        (home,) = Path("results").iterdir()
        with pytest.raises(ConfigError, match="is still in progress"):
            recover(home)
    count = _count_stored(tmp_path)
    notes: list[str] = []
    for _ in range(2):
        mention_unfinished(Path("results"), Listener(note=notes.append))
    assert notes == [f"1 run ended without a result, the newest in {home}; bench recover finishes it"]
    done = bench("recover", cwd=tmp_path)
    assert done.code == Exit.INTERRUPTED
    assert f"the process of the run was killed; {count} request" in done.err
    assert f" kept in {home}" in done.err
    assert str(home) in done.out
    result = results.load(home)
    assert result.summary.requests == count
    assert result.stop is not None
    assert result.stop.cause is StopCause.INTERRUPT
    assert not (home / RUN).exists()
    recording = results.load_recording(home)
    assert recording is not None
    assert recording.resources
    assert sum(map(len, results.requests(home))) == count
    assert recover() == []
    with pytest.raises(ConfigError, match="is finished"):
        recover(home)


def test_a_killed_comparison_keeps_its_runs(tmp_path: Path) -> None:
    """Each run of `bench ab` has its own folder with its requests."""
    with _service() as service, _running(tmp_path, "ab", service.url, service.url, *AB_LOAD):
        pass
    count = _count_stored(tmp_path)
    (home,) = (tmp_path / "results").iterdir()
    (recovered,) = recover(home)
    assert recovered.folder == home / "runs" / "01-base"
    assert results.load(recovered.folder).summary.requests == count


@pytest.mark.parametrize("content", ["{", "{}", '{"schema_version": 99}'])
def test_a_damaged_start_of_a_run_is_an_error(tmp_path: Path, content: str) -> None:
    """`bench recover RUN` names the file; without a name, such a folder is not a run."""
    home = tmp_path / "run"
    home.mkdir()
    (home / RUN).write_text(content)
    with pytest.raises(StoreError, match=r"run\.json"):
        recover(home)
    assert recover(results=tmp_path) == []


def test_a_run_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    """The error names the folder."""
    with pytest.raises(StoreError, match="there is no run at"):
        recover(tmp_path / "nowhere")
