"""Kinds of hostile bodies: bytes that cost a reader as much as possible."""

from collections.abc import Mapping

BYTES = 16 * 1024
"""Length of each body."""


def _fill(unit: bytes) -> bytes:
    return (unit * (BYTES // len(unit) + 1))[:BYTES]


def _event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


def _fields(count: int, value: bytes) -> bytes:
    return b",".join(b'"n%d":%b' % (number, value) for number in range(count))


KINDS: Mapping[str, bytes] = {
    "ordinary": _fill(_event(b'{"text":"word "}')),
    "ordinary chunks": _fill(
        _event(b'{"choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}]}')
    ),
    "comments": _fill(b": ping\n\n"),
    "short comments": _fill(b":\n\n"),
    "comment lines": _fill(b":\n"),
    "empty lines": _fill(b"\n"),
    "CR": _fill(b"\r"),
    "CR and LF": _fill(b"\r\n"),
    "data without text": _fill(b"data:\n\n"),
    "data of a blank": _fill(b"data: \n\n"),
    "lines of data": _fill(b"data: x\n"),
    "short lines of data": _fill(b"data:\n"),
    "plain lines": _fill(b"a\n"),
    "plain blocks": _fill(b"d\n\n"),
    "unknown fields": _fill(b"x:\n\n"),
    "names of events": _fill(b"event:x\n\n"),
    "named events": _fill(b"event: ping\ndata: {}\n\n"),
    "ids": _fill(b"id:1\n\n"),
    "lines of errors": _fill(b"error:\n"),
    "events of errors": _fill(b"error:\n\n"),
    "named errors": _fill(b"event:error\ndata:{}\n\n"),
    "numbers": _fill(_event(b"1")),
    "lists": _fill(_event(b"[]")),
    "objects": _fill(_event(b"{}")),
    "lines of objects": _fill(b"{}\n"),
    "lines of brackets": _fill(b"{\n"),
    "no JSON": _fill(_event(b"x")),
    "half JSON": _fill(_event(b"{")),
    "texts and numbers": _fill(_event(b'{"text":"a"}') + _event(b'{"text":1}')),
    "texts and lists": _fill(_event(b'{"text":"a"}') + _event(b'{"text":["a"]}')),
    "no choices": _fill(_event(b'{"choices":[]}')),
    "counts": _fill(_event(b'{"usage":{"completion_tokens":1}}')),
    "ends": _fill(_event(b'{"type":"stop","done":true,"text":"a"}')),
    "marks": _fill(_event(b"[DONE]")),
    "errors": _fill(_event(b'{"error":"x"}')),
    "nested errors": _fill(_event(b'{"error":{"errors":{"errors":{"errors":1}}}}')),
    "wide errors": _event(b'{"errors":{' + _fields(900, b'{"a":1}') + b"}}"),
    "lists of errors": _event(b'{"errors":[' + b",".join([b'{"a":{}}'] * 1500) + b"]}"),
    "tool calls": _fill(_event(b'{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f"}}]}}]}')),
    "parts of a text": _event(b'{"text":[' + b",".join([b'{"text":"a"}'] * 1200) + b"]}"),
    "deep": _event(b"[" * (BYTES - 8)),
    "deep text": _event(b'{"text":' + b"[" * 900 + b'"a"' + b"]" * 900 + b"}"),
    "deep objects": _fill(b'{"a":'),
    "huge number": _event(b'{"text":' + b"9" * (BYTES - 30) + b"}"),
    "infinite numbers": _fill(_event(b'{"text":1e999}')),
    "no numbers": _fill(_event(b'{"text":NaN}')),
    "long name": _event(b'{"' + b"n" * (BYTES - 40) + b'":"text"}'),
    "many names": _event(b"{" + _fields(1100, b'"two words"') + b"}"),
    "halves of characters": _fill(_event(b'{"text":"\\ud83c"}')),
    "escapes": _fill(_event(b'{"text":"\\u0041"}')),
    "byte order marks": _fill(b"\xef\xbb\xbf"),
    "marked events": _fill(b"\xef\xbb\xbf" + _event(b"{}")),
    "invalid UTF-8": _fill(b"\xff\xfe"),
    "invalid texts": _fill(_event(b'{"text":"\xff"}')),
    "NUL": _fill(b"\0"),
    "tags": _fill(b"<p>"),
    "open tags": _fill(b"<"),
    "scripts": _fill(b"<script>"),
    "titles": _fill(b"<title>"),
    "blanks": _fill(b" "),
    "quotes": _fill(b'"'),
    "one event": b"data: " + b"x" * (BYTES - 6),
}
