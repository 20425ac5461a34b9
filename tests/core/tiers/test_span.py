from typing import Any

import pytest

from bench.core.tiers.span import DATABASE_CALLS, MODEL_CALLS, call_of, peer_of, peers_of, tier_of

PEERS = peers_of({"model": "http://127.0.0.1:11434/v1", "api": "https://api.example.com"})


@pytest.mark.parametrize(
    ("attributes", "peer", "call"),
    [
        ({"db.system": "mongodb", "net.peer.name": "127.0.0.1"}, "mongodb", DATABASE_CALLS),
        ({"db.system.name": "microsoft.sql_server"}, "microsoft-sql_server", DATABASE_CALLS),
        ({"url.full": "http://localhost:11434/api/generate"}, "model", MODEL_CALLS),
        ({"http.url": "http://127.0.0.1:11434/api/chat?x=1"}, "model", MODEL_CALLS),
        ({"url.full": "http://localhost:11434/api/tags"}, "model", None),
        ({"server.address": "127.0.0.1", "server.port": 11434}, "model", None),
        ({"net.peer.name": "api", "net.peer.port": 80, "http.target": "/v1/messages"}, "api", MODEL_CALLS),
        ({"url.full": "https://api.example.com/v1/chat/completions"}, "api", MODEL_CALLS),
        ({"url.full": "https://api.openai.com/v1/responses"}, "api-openai-com", MODEL_CALLS),
        ({"url.full": "http://127.0.0.1:9/x", "peer.service": "mail"}, "mail", None),
        ({"url.full": "http://127.0.0.1:9/x"}, "local-calls", None),
        ({"url.full": "http://127.0.0.1:9/v1/chat/completions"}, "model", MODEL_CALLS),
        ({"gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai"}, "openai", MODEL_CALLS),
        ({"gen_ai.operation.name": "execute_tool", "gen_ai.system": "openai"}, "openai", None),
        ({"url.full": "http://[bad"}, None, None),
        ({"server.port": "many"}, None, None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_a_call_goes_to_a_tier(attributes: dict[str, Any], peer: str | None, call: str | None) -> None:
    """A database, a service of the stack by its address, a named peer, or a host; and the counter."""
    assert (peer_of(attributes, PEERS), call_of(attributes)) == (peer, call)


@pytest.mark.parametrize(
    ("name", "tier"),
    [
        ("backend", "backend"),
        ("my.app/api v2", "my-app-api-v2"),
        ("unknown_service:node", "unknown_service-node"),
        ("…", "unknown_service"),
        ("x" * 90, "x" * 40),
    ],
)
def test_any_name_becomes_a_name_of_a_tier(name: str, tier: str) -> None:
    """Tiers have names that are keys of metrics."""
    assert tier_of(name) == tier
