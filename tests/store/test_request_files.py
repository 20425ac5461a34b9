import gzip
from pathlib import Path

import orjson
import pytest

from bench.core.run.recording import request_line, request_line_model
from bench.core.samples.sample import Outcome
from bench.errors import StoreError
from bench.store import results
from tests.factories import make_recording, make_run, make_sample
from tests.render.reports import HOSTILE

# JSON's grammar allows this number, but it is not finite.
_INFINITE = orjson.dumps(request_line(make_sample(0))).replace(b'"finished_s":0.5', b'"finished_s":1e999')


def _save(folder: Path, count: int = 10) -> Path:
    samples = [make_sample(seq, detail=HOSTILE, outcome=Outcome.TIMEOUT) for seq in range(count)]
    return results.save(make_run(), make_recording(samples), folder)


def _write(folder: Path, content: bytes) -> Path:
    with gzip.open(folder / results.SAMPLES, "wb") as file:
        file.write(content)
    return folder


def test_requests_are_read_as_they_were_saved(tmp_path: Path) -> None:
    """Every request is read unchanged and in its order, at most a page at a time."""
    count = 2 * 4096 + 3
    pages = list(results.requests(_save(tmp_path, count)))
    assert [len(page) for page in pages] == [4096, 4096, 3]
    assert pages[0][0] == make_sample(0, detail=HOSTILE, outcome=Outcome.TIMEOUT)
    assert [sample.iteration for page in pages for sample in page] == [seq // 10 for seq in range(count)]


def test_a_run_without_requests_has_no_pages(tmp_path: Path) -> None:
    """A run without requests has an empty file."""
    assert list(results.requests(_save(tmp_path, 0))) == []


def test_the_error_for_missing_requests_names_the_file(tmp_path: Path) -> None:
    """A folder with only a result has no requests."""
    with pytest.raises(StoreError, match=r"there are no requests at .*samples\.jsonl\.gz"):
        list(results.requests(tmp_path))


@pytest.mark.parametrize("cut", [-20, 5])
def test_an_incomplete_file_is_an_error(tmp_path: Path, cut: int) -> None:
    """A file may be cut off at any byte."""
    home = _save(tmp_path)
    file = home / results.SAMPLES
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(StoreError, match="is not complete"):
        list(results.requests(home))


def test_a_file_without_compression_is_an_error(tmp_path: Path) -> None:
    """A text file is refused."""
    (tmp_path / results.SAMPLES).write_bytes(b"phase,vu\n")
    with pytest.raises(StoreError, match="is not complete"):
        list(results.requests(tmp_path))


@pytest.mark.parametrize("bad", [b"{", b"[]", _INFINITE, b"x" * 2_000_000, b'"phase"', b"\xff"])
def test_the_error_for_a_wrong_request_has_its_line(tmp_path: Path, bad: bytes) -> None:
    """An incomplete line, another kind of value, infinity and a very long line are refused."""
    assert b"1e999" in _INFINITE
    good = orjson.dumps(request_line(make_sample(0)))
    with pytest.raises(StoreError, match="line 2 is not a request"):
        list(results.requests(_write(tmp_path, good + b"\n" + bad + b"\n")))


@pytest.mark.parametrize("changes", [{"phase": -1}, {"vu": 2**40}, {"status": 10**9}, {"outcome": "well"}])
def test_impossible_values_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    """A value that no request can have is refused without a traceback."""
    content = orjson.dumps(request_line(make_sample(0)) | changes)
    with pytest.raises(StoreError, match="line 1 is not a request"):
        list(results.requests(_write(tmp_path, content)))


def test_a_line_has_only_what_the_schema_requires(tmp_path: Path) -> None:
    """A line may leave out all fields that the published schema does not require."""
    required = request_line_model().model_json_schema()["required"]
    kept = {name: value for name, value in request_line(make_sample(0)).items() if name in required}
    (page,) = results.requests(_write(tmp_path, orjson.dumps(kept)))
    assert request_line_model().model_validate(kept).model_dump() == page[0]._asdict()


def test_a_line_follows_the_published_schema() -> None:
    """Every stored field of a request is a field of the published schema."""
    kept = request_line(
        make_sample(
            0,
            tokens=3,
            first_token_s=0.1,
            detail="x",
            connect_s=0.1,
            intercepted=True,
            milestone_times={"sources": 12.5},
        )
    )
    read = request_line_model().model_validate_json(orjson.dumps(kept))
    assert read.model_dump(exclude_none=True) == kept
