"""The expression language of BOOLEAN_OPERATION and CASE_OPERATION, as trees of our own.

Here: parsing, and the walk over an allow-list of what may stand in an expression. Not here: how
values of different types meet (expression_values.py), the operations (conditional.py).

sqlglot parses Spark's spelling. Nothing that it returns is passed on: each node that is known is
built anew, each that is not is refused. Truth has three values, as in SQL.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import patterns
from cleanroom_pipeline.recipe.comparison import Operator
from cleanroom_pipeline.recipe.data_types import CAST_TYPES, DUCKDB_TYPES, cast_column
from cleanroom_pipeline.recipe.expressions import (
    all_of,
    any_of,
    call,
    is_null,
    missing,
    null,
    paren,
    string,
    text,
)
from cleanroom_pipeline.recipe.findings import StepError, did_you_mean, not_among
from cleanroom_pipeline.recipe.operations.expression_parsing import parsed
from cleanroom_pipeline.recipe.operations.expression_values import (
    NULL,
    NULL_TYPE,
    Value,
    arithmetic,
    chosen,
    compare,
    first_there,
    joined,
    literal,
    of_column,
    spelled,
    truth,
)
from cleanroom_pipeline.recipe.operations.whole_column import AGGREGATES
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    BOOLEAN,
    DOUBLE,
    TEXT,
    Frame,
    VectorFunction,
)

DEEPEST = 60
_ORDERS: Mapping[type[exp.Expr], Operator] = {
    one: one for one in (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE)
}
_TEXT_TESTS = {"contains": "contains", "startswith": "starts_with", "endswith": "ends_with"}
# What sqlglot makes of functions it knows, by the name a recipe calls them.
_KNOWN: Mapping[type[exp.Expr], str] = {
    exp.Contains: "contains",
    exp.StartsWith: "startswith",
    exp.EndsWith: "endswith",
    exp.RegexpLike: "matches",
    exp.Coalesce: "coalesce",
    exp.Concat: "concat",
}
FUNCTIONS = (
    "contains", "startsWith", "endsWith", "matches", "isBetween", "isMissing", "isValid",
    "coalesce", "concat", "isnull", "isnotnull",
)  # fmt: skip
_CAST_NAMES: Mapping[str, str] = {
    "TEXT": "string", "VARCHAR": "string", "INT": "int", "BIGINT": "long", "SMALLINT": "short",
    "TINYINT": "byte", "FLOAT": "float", "DOUBLE": "double", "BOOLEAN": "boolean", "DATE": "date",
    "TIMESTAMP": "timestamp", "TIMESTAMPTZ": "timestamp", "DECIMAL": "decimal",
}  # fmt: skip


@dataclass
class Compiler:
    """Turns expressions of one step into trees.

    `results` are the aggregates of withExpressions by name; `functions` collects the vectorised
    functions that the trees call, named by `name_of(place)`.
    """

    frame: Frame
    results: Mapping[str, Value]
    name_of: Callable[[int], str]
    what: str = "valueExpression"
    functions: list[VectorFunction] = field(default_factory=list)
    _depth: int = 0

    def compile(self, expression: str, what: str) -> Value:
        """Return the value of an expression; `what` says in errors where it stands."""
        self.what = what
        return self.value(parsed(expression, what))

    def value(self, node: exp.Expr) -> Value:
        """Return the value of a parsed node; StepError for what is not allowed."""
        self._depth += 1
        if self._depth > DEEPEST:
            message = f"{self.what} nests more than {DEEPEST} levels"
            raise StepError(message)
        try:
            return self._value(node)
        finally:
            self._depth -= 1

    def _value(self, node: exp.Expr) -> Value:
        handler = _HANDLERS.get(type(node))
        if handler is not None:
            return handler(self, node)
        if type(node) in _KNOWN:
            return self.function(_KNOWN[type(node)], _arguments(node))
        if isinstance(node, exp.Anonymous) and isinstance(node.this, str):
            return self.function(node.this, node.expressions)
        raise self.refusal(node)

    def refusal(self, node: exp.Expr) -> StepError:
        """Return the error that says which construct is not run."""
        called = type(node).__name__.lower()
        if isinstance(node, exp.AggFunc):
            return StepError(
                f"{self.what} calls the aggregate {called}; name it in withExpressions and write "
                "its name with a colon, as `:name`"
            )
        if isinstance(node, exp.Func):
            return StepError(
                f"{self.what} calls {called}, which is not run here{not_among(called, FUNCTIONS)}"
            )
        return StepError(f"{self.what} holds {called}, which is not run here")

    def function(self, name: str, arguments: Sequence[exp.Expr]) -> Value:
        """Return the value of a function of the language."""
        folded = name.lower()
        if folded in AGGREGATES:
            raise StepError(
                f"{self.what} calls the aggregate {name}; name it in withExpressions and write its "
                "name with a colon, as `:name`"
            )
        if folded not in _CALLS:
            message = f"{self.what} calls an unknown function, {name!r}{not_among(name, FUNCTIONS)}"
            raise StepError(message)
        least, most, build = _CALLS[folded]
        if not least <= len(arguments) <= most:
            message = f"{self.what} calls {name} with {len(arguments)} arguments"
            raise StepError(message)
        return build(self, folded, arguments)

    def condition(self, node: exp.Expr) -> exp.Expr:
        """Return a node that must be true, false or null."""
        return truth(self.value(node))

    def named(self, name: str) -> Value:
        """Return the column, or after a colon the aggregate, of that name."""
        if not name.startswith(":"):
            return of_column(self.frame.column(name))
        wanted = name[1:].strip()
        if wanted not in self.results:
            hint = did_you_mean(wanted, self.results)
            message = f"{self.what} names :{wanted}, which withExpressions does not make{hint}"
            raise StepError(message)
        return self.results[wanted]

    def pattern(self, node: exp.Expr) -> str:
        """Return the text of a literal that must be one."""
        if not (isinstance(node, exp.Literal) and node.is_string):
            message = f"{self.what} has a pattern that is not written as 'text'"
            raise StepError(message)
        return str(node.this)


def _truth_value(tree: exp.Expr) -> Value:
    return Value("a condition", BOOLEAN, tree)


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    """Return what a function is called with; a setting that we do not know refuses the node."""
    known = {"this", "expression", "expressions", "safe", "coalesce", "is_nvl", "is_null"}
    if any(value for key, value in node.args.items() if key not in known):
        message = f"{type(node).__name__.lower()} is called in a way that is not run here"
        raise StepError(message)
    first = [one for one in (node.args.get("this"), node.args.get("expression")) if one is not None]
    return [*first, *(node.args.get("expressions") or [])]


def _column(compiler: Compiler, node: exp.Expr) -> Value:
    identifier = node.this
    if not isinstance(identifier, exp.Identifier) or node.args.get("table") is not None:
        raise StepError(f"{compiler.what} names a column with a dot; write it within ` `")
    return compiler.named(str(identifier.this))


def _placeholder(compiler: Compiler, node: exp.Expr) -> Value:
    return compiler.named(f":{node.name}")


def _literal(_: Compiler, node: exp.Expr) -> Value:
    written = str(node.this)
    if isinstance(node, exp.Literal) and node.is_string:
        return literal(written, text_alone=True)
    whole = literal(written)
    if whole.type == BIGINT:
        return whole
    tree = exp.Cast(this=string(written), to=exp.DataType.build(DOUBLE))
    return Value(f"the number {written}", DOUBLE, tree, written)


def _negative(compiler: Compiler, node: exp.Expr) -> Value:
    value = compiler.value(node.this)
    if value.written is None or value.type == TEXT:
        return arithmetic(exp.Sub, literal("0"), value)
    tree = exp.Neg(this=paren(value.tree))
    return Value(f"the number -{value.written}", value.type, paren(tree), f"-{value.written}")


def _boolean(_: Compiler, node: exp.Expr) -> Value:
    tree: exp.Expr = exp.true() if node.this else exp.false()
    written = "true" if node.this else "false"
    return Value(written, BOOLEAN, tree, written)


def _order(compiler: Compiler, node: exp.Expr) -> Value:
    left, right = compiler.value(node.this), compiler.value(node.expression)
    return _truth_value(compare(_ORDERS[type(node)], left, right))


def _unequal(compiler: Compiler, node: exp.Expr) -> Value:
    left, right = compiler.value(node.this), compiler.value(node.expression)
    return _truth_value(paren(exp.Not(this=compare(exp.EQ, left, right))))


def _not(compiler: Compiler, node: exp.Expr) -> Value:
    return _truth_value(paren(exp.Not(this=compiler.condition(node.this))))


def _connected(join: Callable[[Iterable[exp.Expr]], exp.Expr]) -> "Handler":
    def build(compiler: Compiler, node: exp.Expr) -> Value:
        # A long chain leans to the left; it is one level, not many.
        parts = list(node.flatten(unnest=False))
        return _truth_value(join([compiler.condition(part) for part in parts]))

    return build


def _is(compiler: Compiler, node: exp.Expr) -> Value:
    value = compiler.value(node.this)
    if isinstance(node.expression, exp.Null):
        return _truth_value(_is_null(value))
    if isinstance(node.expression, exp.Boolean):
        wanted = exp.true() if node.expression.this else exp.false()
        tree = paren(exp.EQ(this=truth(value), expression=wanted))
        return _truth_value(call("coalesce", tree, exp.false()))
    raise compiler.refusal(node)


def _is_null(value: Value) -> exp.Expr:
    return exp.true() if value.type == NULL_TYPE else is_null(value.tree)


def _between(compiler: Compiler, node: exp.Expr) -> Value:
    if node.args.get("symmetric"):
        raise compiler.refusal(node)
    return _is_between(compiler, "between", [node.this, node.args["low"], node.args["high"]])


def _is_between(compiler: Compiler, _: str, arguments: Sequence[exp.Expr]) -> Value:
    value, low, high = map(compiler.value, arguments)
    return _truth_value(all_of([compare(exp.GTE, value, low), compare(exp.LTE, value, high)]))


def _in(compiler: Compiler, node: exp.Expr) -> Value:
    if {key for key, value in node.args.items() if value} != {"this", "expressions"}:
        raise compiler.refusal(node)
    value = compiler.value(node.this)
    others = [compiler.value(one) for one in node.expressions]
    return _truth_value(any_of(compare(exp.EQ, value, one) for one in others))


def _like(compiler: Compiler, node: exp.Expr) -> Value:
    value, pattern = compiler.value(node.this), compiler.pattern(node.expression)
    if "\\" in pattern:
        raise StepError(f"{compiler.what} escapes within LIKE, which is not run here; use matches")
    return _truth_value(paren(exp.Like(this=text(value), expression=string(pattern))))


def _case(compiler: Compiler, node: exp.Expr) -> Value:
    subject = compiler.value(node.this) if node.this is not None else None
    conditions, values = [], []
    for branch in node.args["ifs"]:
        if subject is None:
            conditions.append(compiler.condition(branch.this))
        else:
            conditions.append(compare(exp.EQ, subject, compiler.value(branch.this)))
        values.append(compiler.value(branch.args["true"]))
    default = node.args.get("default")
    values.append(compiler.value(default) if default is not None else NULL)
    return chosen(conditions, values)


def _if(compiler: Compiler, node: exp.Expr) -> Value:
    default = node.args.get("false")
    other = compiler.value(default) if default is not None else NULL
    return chosen([compiler.condition(node.this)], [compiler.value(node.args["true"]), other])


def _cast(compiler: Compiler, node: exp.Expr) -> Value:
    value, kind = compiler.value(node.this), node.args["to"]
    name = _CAST_NAMES.get(kind.this.name if isinstance(kind.this, exp.DType) else "")
    if name is None or kind.expressions or node.args.get("format"):
        raise StepError(f"{compiler.what} casts to a type that is not run here; use {CAST_TYPES}")
    if value.type == NULL_TYPE:
        value = Value(value.name, TEXT, null())
    return Value("a cast", DUCKDB_TYPES[name], cast_column(value, name))


def _arithmetic(compiler: Compiler, node: exp.Expr) -> Value:
    left, right = compiler.value(node.this), compiler.value(node.expression)
    return arithmetic(type(node), left, right)  # type: ignore[arg-type] # a key of _HANDLERS


def _text_test(compiler: Compiler, name: str, arguments: Sequence[exp.Expr]) -> Value:
    value, part = map(compiler.value, arguments)
    return _truth_value(call(_TEXT_TESTS[name], text(spelled(value)), text(spelled(part))))


def _matches(compiler: Compiler, _: str, arguments: Sequence[exp.Expr]) -> Value:
    value, pattern = compiler.value(arguments[0]), compiler.pattern(arguments[1])
    problem = patterns.problem_with(pattern)
    if problem:
        raise StepError(f"{compiler.what}: the pattern of matches {problem}")
    name = compiler.name_of(len(compiler.functions))
    made = patterns.found(text(spelled(value)), pattern, name)
    compiler.functions.extend(made.functions)
    return _truth_value(made.tree)


def _is_missing(compiler: Compiler, _: str, arguments: Sequence[exp.Expr]) -> Value:
    value = compiler.value(arguments[0])
    return _truth_value(missing(value) if value.type != NULL_TYPE else exp.true())


def _is_valid(compiler: Compiler, _: str, arguments: Sequence[exp.Expr]) -> Value:
    value = compiler.value(arguments[0])
    asked = arguments[1]
    # AWS's page writes the type bare.
    name = str(asked.this if isinstance(asked, exp.Literal) else asked.name)
    if name not in CAST_TYPES:
        raise StepError(f"{compiler.what}: {name!r} is no data type{not_among(name, CAST_TYPES)}")
    there = paren(exp.Not(this=is_null(cast_column(value, name))))
    return _truth_value(any_of([missing(value), there]))


def _null_test(compiler: Compiler, name: str, arguments: Sequence[exp.Expr]) -> Value:
    tree = _is_null(compiler.value(arguments[0]))
    return _truth_value(tree if name == "isnull" else paren(exp.Not(this=tree)))


Handler = Callable[[Compiler, Any], Value]
_HANDLERS: Mapping[type[exp.Expr], Handler] = {
    exp.Column: _column,
    exp.Placeholder: _placeholder,
    exp.Literal: _literal,
    exp.Neg: _negative,
    exp.Boolean: _boolean,
    exp.Null: lambda *_: NULL,
    exp.Paren: lambda compiler, node: compiler.value(node.this),
    **dict.fromkeys(_ORDERS, _order),
    exp.NEQ: _unequal,
    exp.Not: _not,
    exp.And: _connected(all_of),
    exp.Or: _connected(any_of),
    exp.Is: _is,
    exp.Between: _between,
    exp.In: _in,
    exp.Like: _like,
    exp.Case: _case,
    exp.If: _if,
    exp.Cast: _cast,
    exp.TryCast: _cast,
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _arithmetic),
    exp.DPipe: lambda compiler, node: joined(
        [compiler.value(node.this), compiler.value(node.expression)]
    ),
}
_MANY = 100
_CALLS: Mapping[str, tuple[int, int, Callable[[Compiler, str, Sequence[exp.Expr]], Value]]] = {
    **dict.fromkeys(_TEXT_TESTS, (2, 2, _text_test)),
    "matches": (2, 2, _matches),
    "isbetween": (3, 3, _is_between),
    "ismissing": (1, 1, _is_missing),
    "isvalid": (2, 2, _is_valid),
    "isnull": (1, 1, _null_test),
    "isnotnull": (1, 1, _null_test),
    "coalesce": (1, _MANY, lambda compiler, _, many: first_there(list(map(compiler.value, many)))),
    "concat": (1, _MANY, lambda compiler, _, many: joined(list(map(compiler.value, many)))),
}
