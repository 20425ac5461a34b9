"""Numbers as people read them. Missing data is a dash, never 0."""

import math
from collections.abc import Sequence

DASH = "–"  # noqa: RUF001 - the dash that stands for missing data
MINUS = "\u2212"
THOUSAND = 1000.0  # counts from here on are written in full
_LONGEST_MS = 9_999.5  # longer durations would have five digits
_ALMOST_ALL = 0.9995  # larger shares below 1 would be rounded to 100 %
_SMALLEST_CHANGE = 0.0005  # smaller changes would be rounded to 0 %
_SMALLEST_CHANGE_MS = 0.005  # smaller changes would be rounded to 0 ms
_SMALLEST_MAGNITUDE = 0.001  # a smaller size has one digit or less
_LONG_FACTOR = 9.95  # larger factors have no decimal
_SHORT_IN_SECONDS_MS = 100.0  # shorter times would have one digit or less in seconds
_SMALLEST_SECONDS = 0.05  # smaller values would be rounded to 0.0
_MOST_DECIMALS = 9
_LONGEST_NAME = 60
_SHORT_RATE = 999.5  # three digits of larger rates would need an exponent
_ONE_DIGIT = 10.0
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


def change(ratio: float | None, *, exact: bool = False) -> str:
    """Write a relative change: `+31 %`.

    Args:
        ratio: The change; `None` if it is unknown.
        exact: Write at least one digit other than 0, because the change is proven: `+0.02 %`.
    """
    if ratio is None:
        return DASH
    if abs(ratio) < _SMALLEST_CHANGE:
        return _replace_minus(f"{_first_digit(100 * ratio)} %") if exact and ratio else "0 %"
    decimals = 1 if abs(ratio) < _TWO_DIGITS else 0
    return _replace_minus(f"{100 * ratio:+,.{decimals}f} %")


def change_interval(low_ratio: float, high_ratio: float, *, exact: bool = False) -> str:
    """Write an interval of a relative change: `+1.2 to +7.9 %`."""
    low = change(low_ratio, exact=exact).removesuffix(" %")
    return f"{low} to {change(high_ratio, exact=exact)}"


def change_ms(value_ms: float | None, *, exact: bool = False) -> str:
    """Write a change of a duration: `+50 ms`. The arguments are those of `change`."""
    if value_ms is None:
        return DASH
    if abs(value_ms) < _SMALLEST_CHANGE_MS:
        return _replace_minus(f"{_first_digit(value_ms)} ms") if exact and value_ms else "0 ms"
    return _replace_minus(f"{'-' if value_ms < 0 else '+'}{duration(abs(value_ms))}")


def value(number: float | None, unit: str, *, lower_bound: bool = False) -> str:
    """Write a value in its metric's unit: `ms`, `ratio`, `bytes`, `users`, or a plain number for others."""
    if number is None:
        return DASH
    if lower_bound:
        return f"> {value(number, unit)}"
    if unit == "ms":
        return duration(number)
    if unit == "ratio":
        return percent(number)
    return _counted_value(number, unit)


def _counted_value(number: float, unit: str) -> str:
    if unit == "bytes":
        return size(number)
    if unit == "users":
        return f"{number:,.0f} user{'' if round(number) == 1 else 's'}"
    return f"{number:,.4g}" if abs(number) < THOUSAND else f"{number:,.0f}"


def rate(per_second: float) -> str:
    """Write a number per second with three significant digits, and from 1,000 on in full: `5.73`, `1,780`."""
    return f"{per_second:,.3g}" if abs(per_second) < _SHORT_RATE else f"{per_second:,.0f}"


def change_interval_ms(low_ms: float, high_ms: float, *, exact: bool = False) -> str:
    """Write an interval of a change of a duration with one unit: `+17 to +23 ms`."""
    if max(abs(low_ms), abs(high_ms)) >= _LONGEST_MS:
        return f"{_signed_seconds(low_ms)} to {_signed_seconds(high_ms)} s"
    low = change_ms(low_ms, exact=exact).removesuffix(" ms")
    return f"{low} to {change_ms(high_ms, exact=exact)}"


def _signed_seconds(value_ms: float) -> str:
    seconds = value_ms / THOUSAND
    is_small = seconds != 0 and abs(seconds) < _SMALLEST_SECONDS
    return _replace_minus(_first_digit(seconds) if is_small else f"{seconds:+.1f}")


def _first_digit(number: float) -> str:
    """Write a small number with its sign and its first digit: `+0.003`."""
    decimals = -math.floor(math.log10(abs(number)))
    return f"{number:+.{decimals}f}"


def magnitude(ratio: float) -> str:
    """Write the size of a relative change without its sign: `21 %`, `less than 0.1 %`."""
    size_ratio = abs(ratio)
    if size_ratio < _SMALLEST_MAGNITUDE:
        return "less than 0.1 %"
    decimals = 1 if size_ratio < _TWO_DIGITS else 0
    return f"{100 * size_ratio:,.{decimals}f} %"


def factor(number: float) -> str:
    """Write how many times as large a value is: `2.0`, `3.1`, `12`."""
    return f"{number:,.1f}" if number < _LONG_FACTOR else f"{number:,.0f}"


def pair(
    base: float | None, head: float | None, unit: str, *, lower_bound: bool = False, exact: bool = False
) -> str:
    """Write the values of two sides with one unit: `609 → 731 ms`, `1.9 → 2.8 s`, `48 MB → 53 MB`.

    Args:
        base: Value of the base.
        head: Value of the head.
        unit: Unit of the metric.
        lower_bound: The real value of the head is larger.
        exact: Write as many digits as the values need to look different, because the change is proven.
    """
    bound = "> " if lower_bound else ""
    if base is None or head is None or unit != "ms":
        old = with_unit(base, unit)
        new = with_unit(head, unit)
        if exact and old == new and base is not None and head is not None:
            old = _exact(base, unit)
            new = _exact(head, unit)
        return f"{old} → {bound}{new}"
    larger_ms = max(abs(base), abs(head))
    scale, name = (THOUSAND, "s") if larger_ms >= THOUSAND else (1.0, "ms")
    if scale > 1.0 and min(abs(base), abs(head)) < _SHORT_IN_SECONDS_MS:
        return f"{duration(base)} → {bound}{duration(head)}"
    decimals = _decimals(larger_ms / scale, name)
    while exact and base != head and decimals < _MOST_DECIMALS:
        if f"{base / scale:.{decimals}f}" != f"{head / scale:.{decimals}f}":
            break
        decimals += 1
    old = _replace_minus(f"{base / scale:,.{decimals}f}")
    new = _replace_minus(f"{head / scale:,.{decimals}f}")
    return f"{old} → {bound}{new} {name}"


def _decimals(number: float, unit: str) -> int:
    """Return the decimals of a duration: one for seconds, and at least two digits for milliseconds."""
    if unit == "s":
        return 1
    if number < 1.0:
        return 2
    return 1 if number < _ONE_DIGIT else 0


def with_unit(number: float | None, unit: str) -> str:
    """Write a value with its unit, also if tables leave it to their heading: `8.1 requests/s`."""
    text = value(number, unit)
    has_unit = number is None or unit in {"ms", "ratio", "bytes", "users", "1"}
    return text if has_unit else f"{text} {unit}"


def _exact(number: float, unit: str) -> str:
    """Write a value with all its digits, because fewer would hide a difference."""
    if unit == "ratio":
        return f"{100 * number:.6g} %"
    if unit == "bytes":
        return f"{number:,.0f} B"
    return f"{number:,.10g}" + ("" if unit == "1" else f" {unit}")


def confidence(ratio: float) -> str:
    """Write a confidence in tenths of a per cent: `98 %`. It is never 100 %."""
    return f"{min(999, round(1000 * ratio)) / 10:g} %"


def shorten(text: str, longest: int = _LONGEST_NAME) -> str:
    """Cut a name to this number of characters, because a sentence needs space for more than one name."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


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


def and_more(parts: Sequence[object]) -> str:
    """Write how many parts follow the one that a sentence names: ``, `, and 2 more`."""
    return f", and {len(parts) - 1} more" if len(parts) > 1 else ""


def choice(names: Sequence[str]) -> str:
    """Write alternatives: `a`, `a or b`, `a, b or c`."""
    return _join(names, "or")


def _join(parts: Sequence[str], word: str) -> str:
    if len(parts) <= 1:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {word} {parts[-1]}"


def _replace_minus(text: str) -> str:
    return text.replace("-", MINUS, 1)
