"""Numbers as people read them. What is not known is a dash, never 0."""

from collections.abc import Sequence

DASH = "–"  # noqa: RUF001 - the dash that stands for no data
MINUS = "\u2212"
THOUSAND = 1000.0  # from here on a count is written out


def counted(number: int, word: str) -> str:
    """`1 run`, `20 runs`."""
    return f"1 {word}" if number == 1 else f"{number} {word}s"


def duration(value_ms: float | None) -> str:
    """`0.42 ms`, `3.1 ms`, `640 ms`, `12.4 s`."""
    if value_ms is None:
        return DASH
    size = abs(value_ms)
    if size >= 9_999.5:  # noqa: PLR2004 - what would be written with five digits
        return f"{value_ms / 1000:.1f} s"
    digits = 2 if size < 1 else 1 if size < 10 else 0  # noqa: PLR2004 - two or three significant digits
    return f"{value_ms:,.{digits}f} ms"


def percent(ratio: float | None) -> str:
    """`99.3 %`; 100 % only when it is all of them."""
    if ratio is None:
        return DASH
    if 0.9995 <= ratio < 1:  # noqa: PLR2004 - would be rounded to all of them
        return "99.9 %"
    return f"{100 * ratio:.1f} %".replace(".0 %", " %")


def change(ratio: float | None) -> str:
    """A signed share: `+31 %`."""
    if ratio is None:
        return DASH
    if abs(ratio) < 0.0005:  # noqa: PLR2004 - would be written as a signed nought
        return "0 %"
    digits = 1 if abs(ratio) < 0.0995 else 0  # noqa: PLR2004 - two significant digits
    return _signed(f"{100 * ratio:+,.{digits}f} %")


def change_ms(value_ms: float | None) -> str:
    """A signed duration: `+50 ms`."""
    if value_ms is None:
        return DASH
    if abs(value_ms) < 0.005:  # noqa: PLR2004 - likewise
        return "0 ms"
    return _signed(f"{'-' if value_ms < 0 else '+'}{duration(abs(value_ms))}")


def value(number: float | None, unit: str) -> str:
    """A value in its metric's unit."""
    match unit:
        case "ms":
            return duration(number)
        case "ratio":
            return percent(number)
        case _:
            return (
                DASH if number is None else f"{number:,.4g}" if abs(number) < THOUSAND else f"{number:,.0f}"
            )


def memory(size_bytes: int) -> str:
    """`48 MB`."""
    return f"{size_bytes / 1e6:,.0f} MB"


def size(size_bytes: float) -> str:
    """`0 B`, `12 kB`, `3.4 MB`, `1.2 GB`."""
    number, unit = size_bytes, "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < THOUSAND:
            break
        number, unit = number / THOUSAND, larger
    return f"{number:.0f} {unit}" if unit in {"B", "kB"} else f"{number:.1f} {unit}"


def listing(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def choice(names: Sequence[str]) -> str:
    """Write alternatives: `a`, `a or b`, `a, b or c`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _signed(text: str) -> str:
    return text.replace("-", MINUS, 1)
