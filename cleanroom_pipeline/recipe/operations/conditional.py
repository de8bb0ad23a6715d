"""Columns made by conditions written as expressions.

Here: BOOLEAN_OPERATION, CASE_OPERATION. Not here: what an expression means
(expression_language.py).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import cast
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.operations.declaration import (
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.expression_language import (
    Compiler,
)
from cleanroom_pipeline.recipe.operations.expression_values import (
    NULL_TYPE,
    Value,
    chosen,
    literal,
    truth,
)
from cleanroom_pipeline.recipe.operations.rewriting import function_name, new_column
from cleanroom_pipeline.recipe.operations.whole_column import aggregate
from cleanroom_pipeline.recipe.plan import TEXT, Frame
from cleanroom_pipeline.recipe.steps import Step

_WITH = Parameter(
    "withExpressions",
    Kind.OBJECTS,
    'aggregates over whole columns: [{"name", "value", "type": "aggregate"}]; an expression writes '
    "one as `:name`",
)
_LANGUAGE = (
    "Columns stand in back-ticks. Texts beside numbers, dates or truths are read as such; two text "
    "columns in an order are compared as numbers where both cells are, else as texts. A comparison "
    "with null or an unreadable cell is neither true nor false. matches finds its pattern "
    "anywhere. isValid is true of a missing cell."
)
_KEYS = {"name", "value", "type"}


def _aggregates(entries: Any, frame: Frame) -> tuple[dict[str, Value], dict[str, exp.Expr]]:
    """Return the results of withExpressions by name, and the scalars that compute them."""
    results: dict[str, Value] = {}
    scalars: dict[str, exp.Expr] = {}
    for entry in entries or []:
        if set(entry) != _KEYS or not all(isinstance(one, str) for one in entry.values()):
            raise StepError("an entry of withExpressions holds 'name', 'value' and 'type', texts")
        name = entry["name"]
        if entry["type"] != "aggregate":
            raise StepError(f"withExpressions {name!r}: its type can only be 'aggregate'")
        if not name or name in results:
            raise StepError(f"withExpressions names {name!r} twice, or nothing")
        tree, value = aggregate(entry["value"], frame, name)
        results[name] = value
        scalars[f"with:{name}"] = tree
    return results, scalars


def _compiler(call: Call, frame: Frame) -> tuple[Compiler, dict[str, exp.Expr]]:
    results, scalars = _aggregates(call["withExpressions"], frame)
    return Compiler(frame, results, lambda place: function_name(call, place)), scalars


def _added(
    call: Call, frame: Frame, value: Value, compiler: Compiler, scalars: Mapping[str, exp.Expr]
) -> Frame:
    type_ = TEXT if value.type == NULL_TYPE else value.type
    tree = cast(value.tree, type_)
    used = {one.name.partition(":")[2] for one in tree.find_all(exp.Placeholder)}
    needed = {name: made for name, made in scalars.items() if name in used}
    return new_column(call, frame, tree, type_=type_, functions=compiler.functions, scalars=needed)


def _result(compiler: Compiler, written: str, what: str) -> Value:
    """Return a result: an expression if it holds a reference, else what is written, unchanged."""
    bare = written.strip()
    if bare.startswith(":") and bare[1:] in compiler.results:
        return compiler.named(bare)
    return compiler.compile(written, what) if "`" in written else literal(written)


def _checked(build: Callable[[Call, Frame], Frame]) -> Callable[[Mapping[str, Any]], Iterable[str]]:
    """Return the check that builds the step over a frame where any column may be."""

    def check(values: Mapping[str, Any]) -> Iterable[str]:
        call = Call(Step("CHECK", {}), {**values, "targetColumn": "\0"})
        try:
            build(call, replace(Frame(()), opened=True))
        except StepError as problem:
            yield str(problem)

    return check


def _boolean_operation(call: Call, frame: Frame) -> Frame:
    compiler, scalars = _compiler(call, frame)
    condition = truth(compiler.compile(call["valueExpression"], "valueExpression"))
    values = [
        _result(compiler, call[name], name)
        for name in ("trueValueExpression", "falseValueExpression")
    ]
    return _added(call, frame, chosen([condition], values), compiler, scalars)


def _case_operation(call: Call, frame: Frame) -> Frame:
    compiler, scalars = _compiler(call, frame)
    value = compiler.compile(call["valueExpression"], "valueExpression")
    return _added(call, frame, value, compiler, scalars)


@operation(
    "BOOLEAN_OPERATION",
    Status.INFERRED,
    "A new column: one value where a condition is true, another where it is false or null. A value "
    f"without back-ticks is itself, as It is true. {_LANGUAGE}",
    Parameter("valueExpression", Kind.TEXT, "the condition, as `a` < 5", required=True),
    Parameter("trueValueExpression", Kind.TEXT, "the value where it holds", required=True),
    Parameter("falseValueExpression", Kind.TEXT, "the value elsewhere", required=True),
    _WITH,
    TARGET,
    tier=2,
    check=_checked(_boolean_operation),
)
def boolean_operation(call: Call, frame: Frame) -> Frame:
    """Choose between two values."""
    return _boolean_operation(call, frame)


@operation(
    "CASE_OPERATION",
    Status.INFERRED,
    "A new column: the value of the first WHEN that is true, else that of ELSE, else null; also "
    f"any other expression of the language, as coalesce. {_LANGUAGE}",
    Parameter(
        "valueExpression", Kind.TEXT, "case when `a` < 5 then 'low' else 'high' end", required=True
    ),
    _WITH,
    TARGET,
    tier=2,
    check=_checked(_case_operation),
)
def case_operation(call: Call, frame: Frame) -> Frame:
    """Choose among several values."""
    return _case_operation(call, frame)
