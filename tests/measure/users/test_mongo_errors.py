import secrets
import socketserver
import struct
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote_plus

import bson
import pytest
from pymongo.errors import ConfigurationError, OperationFailure, PyMongoError, ServerSelectionTimeoutError

from bench.errors import TargetError
from bench.measure.users import document_stores
from bench.measure.users.document_stores import MongoDocumentStore
from bench.measure.users.mongo_errors import describe_error

USER = "a" * 24
_HEADER = struct.Struct("<iiii")
_OP_QUERY = 2004
_OP_REPLY = 1
_OP_MSG = 2013


class _ReplicaSet(socketserver.BaseRequestHandler):
    """A MongoDB that introduces itself by a name that only its own network knows."""

    def handle(self) -> None:
        """Answer every command with success."""
        stream = self.request.makefile("rb")
        while header := stream.read(_HEADER.size):
            length, number, _, kind = _HEADER.unpack(header)
            stream.read(length - _HEADER.size)
            document = bson.encode(
                {
                    "ok": 1,
                    "isWritablePrimary": True,
                    "setName": "rs0",
                    "hosts": ["mongo.invalid:27017"],
                    "me": "mongo.invalid:27017",
                    "maxWireVersion": 21,
                }
            )
            body = b"\0\0\0\0\0" + document
            if kind == _OP_QUERY:
                body = struct.pack("<iqii", 8, 0, 0, 1) + document
            answer = _OP_REPLY if kind == _OP_QUERY else _OP_MSG
            self.request.sendall(_HEADER.pack(_HEADER.size + len(body), 1, number, answer) + body)


@pytest.fixture
def replica_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of the replica set, as this machine knows it."""
    monkeypatch.setattr(document_stores, "_TIMEOUT_MS", 500)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _ReplicaSet) as listener:
        listener.daemon_threads = True
        thread = threading.Thread(target=listener.serve_forever, args=[0.05])
        thread.start()
        yield f"mongodb://127.0.0.1:{listener.server_address[1]}/app"
        listener.shutdown()
        thread.join()


@pytest.mark.parametrize("options", ["", "?replicaSet=rs0"])
def test_a_replica_set_with_names_of_its_own_network_has_a_cure(replica_set: str, options: str) -> None:
    """The client leaves the address that answers and goes to the names, which this machine does not know."""
    with pytest.raises(TargetError, match="internal hostnames") as caught:
        MongoDocumentStore(replica_set + options, "users", "users.store.uri").remove([USER])
    assert "mongo.invalid" in caught.value.message
    assert "add directConnection=true to users.store.uri" in (caught.value.hint or "")


def test_a_direct_connection_stays_at_the_address(replica_set: str) -> None:
    """This is the cure of the replica set."""
    store = MongoDocumentStore(f"{replica_set}?directConnection=true", "users")
    store.add([USER])
    store.remove([USER])


@pytest.mark.parametrize(
    ("uri", "sentence", "cure"),
    [
        ("mongodb://127.0.0.1:1/", "No default database name", "add the name of the database to uri"),
        ("mongodb://127.0.0.1:99999/app", "Port must be an integer", "check the server"),
        ("mongodb://127.0.0.1:1/app?tls=true&tlsCAFile=/no/file", "/no/file", "correct the file in uri"),
        ("http://127.0.0.1/app", "URI must begin with 'mongodb://'", "check the server"),
        ("mongodb://", "at least one hostname", "check the server"),
    ],
)
def test_a_wrong_address_has_the_sentence_of_pymongo(uri: str, sentence: str, cure: str) -> None:
    """Its cure names the field of the address."""
    with pytest.raises(TargetError) as caught:
        MongoDocumentStore(uri, "users").remove([USER])
    assert sentence in caught.value.message
    assert cure in (caught.value.hint or "")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("special", "@:/?#%[]")
@pytest.mark.parametrize("place", ["127.0.0.1:1/app", "127.0.0.1:1", "127.0.0.1:1/app?appName=x"])
def test_an_unescaped_password_is_named_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, special: str, place: str
) -> None:
    """No part of it is in the message, whatever pymongo takes it for."""
    monkeypatch.setattr(document_stores, "_TIMEOUT_MS", 50)
    first, last = secrets.token_hex(6), secrets.token_hex(6)
    for password in (f"{first}{special}z{last}", f"12{special}z{last}"):
        with pytest.raises(TargetError) as caught:
            MongoDocumentStore(f"mongodb://tess:{password}@{place}", "users").remove([USER])
        shown = f"{caught.value.message} {caught.value.hint}"
        assert "write %40 for @" in shown
        assert first not in shown
        assert last not in shown


@pytest.mark.parametrize("special", "@:/?#%[]")
def test_an_escaped_password_needs_no_escape(monkeypatch: pytest.MonkeyPatch, special: str) -> None:
    """The cure is that of the error, here of a refused connection."""
    monkeypatch.setattr(document_stores, "_TIMEOUT_MS", 50)
    password = quote_plus(f"secret{special}word")
    with pytest.raises(TargetError, match="refused") as caught:
        MongoDocumentStore(f"mongodb://tess:{password}@127.0.0.1:1/app", "users").remove([USER])
    assert "check that a MongoDB listens" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("error", "cure"),
    [
        (ConfigurationError("The DNS query name does not exist: _mongodb._tcp.x.example."), "SRV records"),
        (ConfigurationError('The "dnspython" module must be installed to use mongodb+srv:// URIs.'), "SRV"),
        (OperationFailure("Authentication failed.", 18), "add authSource=admin"),
        (OperationFailure("x", 18, {"errmsg": "bad auth : authentication failed"}), "authSource=admin"),
        (OperationFailure("x", 13, {"errmsg": "not authorized on app to execute command"}), "role readWrite"),
        (OperationFailure("Command delete requires authentication", 13), "mongodb://USER:PASSWORD@"),
        (
            ServerSelectionTimeoutError(
                "SSL handshake failed: h:1: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: "
                "self-signed certificate (configured timeouts: connectTimeoutMS: 5000.0ms), Timeout: 5.0s"
            ),
            "tlsCAFile=FILE",
        ),
        (ServerSelectionTimeoutError("SSL handshake failed: h:1: [SSL: WRONG_VERSION_NUMBER]"), "check tls"),
        (
            ServerSelectionTimeoutError("h:1: connection closed (configured timeouts: 1), Timeout: 5.0s"),
            "tls=true",
        ),
        (ServerSelectionTimeoutError("h:1: [Errno -2] Name or service not known, Timeout: 5s"), "host name"),
        (
            ServerSelectionTimeoutError('No replica set members available for replica set name "x"'),
            "replicaSet",
        ),
        (PyMongoError("something else"), "free space of its disk"),
    ],
)
def test_each_kind_of_error_has_a_cure(error: Exception, cure: str) -> None:
    """The sentence is the first one of pymongo, without its settings."""
    problem = describe_error(error, "mongodb://h:1/app")
    assert problem.sentence.startswith(f"{type(error).__name__}: ")
    assert "Timeout" not in problem.sentence.partition(": ")[2]
    assert cure in problem.cure("uri")


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({"errmsg": "database or disk is full"}, "database or disk is full"),
        ({"writeErrors": [{"errmsg": "no room\nat all"}, {"errmsg": "x"}]}, "no room"),
        ({}, "the message of pymongo"),
        (None, "the message of pymongo"),
    ],
)
def test_the_words_of_the_server_come_first(details: dict[str, Any] | None, message: str) -> None:
    """The first line of its message replaces the sentence of pymongo."""
    error = OperationFailure("the message of pymongo, full error: {'x': 1}", details=details)
    assert describe_error(error, "mongodb://h/app").sentence == f"OperationFailure: {message}"
