"""Functions of addresses: the web family.

Here: parameters of URLs, IPv4 addresses as numbers. Not here: other functions of texts (texts.py).
"""

import json
from urllib.parse import parse_qs

from sqlglot import exp

from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import (
    case,
    cast,
    concat,
    full_match,
    integer,
    paren,
    string,
    text,
    try_cast,
    whole_number,
)
from cleanroom_pipeline.recipe.operations.declaration import Call, Status
from cleanroom_pipeline.recipe.operations.functions import of_cell, unary
from cleanroom_pipeline.recipe.operations.rewriting import function_name
from cleanroom_pipeline.recipe.plan import BIGINT, TEXT, Column, Made
from cleanroom_pipeline.recipe.python_functions import cell_function

_GREATEST_ADDRESS = 0xFFFF_FFFF
# The bits to the right of each of an address's four numbers.
_SHIFTS = (24, 16, 8, 0)
_BYTE = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_ADDRESS = rf"{_BYTE}(?:\.{_BYTE}){{3}}"


def query_parameters(url: str) -> str:
    """Return the parameters of a URL's query as a JSON object, spelled as AWS's page shows it.

    A parameter's value is the list of its values, in their order. Decoded as forms are (RFC 3986's
    percent-encoding of UTF-8, and + for a space); what is no UTF-8 becomes U+FFFD.
    """
    query = url.partition("#")[0].partition("?")[2]
    return json.dumps(parse_qs(query, keep_blank_values=True), ensure_ascii=False)


def _url_params(call: Call, column: Column) -> Made:
    name = function_name(call)
    return Made(function(name, text(column)), TEXT, (cell_function(name, query_parameters),))


of_cell(
    "URL_PARAMS",
    _url_params,
    "The query parameters of a URL as a JSON object in a text, each name with the list of its "
    "values, in a new column. Names and values are decoded; one without a value has the empty "
    'text, and a URL without a query gives "{}". Null gives null.',
    status=Status.INFERRED,
)


def _part(address: exp.Expr, place: int) -> exp.Expr:
    """Return one of an address's numbers; null for what is none, so no sum can be too great."""
    part = function("split_part", address.copy(), string("."), integer(place))
    return cast(try_cast(part, "UTINYINT"), BIGINT)


def _address_number(column: Column) -> exp.Expr:
    spelled = text(column)
    parts = [
        paren(exp.Mul(this=_part(spelled, place), expression=integer(1 << shift)))
        for place, shift in enumerate(_SHIFTS, start=1)
    ]
    total = parts[0]
    for part in parts[1:]:
        total = paren(exp.Add(this=total, expression=part))
    return case([(full_match(spelled, _ADDRESS), total)])


unary(
    "IP_TO_INT",
    BIGINT,
    _address_number,
    "An IPv4 address as a whole number, in a new column. Null, and what is not exactly four "
    "numbers from 0 to 255 with dots between and without leading zeros, give null.",
)


def _address(column: Column) -> exp.Expr:
    code = whole_number(column, BIGINT)
    known = exp.Between(this=code, low=integer(0), high=integer(_GREATEST_ADDRESS))
    parts: list[exp.Expr] = []
    for shift in _SHIFTS:
        above = paren(exp.IntDiv(this=code.copy(), expression=integer(1 << shift)))
        byte = paren(exp.Mod(this=above, expression=integer(256)))
        parts += [string("."), cast(byte, TEXT)]
    return case([(paren(known), concat(*parts[1:]))])


unary(
    "INT_TO_IP",
    TEXT,
    _address,
    "A whole number as an IPv4 address, in a new column. A fraction is cut off; null, what is no "
    "number, and numbers below 0 or above 4294967295 give null.",
)
