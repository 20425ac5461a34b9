import errno
import json
import os
import random
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.core.config.watching import AlertLimits
from bench.core.load.machine_limits import MachineLimits
from bench.core.run.recorded_values import RecordedValues
from bench.core.run.run_start import RunStart, hide_secrets
from bench.core.samples import blocks
from bench.core.samples.blocks import BlockKind, BrokenBlockError, encode_requests, encode_values
from bench.core.samples.request import RequestSample
from bench.core.samples.sample import Outcome
from bench.core.samples.samples import SampleLog, Samples
from bench.errors import StoreError
from bench.store import results
from bench.store.sample_files import SAMPLES, FileStore, read_samples
from tests.factories import (
    TIER_TIMES,
    make_fingerprint,
    make_provenance,
    make_recording,
    make_run,
    make_sample,
    make_spec,
    make_use,
)

ROWS_PER_BATCH = 20
BATCHES = 5


def make_start(**target: Any) -> RunStart:
    """The start of a run."""
    return RunStart(
        owner="nobody",
        spec=hide_secrets(make_spec(**target)),
        provenance=make_provenance(),
        fingerprint=make_fingerprint(),
        limits=AlertLimits(),
        workers=1,
        machine_limits=MachineLimits(),
        remainder=None,
    )


def make_rows(first: int = 0, count: int = ROWS_PER_BATCH) -> list[RequestSample]:
    """Requests with new texts in each batch, and tiers that only some of them have."""
    rows = []
    for seq in range(first, first + count):
        failed = {"outcome": Outcome.TIMEOUT, "detail": f"failure {seq // 7}"} if seq % 3 == 0 else {}
        tiers = {"tier_times": TIER_TIMES if seq % 2 else {}}
        rows.append(make_sample(seq, prompt=f"message {seq // 10}", **failed, **tiers))
    return list(Samples.of(rows))


def make_log(rows: list[RequestSample]) -> SampleLog:
    """The batch of a load generator."""
    log = SampleLog()
    log.add_rows(rows)
    return log


def add_batches(store: FileStore) -> list[RequestSample]:
    """Add batches and values to a store; return all requests."""
    rows: list[RequestSample] = []
    for number in range(BATCHES):
        batch = make_rows(number * ROWS_PER_BATCH)
        rows += batch
        store.add(make_log(batch))
        store.note(RecordedValues(at_s=float(number), resources=(make_use(at_s=number),)))
    return rows


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, list[RequestSample]]:
    """A file of samples as a killed run leaves it, and its requests."""
    rows = add_batches(FileStore(tmp_path, make_start()))
    return tmp_path / SAMPLES, rows


def test_everything_is_in_the_file_as_soon_as_it_is_added(written: tuple[Path, list[RequestSample]]) -> None:
    """Another process reads each request and value unchanged, in any selection, without an end of the run."""
    path, rows = written
    stored = read_samples(path)
    assert stored.problem is None
    assert list(stored.samples) == rows
    assert list(stored.samples[30:70:3]) == rows[30:70:3]
    mask = np.arange(len(rows)) % 7 == 3
    assert list(stored.samples.where(mask)) == rows[3::7]
    assert [values.at_s for values in stored.values] == [float(number) for number in range(BATCHES)]


def test_a_file_that_is_cut_off_is_read_up_to_there(written: tuple[Path, list[RequestSample]]) -> None:
    """A run can be killed at any byte: every complete block before it counts, and the rest is named."""
    path, rows = written
    content = path.read_bytes()
    counts = set()
    for size in (*range(0, len(content), 211), len(content)):
        path.write_bytes(content[:size])
        stored = read_samples(path)
        count = len(stored.samples)
        counts.add(count)
        assert list(stored.samples) == rows[:count]
        assert (stored.problem is None) or "incomplete" in stored.problem
    assert counts == {number * ROWS_PER_BATCH for number in range(BATCHES + 1)}


def test_a_flipped_bit_ends_the_readable_part(written: tuple[Path, list[RequestSample]]) -> None:
    """No bit is without a checksum: the requests before it are read, and the damage is named."""
    path, rows = written
    content = path.read_bytes()
    chance = random.Random(1)
    for _ in range(60):
        place = chance.randrange(len(content))
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        stored = read_samples(path)
        assert stored.problem is not None
        assert list(stored.samples) == rows[: len(stored.samples)]
        assert len(stored.samples) < len(rows) or len(stored.values) < BATCHES


@pytest.mark.parametrize("content", [b"phase,vu\n", b"\x00" * 5000, b"\x1f\x8b" + b"x" * 100, b"BNB1"])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """The error names the file."""
    (tmp_path / SAMPLES).write_bytes(content)
    with pytest.raises(StoreError, match=r"samples\.blocks ends at byte 0"):
        list(results.requests(tmp_path))


def test_the_error_for_missing_requests_names_the_file(tmp_path: Path) -> None:
    """A folder with only a result has no requests."""
    with pytest.raises(StoreError, match=r"there are no requests at .*samples\.blocks"):
        list(results.requests(tmp_path))


def forge(description: dict[str, object] | bytes, data: bytes, kind: int = BlockKind.REQUESTS) -> bytes:
    """A block with a correct checksum."""
    text = description if isinstance(description, bytes) else json.dumps(description).encode()
    head = blocks._HEAD.pack(b"BNB1", kind, len(text), len(data), 0)[:-4]
    return head + zlib.crc32(head + text + data).to_bytes(4, "little") + text + data


def split_block(block: bytes) -> tuple[dict[str, Any], bytes]:
    """The description and the data of a block."""
    _, _, described, _, _ = blocks._HEAD.unpack_from(block)
    begin = blocks._HEAD.size
    return json.loads(block[begin : begin + described]), block[begin + described :]


def _forge_values(tmp_path: Path) -> list[bytes]:
    """Blocks whose checksums are right and whose content is not."""
    good = encode_requests(make_log(make_rows()), blocks.TextCounts())
    described, data = split_block(good)
    columns = dict(described["columns"])
    forged = [
        forge(described | {"rows": 10**15}, data),
        forge(described | {"rows": -1}, data),
        forge(described | {"rows": 0}, data),
        forge(described | {"tiers": ["agent"] * 6}, data),
        forge(described | {"columns": {**columns, "more": "d"}}, data),
        forge(described | {"columns": dict(reversed(columns.items()))}, data),
        forge(described | {"prompts": []}, data),
        forge(described | {"prompts": ["twice", "twice"]}, data),
        forge(described | {"details": [None]}, data),
        forge(described, b"\xff" * len(data)),
        forge(described, data[:-1]),
        forge(b"{", data),
        forge(b"[" * 100_000, b""),
        forge({"rows": 1, "tiers": ["a"]}, b"\x00" * 4, BlockKind.TIERS),
        forge({"at_s": 1e300}, b"", BlockKind.VALUES),
        forge({"at_s": 1, "token_spans": {"0": [[0, 1e18]]}}, b"", BlockKind.VALUES),
        forge({"at_s": 1, "resources": "many"}, b"", BlockKind.VALUES),
        forge({"at_s": 1}, b"", 77),
    ]
    assert forge(described, data) == good, tmp_path
    return forged


def test_a_forged_block_is_refused(tmp_path: Path) -> None:
    """A correct checksum proves nothing: lengths, numbers of texts and values are checked."""
    first = encode_values(b'{"at_s": 1.0}')
    for number, block in enumerate(_forge_values(tmp_path)):
        path = tmp_path / f"{number}"
        path.write_bytes(first + block)
        stored = read_samples(path)
        assert stored.problem is not None, number
        assert (len(stored.samples), len(stored.values)) == (0, 1), number


def test_a_huge_block_fills_no_memory(tmp_path: Path) -> None:
    """A file with a hole can be larger than the memory."""
    path = tmp_path / SAMPLES
    size = 2**40
    path.write_bytes(blocks._HEAD.pack(b"BNB1", BlockKind.REQUESTS, 10, size, 0))
    os.truncate(path, size * 2)
    assert "too large" in (read_samples(path).problem or "")


def test_a_full_disk_loses_no_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests that do not fit stay in memory, and go to the file once, when there is room."""
    write = os.pwrite
    is_full = True

    def write_some(file: int, content: bytes, at: int) -> int:
        if is_full:
            if at > 3000:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(file, content[:500], at)
        return write(file, content, at)

    monkeypatch.setattr("bench.store.sample_files.os.pwrite", write_some)
    monkeypatch.setattr("bench.store.sample_files._RETRY_S", 0.0)
    store = FileStore(tmp_path, make_start())
    rows = add_batches(store)
    assert list(store.read_samples()) == rows
    assert [values.at_s for values in store.read_values()] == [float(number) for number in range(BATCHES)]
    assert len(read_samples(tmp_path / SAMPLES).samples) < len(rows)
    is_full = False
    rows += make_rows(1000)
    store.add(make_log(make_rows(1000)))
    assert list(store.read_samples()) == rows
    assert list(read_samples(tmp_path / SAMPLES).samples) == rows


def test_a_folder_that_is_not_writable_loses_no_request(tmp_path: Path) -> None:
    """The run goes on in memory."""
    (tmp_path / "file").write_text("")
    store = FileStore(tmp_path / "file", make_start())
    rows = add_batches(store)
    assert list(store.read_samples()) == rows
    assert len(list(store.read_values())) == BATCHES


def test_a_run_that_is_in_the_file_is_not_written_again(tmp_path: Path) -> None:
    """At the end of a run, its requests are in its folder already; elsewhere they are written."""
    run = make_run()
    home = tmp_path / run.provenance.run_id
    store = FileStore(home, make_start())
    rows = add_batches(store)
    recording = replace(make_recording([]), samples=store.read_samples())
    before = (home / SAMPLES).stat()
    results.save(run, recording, tmp_path)
    assert (home / SAMPLES).stat().st_ino == before.st_ino
    assert not (home / "run.json").exists()
    other = results.save(run, recording, tmp_path / "other")
    assert list(read_samples(other / SAMPLES).samples) == rows


def test_tier_times_of_traces_replace_those_of_the_responses(tmp_path: Path) -> None:
    """Traces come after the load; a file that ends before the last of them keeps the times of responses."""
    store = FileStore(tmp_path, make_start())
    rows = add_batches(store)
    before = (tmp_path / SAMPLES).stat().st_size
    times_ms = np.arange(len(rows), dtype=float)
    store.replace_tiers(store.read_samples().with_tier_times({"traced": times_ms}, alone=True))
    for samples in (store.read_samples(), read_samples(tmp_path / SAMPLES).samples):
        assert samples.tiers == ["traced"]
        assert samples.tier_time("traced").tolist() == times_ms.tolist()
    os.truncate(tmp_path / SAMPLES, before + 10)
    assert list(read_samples(tmp_path / SAMPLES).samples) == rows


def test_a_run_that_failed_before_its_first_request_leaves_no_files(tmp_path: Path) -> None:
    """A run with requests keeps them."""
    empty = FileStore(tmp_path / "empty", make_start())
    empty.drop_if_empty()
    assert not (tmp_path / "empty").exists()
    kept = FileStore(tmp_path / "kept", make_start())
    rows = add_batches(kept)
    kept.drop_if_empty()
    assert list(read_samples(tmp_path / "kept" / SAMPLES).samples) == rows


def test_no_file_has_a_secret(tmp_path: Path) -> None:
    """Headers with fixed values, variables and details that quote a secret are hidden."""
    headers = {"x-key": "open-sesame", "authorization": "Bearer ${env.KEY}"}
    store = FileStore(tmp_path, make_start(headers=headers), ["open-sesame"])
    store.add(make_log([make_sample(0, outcome=Outcome.HTTP_ERROR, detail="no such key: open-sesame")]))
    for path in tmp_path.iterdir():
        assert b"open-sesame" not in path.read_bytes()
    assert b"${env.KEY}" in (tmp_path / "run.json").read_bytes()


def test_a_file_that_becomes_shorter_while_it_is_read_is_an_error(
    written: tuple[Path, list[RequestSample]],
) -> None:
    """Another program may cut off a file that is open."""
    path, _ = written
    stored = read_samples(path)
    os.truncate(path, 1000)
    with pytest.raises(StoreError, match="became shorter"):
        list(stored.samples)


def test_a_block_that_is_read_is_complete() -> None:
    """The end of a file in the head of a block is an incomplete block."""
    with pytest.raises(BrokenBlockError, match="incomplete"):
        blocks.read_block(lambda _at, _count: b"BNB", 0, 3)
