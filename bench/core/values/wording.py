"""Numbers as people read them. Missing data is a dash, never 0."""

from collections.abc import Sequence

DASH = "–"  # noqa: RUF001 - the dash that stands for missing data
MINUS = "\u2212"
THOUSAND = 1000.0  # counts from here on are written in full
_LONGEST_MS = 9_999.5  # longer durations would have five digits
_ALMOST_ALL = 0.9995  # larger shares below 1 would be rounded to 100 %
_SMALLEST_CHANGE = 0.0005  # smaller changes would be rounded to 0 %
_SMALLEST_CHANGE_MS = 0.005  # smaller changes would be rounded to 0 ms
_TWO_DIGITS = 0.0995  # smaller changes have two significant digits only with one decimal


def counted(number: int, word: str) -> str:
    """Write a count: `1 run`, `20 runs`."""
    return f"1 {word}" if number == 1 else f"{number} {word}s"


def duration(value_ms: float | None, *, lower_bound: bool = False) -> str:
    """Write a duration with two or three significant digits: `0.42 ms`, `3.1 ms`, `640 ms`, `12.4 s`.

    Args:
        value_ms: Milliseconds; `None` if the duration is unknown.
        lower_bound: The real duration is longer: `> 33.6 s`.
    """
    if value_ms is None:
        return DASH
    if lower_bound:
        return f"> {duration(value_ms)}"
    length_ms = abs(value_ms)
    if length_ms >= _LONGEST_MS:
        return f"{value_ms / 1000:.1f} s"
    decimals = 0
    if length_ms < 1:
        decimals = 2
    elif length_ms < 10:  # noqa: PLR2004 - a number with one digit
        decimals = 1
    return f"{value_ms:,.{decimals}f} ms"


def percent(ratio: float | None) -> str:
    """Write a share: `99.3 %`. `100 %` means all, without rounding."""
    if ratio is None:
        return DASH
    if _ALMOST_ALL <= ratio < 1:
        return "99.9 %"
    return f"{100 * ratio:.1f} %".replace(".0 %", " %")


def share(ratio: float | None, count: int) -> str:
    """Write a share with the number of requests that it is a share of: `93.3 % of 150 requests`."""
    return DASH if ratio is None else f"{short_share(ratio, count)} request{'' if count == 1 else 's'}"


def short_share(ratio: float | None, count: int) -> str:
    """Write a share where the heading names the requests: `93.3 % of 150`."""
    return DASH if ratio is None else f"{percent(ratio)} of {count:,}"


def change(ratio: float | None) -> str:
    """Write a relative change: `+31 %`."""
    if ratio is None:
        return DASH
    if abs(ratio) < _SMALLEST_CHANGE:
        return "0 %"
    decimals = 1 if abs(ratio) < _TWO_DIGITS else 0
    return _replace_minus(f"{100 * ratio:+,.{decimals}f} %")


def change_ms(value_ms: float | None) -> str:
    """Write a change of a duration: `+50 ms`."""
    if value_ms is None:
        return DASH
    if abs(value_ms) < _SMALLEST_CHANGE_MS:
        return "0 ms"
    return _replace_minus(f"{'-' if value_ms < 0 else '+'}{duration(abs(value_ms))}")


def value(number: float | None, unit: str, *, lower_bound: bool = False) -> str:
    """Write a value in its metric's unit: `ms`, `ratio`, `bytes`, or another one, which is a plain number."""
    if lower_bound and number is not None:
        return f"> {value(number, unit)}"
    if unit == "ms":
        return duration(number)
    if unit == "ratio":
        return percent(number)
    if unit == "bytes":
        return DASH if number is None else size(number)
    if number is None:
        return DASH
    return f"{number:,.4g}" if abs(number) < THOUSAND else f"{number:,.0f}"


def memory(size_bytes: int | None) -> str:
    """Write an amount of memory: `48 MB`."""
    if size_bytes is None:
        return DASH
    return f"{size_bytes / 1e6:,.0f} MB"


def size(size_bytes: float) -> str:
    """Write a size: `0 B`, `12 kB`, `3.4 MB`, `1.2 GB`."""
    number = size_bytes
    unit = "B"
    for larger_unit in ("kB", "MB", "GB", "TB"):
        if number < THOUSAND:
            break
        number /= THOUSAND
        unit = larger_unit
    return f"{number:.0f} {unit}" if unit in {"B", "kB"} else f"{number:.1f} {unit}"


def listing(parts: Sequence[str]) -> str:
    """Write a list: ``, `a`, `a and b`, `a, b and c`."""
    return _join(parts, "and")


def choice(names: Sequence[str]) -> str:
    """Write alternatives: `a`, `a or b`, `a, b or c`."""
    return _join(names, "or")


def _join(parts: Sequence[str], word: str) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _replace_minus(text: str) -> str:
    return text.replace("-", MINUS, 1)
