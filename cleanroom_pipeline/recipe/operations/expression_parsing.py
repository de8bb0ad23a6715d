"""Parsing expressions of recipes, as Spark spells them.

Here: from a text to sqlglot's nodes, in bounds. Not here: what is allowed of them
(expression_language.py).
"""

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from cleanroom_pipeline.recipe.findings import StepError

LONGEST = 8_000


def parsed(expression: str, what: str) -> exp.Expr:
    """Return what sqlglot makes of an expression; StepError when that is nothing."""
    if len(expression) > LONGEST:
        message = f"{what} is longer than {LONGEST} characters"
        raise StepError(message)
    try:
        tree: exp.Expr = sqlglot.parse_one(expression, read="spark", into=exp.Condition)
    except RecursionError:
        message = f"{what} nests too deeply"
        raise StepError(message) from None
    except SqlglotError as error:
        message = f"{what} is no expression: {_reason(error)}"
        raise StepError(message) from None
    return tree


def _reason(error: SqlglotError) -> str:
    """Return what the parser missed; the rest of its message quotes the expression in colours."""
    problems = error.errors if isinstance(error, ParseError) else []
    told = problems[0].get("description") if problems else None
    return f"{told}".rstrip(".") if told else "it can't be read as Spark SQL"
