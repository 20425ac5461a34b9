"""Names whose values are secrets: of variables, headers, columns and fields."""

import re

SECRET_NAME = re.compile(r"pass|secret|token|key|auth|credential|cookie|pin\b|otp", re.IGNORECASE)
"""Finds such a name. A literal secret in a file must not enter a result, which people publish."""
