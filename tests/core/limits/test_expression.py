import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from bench.core.limits.expression import Expression, ExpressionText, parse, upper_limit

FILE = TypeAdapter(ExpressionText)


@pytest.mark.parametrize("method", ["avg", "min", "max", "med", "rate", "count", "value"])
@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "===", "!="])
def test_every_method_goes_with_every_operator(method: str, sign: str) -> None:
    """The grammar is method, operator, limit, in every combination."""
    source = f"{method}{sign}12.5"
    expression = parse(source)
    assert (expression.method, expression.operator, expression.limit) == (method, sign, 12.5)
    assert expression.percentile is None
    assert expression.source == str(expression) == source


@pytest.mark.parametrize(
    ("text", "percentile"),
    [("p(95)<5", 95.0), ("p(99.9)<5", 99.9), ("p( 50 )<5", 50.0), ("p(0)<5", 0.0), ("p(100)<5", 100.0)],
)
def test_percentiles_are_numbers_in_brackets(text: str, percentile: float) -> None:
    """`p(N)` holds a number from 0 to 100, with or without a fraction."""
    expression = parse(text)
    assert (expression.method, expression.percentile) == ("p", percentile)


def test_spaces_do_not_change_a_threshold() -> None:
    """Spaces around the parts of a threshold are ignored; the source keeps them."""
    spaced, dense = parse("  p( 95 )  <=  5000  "), parse("p(95)<=5000")
    assert spaced.source == "  p( 95 )  <=  5000  "
    assert (spaced.method, spaced.percentile, spaced.limit) == (dense.method, dense.percentile, dense.limit)


def test_a_limit_may_be_negative() -> None:
    """The send lag has negative values, so its limit may be negative."""
    assert parse("min>-1.5").limit == -1.5


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p95<5",
        "avg",
        "avg<",
        "avg=5",
        "avg<5 miles",
        "avg<1e3",
        "p(x)<5",
        "p(-1)<5",
        "mean<5",
        "avg<5<6",
    ],
)
def test_other_texts_are_refused_with_an_example(text: str) -> None:
    """The error quotes the text and shows examples of the grammar."""
    with pytest.raises(ValueError, match="is not a threshold") as caught:
        parse(text)
    message = f"'{text}' is not a threshold; write for example p(95)<5000, avg<800 or rate>0.95"
    assert str(caught.value) == message


def test_a_percentile_above_a_hundred_is_refused() -> None:
    """There is no 101st percentile."""
    with pytest.raises(ValueError, match=r"^'p\(101\)<5': a percentile is between 0 and 100$"):
        parse("p(101)<5")


@given(st.text(max_size=30))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    """Any text is either a threshold or refused with a message that quotes it."""
    try:
        expression = parse(text)
    except ValueError as error:
        assert text in str(error)  # noqa: PT017 - most texts do not get here
    else:
        assert expression.operator in text


@given(st.floats(0.001, 1e9))
def test_an_upper_limit_is_written_without_exponent(limit: float) -> None:
    """A limit from a number follows the grammar, to six digits after the point."""
    expression = upper_limit("p(95)", limit)
    assert (expression.method, expression.operator) == ("p", "<=")
    assert expression.limit == pytest.approx(limit, abs=1e-6)
    assert upper_limit("value", 2.0).source == "value<=2"


def test_files_hold_the_text_of_a_threshold() -> None:
    """A threshold is parsed when a file is read, and written as the text that was read."""
    expression = FILE.validate_python("p( 95 ) < 5")
    assert expression == parse("p( 95 ) < 5")
    assert FILE.validate_python(expression) is expression
    assert FILE.dump_json(expression) == b'"p( 95 ) < 5"'
    assert FILE.validate_json(b'"p( 95 ) < 5"') == expression
    with pytest.raises(ValidationError, match=r"5 is not a threshold; write text"):
        FILE.validate_python(5)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("count<10", False),
        ("count<11", True),
        ("count<=10", True),
        ("count<=9", False),
        ("count>10", False),
        ("count>9", True),
        ("count>=10", True),
        ("count>=11", False),
        ("count==10", True),
        ("count==9", False),
        ("count===10", True),
        ("count===9", False),
        ("count!=10", False),
        ("count!=9", True),
    ],
)
def test_an_expression_holds_up_to_its_limit(text: str, holds: bool) -> None:
    """Each operator compares as in k6, exactly at the limit too."""
    assert parse(text).holds(10.0) is holds


def test_an_expression_cannot_be_changed() -> None:
    """A parsed threshold is frozen, so that text and value always agree."""
    with pytest.raises(AttributeError):
        parse("avg<1").limit = 2.0  # type: ignore[misc]
    assert isinstance(parse("avg<1"), Expression)
