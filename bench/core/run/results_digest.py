"""The digest of results, by which a person accepts exactly the results that a comment showed."""

import hashlib
import json
import re
from collections.abc import Iterable

from bench.core.run.result import RunResult

PREFIX = "sha256:"
_DIGITS = 32  # 128 bits: two different results with one digest cannot be found
PATTERN = re.compile(rf"{PREFIX}[0-9a-f]{{{_DIGITS}}}")
"""Form of a digest."""


def results_digest(results: Iterable[RunResult]) -> str:
    """Return `sha256:` and the first 32 digits of the SHA-256 of the results' canonical JSON.

    The order of the results does not matter.
    """
    texts = [_canonical_json(result) for result in results]
    digest = hashlib.sha256()
    for text in sorted(texts):
        digest.update(hashlib.sha256(text.encode()).digest())
    return f"{PREFIX}{digest.hexdigest()[:_DIGITS]}"


def _canonical_json(result: RunResult) -> str:
    """Return a result as JSON in ASCII with sorted names and without blanks."""
    return json.dumps(result.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
