from array import array
from base64 import b64decode

import pytest

from tests.mock.virtual import ask

PATHS = {"/v1/embeddings": "input", "/api/embed": "input", "/api/embeddings": "prompt"}


def _vectors(path: str, **body: object) -> list[list[float]]:
    document = ask(path, {"model": "mock", **body}).document
    if "data" in document:
        return [row["embedding"] for row in document["data"]]
    return list(document.get("embeddings") or [document["embedding"]])


@pytest.mark.parametrize(("path", "field"), PATHS.items())
def test_a_vector_depends_only_on_its_text(path: str, field: str) -> None:
    """Equal texts have equal vectors of length 1 in all APIs, other texts have others."""
    (vector,) = _vectors(path, **{field: "contract"})
    (same,) = _vectors("/v1/embeddings", input="contract")
    (other,) = _vectors(path, **{field: "invoice"})
    assert len(vector) == 384
    assert sum(number * number for number in vector) == pytest.approx(1.0, abs=1e-5)
    assert vector == pytest.approx(same)
    assert vector != pytest.approx(other)


def test_several_texts_have_a_vector_each() -> None:
    """The counts are those of all texts, and the request chooses the dimensions."""
    body = {"model": "mock", "input": ["abcd", "efghijkl"], "dimensions": 8}
    document = ask("/v1/embeddings", body).document
    assert [len(row["embedding"]) for row in document["data"]] == [8, 8]
    assert document["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert ask("/api/embed", body).document["prompt_eval_count"] == 3


def test_openais_client_gets_packed_vectors() -> None:
    """It asks for base64, which holds the same numbers."""
    (numbers,) = _vectors("/v1/embeddings", input="contract")
    (packed,) = _vectors("/v1/embeddings", input="contract", encoding_format="base64")
    assert array("f", b64decode(str(packed))).tolist() == pytest.approx(numbers)


@pytest.mark.parametrize(("path", "field"), PATHS.items())
def test_an_embedding_leaves_at_the_time_of_the_first_token(path: str, field: str) -> None:
    """The number of tokens of an answer has no influence, and faults are those of the name."""
    assert ask(path, {"model": "mock-ttft40-gap10-n9", field: "text"}).moments_s == pytest.approx([0.04])
    assert ask(path, {"model": "mock-err100", field: "text"}).status == 500
    assert ask(path, {"model": "mock-streamerr100", field: "text"}).status == 500
    assert ask(path, {"model": "mock-cut100", field: "text"}).wire.state == "aborted"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "input must be a text or a list of texts"),
        ({"input": []}, "input must be a text or a list of texts"),
        ({"input": "a", "dimensions": 70_000}, "dimensions must be at most 65536"),
    ],
)
def test_a_wrong_request_gets_a_reason(body: dict[str, object], message: str) -> None:
    """The status is 400."""
    client = ask("/v1/embeddings", {"model": "mock", **body})
    assert client.status == 400
    assert client.document["error"]["message"] == message
