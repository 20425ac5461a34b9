import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.response.server_words import explain, find_head_words, find_words
from tests.laws import READING_LAW


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"error": {"message": "Rate limit reached", "type": "requests"}}', "Rate limit reached"),
        (b'{"error": "no such model"}', "no such model"),
        (b'{"detail": "Not authenticated"}', "Not authenticated"),
        (
            b'{"detail": [{"loc": ["body", "messages"], "msg": "Field required"}]}',
            "body.messages: Field required",
        ),
        (b'{"message": "Invalid", "errors": [{"message": "too long"}]}', "Invalid: too long"),
        (b'{"errors": ["too long", "too deep"]}', "too long; too deep"),
        (
            b'{"title": "Invalid", "errors": {"model": ["It is required."]}}',
            "Invalid: model: It is required.",
        ),
        (b'{"title": "Bad Request", "status": 400, "detail": "no body"}', "no body"),
        (b'{"Message": "denied"}', "denied"),
        (b'{"code": 13}', '{"code": 13}'),
        (b'{"error": {"message": "cut', '{"error": {"message": "cut'),
        (
            b"<html><head><title>502</title></head><body><h1>Bad gateway</h1><hr>nginx</body>",
            "502: Bad gateway nginx",
        ),
        (b"<html><head><title>Gone &amp; lost</title></head></html>", "Gone & lost"),
        (b"<style>p {}</style><p>One<br>two</p><script>x()</script>", "One two"),
        (b"  upstream timed out\n", "upstream timed out"),
        (b"\xef\xbb\xbf{}", "{}"),
        (b"", ""),
    ],
)
def test_the_words_of_a_refusal_are_found(body: bytes, words: str) -> None:
    """The words are found in the JSON of common servers, in pages of HTML, and in plain text."""
    assert find_words(body) == words


def test_the_encoding_of_the_header_is_used() -> None:
    """The words of a page that is not in UTF-8 are whole; an unknown encoding is read as UTF-8."""
    assert find_words("<p>zu groß</p>".encode("latin-1"), "text/html; charset=ISO-8859-1") == "zu groß"
    assert find_words(b"full", "text/plain; charset=nonsense") == "full"


def test_a_page_may_name_its_encoding() -> None:
    """The encoding in a page counts if its header has none."""
    page = '<html><meta charset="gb2312"><body>服务器错误</body></html>'.encode("gb2312")
    assert find_words(page, "text/html") == "服务器错误"


def test_the_headers_of_a_refusal_have_words() -> None:
    """A redirection states its address, and a refused token its reason."""
    assert find_head_words("/login", None) == "redirects to /login"
    assert find_head_words(None, 'Bearer error="invalid_token"') == 'Bearer error="invalid_token"'
    assert find_head_words(None, None) == ""


@READING_LAW
@given(st.binary(max_size=60) | st.sampled_from([b"[" * 5000, b'{"error":' * 3000, b"<" * 9, b"<!--"]))
def test_no_body_raises(body: bytes) -> None:
    """For any bytes, the words are a short text."""
    assert len(find_words(body)) <= 500


def test_a_nested_error_is_searched_to_a_limited_depth() -> None:
    """Words that are buried too deeply are shown as JSON, and a bottomless document has a short name."""
    deep: dict[str, object] = {"message": "deep"}
    for _ in range(9):
        deep = {"error": deep}
    assert explain(deep).startswith('{"error": {"error":')
    bottomless: list[object] = []
    for _ in range(100_000):
        bottomless = [bottomless, 1]
    assert explain(bottomless) == "a deeply nested value"
