"""Reads the documents of a response into its content: text, tokens, times, milestones and errors."""

from collections.abc import Collection, Sequence
from itertools import compress
from operator import not_
from typing import Any

from bench.core.config.target import TextKind
from bench.core.response.answer_content import AnswerContent
from bench.core.response.answer_error import AnswerError
from bench.core.response.answer_form import AnswerForm
from bench.core.response.counts import count_at
from bench.core.response.milestones import find_reached
from bench.core.response.paths import value_at, walk
from bench.core.response.pieces import ToolCalls, join_pieces
from bench.core.response.plain_events import PlainTexts
from bench.core.response.unread import UnreadFields, explain_no_text

_OBSERVED_PIECES = 4  # further pieces have the same fields beside them
_LAST_DOCUMENTS = 2  # of many streams hold the reason of the end, and the token counts
_OBSERVED_DOCUMENTS = 3  # documents that explain why there is no text


class DocumentReader:
    """Reads documents, and collects the content of the response.

    Args:
        form: The declaration of the response.
        paths: Further paths whose values are read.

    Attributes:
        form: The declaration that reads the next document.
        content: The content so far.
        texts: Pieces of text by kind.
        pending: The milestones that no document has reached.
        last_textless: The last document, if it has no text.
        has_document: Whether any document has been read.
    """

    __slots__ = (
        "_calls", "_paths", "_textless", "_unread", "content", "form", "has_document", "last_textless",
        "pending", "texts",
    )  # fmt: skip

    def __init__(self, form: AnswerForm, paths: Collection[str]) -> None:
        self.form = form
        self.content = AnswerContent()
        self.texts: dict[TextKind, list[str]] = {}
        self.pending = form.milestones
        self.last_textless: dict[str, Any] | None = None
        self.has_document = False
        self._paths = paths
        self._calls: ToolCalls | None = None
        self._unread: UnreadFields | None = None
        self._textless: list[dict[str, Any]] = []

    def read(
        self, documents: Sequence[dict[str, Any]], times_s: Sequence[float], *, at_end: bool = True
    ) -> None:
        """Read documents all at once if they hold text and nothing else, as nearly all do, else one by one.

        Args:
            documents: The documents.
            times_s: When each arrived.
            at_end: Whether the last documents are probably those that hold more.
        """
        count = len(documents)
        plain = self.form.plain.read(documents) if count else None
        if plain is not None:
            self._read_plain_texts(plain, documents, times_s)
        elif at_end and count > _LAST_DOCUMENTS:
            last = count - _LAST_DOCUMENTS
            self.read(documents[:last], times_s, at_end=False)
            self.read(documents[last:], times_s[last:], at_end=False)
        else:
            for document, at_s in zip(documents, times_s, strict=False):
                self._read_one(document, at_s)

    def _read_one(self, document: dict[str, Any], at_s: float) -> None:
        """Read a document of a stream."""
        if self.form.is_silent(document):
            self.has_document = True
            self.last_textless = document
            self.read_values(document)
            self._observe(document, has_text=False)
            return
        form = self.form.select(document)
        plain = None if form.ends_always or form.is_error else form.plain.read([document])
        if plain is None:
            self.read_document(document, at_s)
        else:
            self._read_plain_texts(plain, [document], [at_s])

    def _read_plain_texts(
        self, plain: PlainTexts, documents: Sequence[dict[str, Any]], times_s: Sequence[float]
    ) -> None:
        self.has_document = True
        self.last_textless = None
        for document in documents if self._paths else ():
            self.read_values(document)
        texts = plain.texts
        times_s = times_s[: len(texts)]
        if not all(texts):
            for document in compress(documents, map(not_, texts)):
                self._observe(document, has_text=False)
            documents = [*compress(documents, texts)]
            times_s = [*compress(times_s, texts)]
            texts = [*filter(None, texts)]
        if len(self.content.token_times_s) < _OBSERVED_PIECES:
            for document in documents[: _OBSERVED_PIECES - len(self.content.token_times_s)]:
                self._observe(document, has_text=True)
        if texts:
            self._add_texts(plain.kind, texts, times_s)

    def _observe(self, document: dict[str, Any], *, has_text: bool) -> None:
        """Look at what a document has besides text, if it has no text or one of the first."""
        if not has_text and len(self._textless) < _OBSERVED_DOCUMENTS:
            self._textless.append(document)
        if not has_text or len(self.content.token_times_s) < _OBSERVED_PIECES:
            if self._unread is None:
                self._unread = self.form.unread_fields()
            self._unread.observe(walk(document, self.form.holder))

    def read_document(self, document: dict[str, Any], at_s: float | None) -> None:
        """Read a document that arrived at `at_s`; `None` if it is the whole response."""
        form = self.form.select(document)
        content = self.content
        self.has_document = True
        read = form.read(document, reads_error=content.error is None)
        self.set_error(read.error)
        if at_s is not None and read.ends:
            self.end_at(at_s)
        content.finish_reason = read.finish_reason or content.finish_reason
        if not form.counted.isdisjoint(document):
            self._read_counts(document, form)
        self.read_values(document)
        self.last_textless = None if read.pieces else document
        if at_s is not None or not read.pieces:
            self._observe(document, has_text=bool(read.pieces))
        for piece in read.pieces:
            if piece.call is not None:
                self._calls = self._calls or ToolCalls()
                self._calls.add(piece.call)
            self._add_texts(piece.kind, [piece.text], () if at_s is None else [at_s])

    def read_values(self, document: dict[str, Any]) -> None:
        """Read the values at the further paths."""
        for path in self._paths:
            value = value_at(document, path)
            if value is not None:
                self.content.values[path] = value

    def _add_texts(self, kind: TextKind, texts: Sequence[str], times_s: Sequence[float]) -> None:
        """Add pieces of text with their times; without times if the response is not a stream."""
        kind = "content" if kind == "audio" else kind
        self.texts.setdefault(kind, []).extend(texts)
        if not times_s:
            return
        content = self.content
        content.token_times_s += times_s
        if kind == "content" and content.first_answer_s is None:
            content.first_answer_s = times_s[0]
        if kind == "reasoning":
            content.last_reasoning_s = times_s[-1]
            if content.first_reasoning_s is None:
                content.first_reasoning_s = times_s[0]

    def _read_counts(self, document: dict[str, Any], form: AnswerForm) -> None:
        """Read token counts and durations, which any document of a stream may contain."""
        content = self.content
        if form.tokens is not None:
            content.tokens = count_at(document, form.tokens) or content.tokens
        if form.reasoning_tokens is not None:
            count = count_at(document, form.reasoning_tokens)
            content.reasoning_tokens = count or content.reasoning_tokens
        if form.answer.durations is not None:
            content.tier_times |= form.tier_reader.read_document(document)

    def note_milestones(self, documents: Sequence[Any], times_s: Sequence[float]) -> None:
        """Note the times of the milestones that documents reach."""
        for document, at_s in zip(documents, times_s, strict=False):
            reached = [*find_reached(self.pending, document)]
            self.content.milestones |= dict.fromkeys(reached, at_s)
            if reached:
                pending = self.pending.items()
                self.pending = {name: mark for name, mark in pending if name not in reached}

    def end_at(self, at_s: float) -> None:
        """Note the end of the answer, unless it ended before."""
        if self.content.ended_s is None:
            self.content.ended_s = at_s

    def set_error(self, error: AnswerError | None) -> None:
        """Keep the first error that the server reports."""
        if self.content.error is None:
            self.content.error = error

    def set_problem(self, problem: str) -> None:
        """Keep the first problem of an answer that is not complete."""
        if self.content.problem is None and self.content.ended_s is None:
            self.content.problem = without_halves(problem)

    def finish(self) -> None:
        """Complete the content after the last document."""
        content = self.content
        content.text = join_pieces(self.texts.get("content", ()))
        content.reasoning = join_pieces(self.texts.get("reasoning", ()))
        content.refusal = join_pieces(self.texts.get("refusal", ()))
        if self._calls is not None:
            content.tool_calls = self._calls.names
        if not self.texts:
            content.no_text = explain_no_text(self.form.text_places, self._textless)
        if self._unread is not None:
            content.remarks = self._unread.remarks()


def without_halves(text: str) -> str:
    """Replace half characters, which JSON allows: no file can hold them."""
    return text.encode(errors="replace").decode()
