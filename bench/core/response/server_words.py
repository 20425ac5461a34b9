"""The server's own words in the body of a refused request."""


def find_words(body: bytes, content_type: str | None = None) -> str:
    """Return the words with which a server explains a refusal: of a JSON document, a page of HTML or a text.

    Args:
        body: The body of the response, or its beginning.
        content_type: Its header `Content-Type`.
    """
    del content_type
    return body.decode(errors="replace")
