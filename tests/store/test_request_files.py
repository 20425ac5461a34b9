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

# JSON's grammar has it, and no clock does.
_INFINITE = orjson.dumps(request_line(make_sample(0))).replace(b'"finished_s":0.5', b'"finished_s":1e999')


def _kept(folder: Path, count: int = 10) -> Path:
    samples = [make_sample(seq, detail=HOSTILE, outcome=Outcome.TIMEOUT) for seq in range(count)]
    return results.save(make_run(), make_recording(samples), folder)


def _written(folder: Path, content: bytes) -> Path:
    with gzip.open(folder / results.SAMPLES, "wb") as file:
        file.write(content)
    return folder


def test_requests_are_read_as_they_were_kept(tmp_path: Path) -> None:
    """Every request comes back as it was, in its order, and no more than a page of them at once."""
    count = 2 * 4096 + 3
    pages = list(results.requests(_kept(tmp_path, count)))
    assert [len(page) for page in pages] == [4096, 4096, 3]
    assert pages[0][0] == make_sample(0, detail=HOSTILE, outcome=Outcome.TIMEOUT)
    assert [sample.iteration for page in pages for sample in page] == [seq // 10 for seq in range(count)]


def test_a_run_without_requests_has_no_pages(tmp_path: Path) -> None:
    """Where nothing was sent there is nothing to read."""
    assert list(results.requests(_kept(tmp_path, 0))) == []


def test_requests_that_are_not_there_are_said(tmp_path: Path) -> None:
    """A folder with a result alone names the file that it lacks."""
    with pytest.raises(StoreError, match=r"there are no requests at .*samples\.jsonl\.gz"):
        list(results.requests(tmp_path))


@pytest.mark.parametrize("cut", [-20, 5])
def test_half_a_file_is_called_that(tmp_path: Path, cut: int) -> None:
    """A file that was cut off is said to be that, wherever it was cut."""
    home = _kept(tmp_path)
    file = home / results.SAMPLES
    file.write_bytes(file.read_bytes()[:cut])
    with pytest.raises(StoreError, match="is not whole"):
        list(results.requests(home))


def test_what_is_no_gzip_is_said(tmp_path: Path) -> None:
    """A file of another kind is no run's."""
    (tmp_path / results.SAMPLES).write_bytes(b"stage,user\n")
    with pytest.raises(StoreError, match="is not whole"):
        list(results.requests(tmp_path))


@pytest.mark.parametrize("bad", [b"{", b"[]", _INFINITE, b"x" * 2_000_000, b'"stage"', b"\xff"])
def test_what_is_no_request_is_named_with_its_line(tmp_path: Path, bad: bytes) -> None:
    """Half a line, another kind of value, no number and a line without end are refused with their place."""
    assert b"1e999" in _INFINITE
    good = orjson.dumps(request_line(make_sample(0)))
    with pytest.raises(StoreError, match="line 2 is not a request"):
        list(results.requests(_written(tmp_path, good + b"\n" + bad + b"\n")))


@pytest.mark.parametrize("changes", [{"phase": -1}, {"vu": 2**40}, {"status": 10**9}, {"outcome": "well"}])
def test_impossible_values_are_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    """A number that no request has is refused, and is no error of ours."""
    content = orjson.dumps(request_line(make_sample(0)) | changes)
    with pytest.raises(StoreError, match="line 1 is not a request"):
        list(results.requests(_written(tmp_path, content)))


def test_a_line_has_only_what_the_schema_requires(tmp_path: Path) -> None:
    """What the published schema lets a line leave out is left out and read, tier times among it."""
    required = request_line_model().model_json_schema()["required"]
    kept = {name: value for name, value in request_line(make_sample(0)).items() if name in required}
    (page,) = results.requests(_written(tmp_path, orjson.dumps(kept)))
    assert request_line_model().model_validate(kept).model_dump() == page[0]._asdict()


def test_the_schema_of_a_line_is_that_of_a_request() -> None:
    """What is kept of a request is what the published schema allows, field by field."""
    kept = request_line(
        make_sample(0, tokens=3, first_token_s=0.1, detail="x", connect_s=0.1, intercepted=True)
    )
    read = request_line_model().model_validate_json(orjson.dumps(kept))
    assert read.model_dump(exclude_none=True) == kept
