"""The web family against few-line oracles, on generated cells.

Here: what every cell gives. Not here: chosen examples (golden/web/).
"""

import ipaddress
import json
from typing import Any
from urllib.parse import quote, urlencode

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import CHARACTERS, FEW, column_of
from cleanroom_pipeline_tests.recipe.oracles.runs import each, of_columns, of_texts

X = {"sourceColumn": "x"}
ADDRESSES = st.one_of(
    st.none(),
    st.ip_addresses(v=4).map(str),
    st.text("0123456789.", max_size=15),
    st.ip_addresses(v=6).map(str),
)


def number_of(address: str) -> int | None:
    try:
        return int(ipaddress.IPv4Address(address))
    except ValueError:
        return None


@FEW
@given(column_of(ADDRESSES))
def test_an_address_is_a_number(cells: list[str | None]) -> None:
    assert of_texts(cells, {"y": ("IP_TO_INT", X)})["y"] == each(cells, number_of)


@FEW
@given(column_of(st.none() | st.integers(-3, 2**32 + 3)))
def test_a_number_is_an_address(cells: list[int | None]) -> None:
    def address_of(number: int) -> str | None:
        return str(ipaddress.IPv4Address(number)) if 0 <= number < 2**32 else None

    got = of_columns({"x": (pa.int64(), cells)}, {"y": ("INT_TO_IP", X)})
    assert got["y"] == each(cells, address_of)


NAMES = st.text(CHARACTERS, max_size=5)
QUERIES = st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=4)


@FEW
@given(st.lists(QUERIES, min_size=1, max_size=20))
def test_the_parameters_of_a_url_come_back_as_they_were(
    queries: list[list[tuple[str, str]]],
) -> None:
    urls = [f"https://example.com/{quote('é')}?{urlencode(query)}#x?y=1" for query in queries]

    def collected(query: list[tuple[str, str]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, value in query:
            made.setdefault(name, []).append(value)
        return made

    got = of_texts(urls, {"y": ("URL_PARAMS", X)})["y"]
    assert [json.loads(one) for one in got] == [collected(query) for query in queries]
