import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.measure.http.wire import Address, request_bytes


def test_a_request_is_its_parts_in_order() -> None:
    """Request line, Host, headers, the length, and the body, as RFC 9112 defines."""
    assert request_bytes("POST", "/ask?q=%20", "h:1", {"a": "b"}, b"body") == (
        b"POST /ask?q=%20 HTTP/1.1\r\nhost: h:1\r\na: b\r\ncontent-length: 4\r\n\r\nbody"
    )
    assert request_bytes("GET", "/", "h", [("a", "1"), ("a", "2")]) == (
        b"GET / HTTP/1.1\r\nhost: h\r\na: 1\r\na: 2\r\n\r\n"
    )
    assert request_bytes("PUT", "/", "h", {}).endswith(b"content-length: 0\r\n\r\n")
    assert request_bytes("GET", "/", "h", {"Host": "other"}) == b"GET / HTTP/1.1\r\nHost: other\r\n\r\n"


@pytest.mark.parametrize(
    ("method", "path", "host", "headers"),
    [
        ("GET /", "/", "h", {}),
        ("", "/", "h", {}),
        ("GET", "/a b", "h", {}),
        ("GET", "/\r\nx: y", "h", {}),
        ("GET", "/é", "h", {}),
        ("GET", "", "h", {}),
        ("GET", "/", "h\r\nx: y", {}),
        ("GET", "/", "h", {"a\r\nb": "c"}),
        ("GET", "/", "h", {"a:": "c"}),
        ("GET", "/", "h", {"": "c"}),
        ("GET", "/", "h", {"a": "b\r\nc: d"}),
        ("GET", "/", "h", {"a": "b\nc"}),
        ("GET", "/", "h", {"a": "b\0"}),
        ("GET", "/", "h", {"a": "🙂"}),
        ("POST", "/", "h", {"Content-Length": "1"}),
        ("POST", "/", "h", {"transfer-encoding": "chunked"}),
    ],
)
def test_a_part_with_a_separator_is_refused(
    method: str, path: str, host: str, headers: dict[str, str]
) -> None:
    """A part of a request that would be read as another part is refused."""
    with pytest.raises(ValueError, match=r"\S"):
        request_bytes(method, path, host, headers)


@given(name=st.text(), value=st.text(), path=st.text())
def test_a_request_has_as_many_lines_as_parts(name: str, value: str, path: str) -> None:
    """Any text as name, value and path is refused or stays on its line."""
    try:
        made = request_bytes("GET", path, "h", [("host", "h"), (name, value)])
    except ValueError:
        return
    assert made.count(b"\n") == made.count(b"\r") == 4


def test_an_address_has_the_parts_of_its_url() -> None:
    """Scheme, host and port come from the URL; the default port comes from the scheme."""
    assert Address.of("http://Example.com/path?q#f") == Address("example.com", 80)
    assert Address.of("http://[::1]:8080").host == "::1"
    assert Address.of("http://bücher.example").host == "xn--bcher-kva.example"
    context = ssl.create_default_context()
    assert Address.of("https://example.com", context) == Address("example.com", 443, context, "example.com")
    own = Address.of("https://example.com:8443").tls
    assert own is not None
    assert own.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com",
        "example.com",
        "",
        "http://",
        "http://:80",
        "http://a:0",
        "http://a:65536",
        "http://a:b",
        "http://a b",
        "http://" + "a" * 64,
        "http://[::1",
    ],
)
def test_an_invalid_address_is_refused(url: str) -> None:
    """An URL that HTTP cannot connect to is a ValueError."""
    with pytest.raises(ValueError, match=r"\S"):
        Address.of(url)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("http://a", "a"),
        ("http://a:443", "a:443"),
        ("https://a:443", "a"),
        ("https://a:80", "a:80"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_host_header_has_the_port_unless_it_is_the_default(url: str, authority: str) -> None:
    """IPv6 addresses have brackets."""
    assert Address.of(url).authority == authority
