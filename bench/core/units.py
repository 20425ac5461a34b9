"""The one place where seconds become milliseconds.

Points in time and configured durations are seconds (`_s`); latencies that are derived from them are
milliseconds (`_ms`).
"""


def ms(seconds: float) -> float:
    """Milliseconds of a duration in seconds."""
    return seconds * 1000.0
