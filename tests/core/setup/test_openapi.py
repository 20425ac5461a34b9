from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.core.setup.openapi import find_chats


def _document(path: str, schema: Any, schemas: Any = None) -> dict[str, Any]:
    body = {"content": {"application/json": {"schema": schema}}}
    return {"paths": {path: {"post": {"requestBody": body}}}, "components": {"schemas": schemas or {}}}


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ({"properties": {"message": {"type": "string"}}}, {"message": "${message}"}),
        ({"properties": {"question": {"type": ["null", "string"]}}}, {"question": "${message}"}),
        (
            {"properties": {"query": {"anyOf": [{"type": "null"}, {"type": "string"}]}}},
            {"query": "${message}"},
        ),
        (
            {
                "properties": {"messages": {"type": "array"}, "model": {"type": "string"}},
                "required": ["model"],
            },
            {"messages": "${conversation}", "model": "bench"},
        ),
        (
            {
                "properties": {
                    "text": {"type": "string"},
                    "mode": {"enum": ["fast", "slow"]},
                    "limit": {"type": "integer"},
                    "rag": {"type": "boolean", "default": True},
                    "options": {"type": "object"},
                },
                "required": ["text", "mode", "limit", "rag", "options"],
            },
            {"text": "${message}", "mode": "fast", "limit": 1, "rag": True, "options": {}},
        ),
    ],
)
def test_the_body_has_the_message_and_all_required_fields(schema: Any, body: dict[str, Any]) -> None:
    """Fields that may be missing are left out."""
    (operation,) = find_chats(_document("/api/chat", schema))
    assert operation.body == body


def test_references_are_followed() -> None:
    """FastAPI describes each body by a reference."""
    schemas = {
        "Ask": {"properties": {"message": {"$ref": "#/components/schemas/Text"}}},
        "Text": {"type": "string"},
    }
    (operation,) = find_chats(_document("/ask", {"$ref": "#/components/schemas/Ask"}, schemas))
    assert operation.body == {"message": "${message}"}


def test_a_path_of_a_chat_comes_first() -> None:
    """A request with another purpose may have a text, too."""
    text = {"properties": {"text": {"type": "string"}}}
    document = _document("/api/notes", text)
    document["paths"] |= _document("/api/chat", text)["paths"]
    assert [operation.path for operation in find_chats(document)] == ["/api/chat", "/api/notes"]


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"paths": []},
        {"paths": {"/a": {"get": {}}}},
        {"paths": {"/chat/{id}": {"post": {"requestBody": {}}}}},
        _document("/chat", {"properties": {"count": {"type": "integer"}}}),
        _document(
            "/chat", {"$ref": "#/components/schemas/Loop"}, {"Loop": {"$ref": "#/components/schemas/Loop"}}
        ),
    ],
)
def test_a_document_without_a_message_has_no_chat(document: Any) -> None:
    """Neither a request without a text nor a malformed document is one."""
    assert find_chats(document) == ()


_JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["string", "#/paths", "${message}"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "paths", "/chat", "post", "requestBody", "content", "application/json", "schema", "$ref",
            "properties", "message", "messages", "type", "anyOf", "required",
        ]),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@given(_JSON)
def test_no_document_raises(document: Any) -> None:
    """A server may send anything."""
    assert isinstance(find_chats(document), tuple)
