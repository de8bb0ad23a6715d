"""Small builders of sqlglot trees that several operations share.

Here: literals, calls, casts with DataBrew's meaning. Not here: what a step does.
"""

from collections.abc import Iterable
from decimal import Decimal

from sqlglot import exp

from cleanroom_pipeline.recipe.nested import is_nested
from cleanroom_pipeline.recipe.plan import DATE, TEXT, TIMESTAMP, Column

INTEGER_TYPES = frozenset(
    {
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
    }
)
NUMERIC_TYPES = INTEGER_TYPES | {"FLOAT", "DOUBLE"}
# What Spark's cast of a string to a number accepts; DuckDB's own also takes `1_000` and `0x1F`.
_DECIMAL_TEXT = r"\s*[+-]?(\d+\.?\d*|\.\d+)\s*"
_DOUBLE_TEXT = r"\s*[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|NaN|Infinity|inf)\s*"
_TRUE_TEXTS = ("true", "yes", "t", "y", "1")
_FALSE_TEXTS = ("false", "no", "f", "n", "0")
REFUSAL_MARK = "refused-cell: "


def string(value: str) -> exp.Expr:
    """Return a text literal; sqlglot quotes it."""
    return exp.Literal.string(value)


def integer(value: int) -> exp.Expr:
    """Return a whole-number literal."""
    return exp.Neg(this=exp.Literal.number(-value)) if value < 0 else exp.Literal.number(value)


def number(value: Decimal | float) -> exp.Expr:
    """Return a DOUBLE literal."""
    return exp.Cast(this=string(repr(float(value))), to=exp.DataType.build("DOUBLE"))


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """Return a call of a DuckDB function, or of a vectorised function, by name."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def refuse_cell(message: str) -> exp.Expr:
    """Return the tree that ends the run with an UnmaskableValueError of this message."""
    return call("error", string(REFUSAL_MARK + message))


def null() -> exp.Expr:
    """Return NULL."""
    return exp.Null()


def cast(tree: exp.Expr, type_: str) -> exp.Expr:
    """Return CAST(tree AS type_)."""
    return exp.Cast(this=tree, to=exp.DataType.build(type_, dialect="duckdb"))


def try_cast(tree: exp.Expr, type_: str) -> exp.Expr:
    """Return the cast that gives null for what can't be cast."""
    return exp.TryCast(this=tree, to=exp.DataType.build(type_, dialect="duckdb"))


def case(
    branches: Iterable[tuple[exp.Expr, exp.Expr]], otherwise: exp.Expr | None = None
) -> exp.Expr:
    """Return CASE WHEN ... THEN ... ELSE otherwise END."""
    ifs = [exp.If(this=condition, true=value) for condition, value in branches]
    return exp.Case(ifs=ifs, default=otherwise)


def paren(tree: exp.Expr) -> exp.Expr:
    """Return the tree in parentheses; every binary operation here is built through this."""
    return exp.Paren(this=tree)


def equal(left: exp.Expr, right: exp.Expr) -> exp.Expr:
    """Return (left = right)."""
    return paren(exp.EQ(this=left, expression=right))


def all_of(trees: Iterable[exp.Expr]) -> exp.Expr:
    """Return the conjunction; true for none."""
    parts = list(trees)
    return paren(exp.and_(*parts)) if parts else exp.true()


def any_of(trees: Iterable[exp.Expr]) -> exp.Expr:
    """Return the disjunction; false for none."""
    parts = list(trees)
    return paren(exp.or_(*parts)) if parts else exp.false()


def negated(tree: exp.Expr) -> exp.Expr:
    """Return the exact complement: true wherever `tree` is false or null."""
    return paren(exp.Not(this=call("coalesce", tree, exp.false())))


def is_in(tree: exp.Expr, values: Iterable[str]) -> exp.Expr:
    """Return (tree IN (texts))."""
    return paren(exp.In(this=tree, expressions=[string(value) for value in values]))


def is_null(tree: exp.Expr) -> exp.Expr:
    """Return (tree IS NULL)."""
    return paren(exp.Is(this=tree, expression=exp.Null()))


def concat(*parts: exp.Expr) -> exp.Expr:
    """Return the parts joined by ||: null when one of them is."""
    tree = parts[0]
    for part in parts[1:]:
        tree = exp.DPipe(this=tree, expression=part, safe=True)
    return paren(tree)


def text(column: Column) -> exp.Expr:
    """Return the column as text: a cast's (a DOUBLE of 1 is 1.0), JSON of a nested one."""
    tree = column.tree
    if is_nested(column.type):
        return cast(call("to_json", tree), TEXT)
    return tree if column.type == TEXT else cast(tree, TEXT)


def is_numeric(type_: str) -> bool:
    """Say whether a DuckDB type holds numbers."""
    return type_ in NUMERIC_TYPES or type_.startswith("DECIMAL")


def missing(column: Column) -> exp.Expr:
    """Return the tree that is true for null and for the empty text."""
    tree = column.tree
    if column.type != TEXT:
        return is_null(tree)
    return any_of([is_null(tree), equal(tree.copy(), string(""))])


def full_match(tree: exp.Expr, pattern: str) -> exp.Expr:
    """Return whether the whole text matches an RE2 pattern."""
    return call("regexp_full_match", tree, string(pattern))


def double(column: Column) -> exp.Expr:
    """Return the column as DOUBLE; null for what is no number."""
    tree = column.tree
    if column.type == "DOUBLE":
        return tree
    if is_numeric(column.type):
        return cast(tree, "DOUBLE")
    if column.type == "BOOLEAN":
        return cast(tree, "DOUBLE")
    spelled = text(column)
    readable = full_match(spelled, _DOUBLE_TEXT)
    return case([(readable, try_cast(call("trim", spelled.copy()), "DOUBLE"))])


def whole_number(column: Column, type_: str) -> exp.Expr:
    """Return the column as an integer type, fractions cut off as Spark does; else null."""
    tree = column.tree
    if column.type in INTEGER_TYPES or column.type == "BOOLEAN":
        return try_cast(tree, type_)
    if is_numeric(column.type):
        return try_cast(call("trunc", tree), type_)
    spelled = text(column)
    exact = try_cast(call("trim", spelled), "DECIMAL(38,10)")
    readable = full_match(spelled.copy(), _DECIMAL_TEXT)
    return case([(readable, try_cast(call("trunc", exact), type_))])


def decimal(column: Column) -> exp.Expr:
    """Return the column as DECIMAL(38,18), or null."""
    type_ = "DECIMAL(38,18)"
    if is_numeric(column.type) or column.type == "BOOLEAN":
        return try_cast(column.tree, type_)
    spelled = text(column)
    readable = full_match(spelled, _DOUBLE_TEXT)
    return case([(readable, try_cast(call("trim", spelled.copy()), type_))])


def boolean(column: Column) -> exp.Expr:
    """Return the column as BOOLEAN: true/false, yes/no and Spark's t/f, y/n, 1/0; else null."""
    tree = column.tree
    if column.type == "BOOLEAN":
        return tree
    if is_numeric(column.type):
        return paren(exp.NEQ(this=tree, expression=integer(0)))
    folded = call("lower", call("trim", text(column)))
    return case(
        [
            (is_in(folded, _TRUE_TEXTS), exp.true()),
            (is_in(folded.copy(), _FALSE_TEXTS), exp.false()),
        ]
    )


def is_temporal(column: Column) -> bool:
    """Say whether the column already holds dates or times."""
    return column.type in {DATE, TIMESTAMP} or column.type.startswith("TIMESTAMP")


def row_key(columns: Iterable[Column]) -> exp.Expr:
    """Return a 128-bit number that stands for the cells; others have another one.

    The hashed text gives each cell's length before the cell, so no two rows spell alike.
    """
    parts = []
    for column in columns:
        size = cast(call("length", text(column)), TEXT)
        spelled = concat(size, string(":"), text(column))
        parts.append(call("coalesce", spelled, string("-")))
    return call("md5_number", concat(*parts))
