"""Upper case, lower case and capitals by Unicode's full mapping, which Java follows.

Here: the mappings, as trees and as functions of a text. Not here: which step uses which.

One letter may become several ("ß" is "SS" in upper case, "Ss" as a capital), and a sigma at the end
of a word is "ς" in lower case (Unicode's Final_Sigma; Java finds a few ends more, after a digit).
No language's own rules apply: a Turkish "I" becomes "i". DuckDB's upper and lower map letters one
to one, so they serve for ASCII alone.
"""

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call
from cleanroom_pipeline.recipe.plan import Made
from cleanroom_pipeline.recipe.python_functions import cell_function, unless_ascii


def upper(tree: exp.Expr, name: str) -> Made:
    """Return the text in upper case; null for null. `name` is one that no other step uses."""
    return unless_ascii(tree, call("upper", tree.copy()), cell_function(name, str.upper))


def lower(tree: exp.Expr, name: str) -> Made:
    """Return the text in lower case; null for null. `name` is one that no other step uses."""
    return unless_ascii(tree, call("lower", tree.copy()), cell_function(name, str.lower))


def capitalised(word: str) -> str:
    """Return the word with its first character as a capital (Unicode: title case), else lower."""
    return word.capitalize()
