"""The three operations on advanced data types against cells whose details are known.

Here: cells that are put together from their details, and others. Not here: chosen examples
(golden/data_quality/).
"""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline_tests.recipe.oracles.generated import FEW
from cleanroom_pipeline_tests.recipe.oracles.runs import derived, run_cells

NETWORKS = {"4": "Visa", "37": "American Express", "51": "Mastercard", "6011": "Discover"}
ZONES = {"Texas": "America/Chicago", "tx": "America/Chicago", "HI": "Pacific/Honolulu"}
LABELS = st.text("abcxyz", min_size=1, max_size=6)
SPACE = st.sampled_from(["", " ", "\t"])


@dataclass(frozen=True)
class Cell:
    """A cell, the type it is of (none: no type), its details by pattern."""

    text: str | None
    type: str | None = None
    details: dict[str, str] = field(default_factory=dict)


def with_check_digit(digits: str) -> str:
    """Return the digits and the one that makes their sum a multiple of ten (ISO 7812)."""
    doubled = [
        sum(divmod(2 * int(one), 10)) if place % 2 == 0 else int(one)
        for place, one in enumerate(reversed(digits))
    ]
    return digits + str(-sum(doubled) % 10)


@st.composite
def cards(draw: Any) -> Cell:
    prefix = draw(st.sampled_from(sorted(NETWORKS)))
    size = draw(st.integers(13, 19))
    rest = draw(
        st.text("0123456789", min_size=size - 1 - len(prefix), max_size=size - 1 - len(prefix))
    )
    number = with_check_digit(prefix + rest)
    details = {"LENGTH": str(size), "NETWORK": NETWORKS[prefix]}
    spaced = draw(st.sampled_from(["", " ", "-"])).join([number[:4], number[4:8], number[8:]])
    return Cell(draw(SPACE) + spaced + draw(SPACE), "Credit Card", details)


@st.composite
def urls(draw: Any) -> Cell:
    scheme = draw(st.sampled_from(["http", "HTTPS", "ftp"]))
    labels = draw(st.lists(LABELS, min_size=2, max_size=4))
    rest = draw(st.sampled_from(["", "/", ":8080/a?b=c.d", "/x.y#z"]))
    host = ".".join(labels)
    details = {"PROTOCOL": scheme.lower(), "DOMAIN": host, "TLD": labels[-1]}
    return Cell(f"{scheme}://{host.upper()}{rest}", "URL", details)


STATES = st.sampled_from([Cell(name, "State", {"TIME_ZONE": zone}) for name, zone in ZONES.items()])
ZIPS = st.from_regex(r"[0-9]{5}(-[0-9]{4})?", fullmatch=True).map(lambda one: Cell(one, "Zip Code"))
GENDERS = st.sampled_from(["f", "Female", " MALE"]).map(lambda one: Cell(one, "Gender"))
OTHERS = st.sampled_from([None, "", " ", "🙂 é", "4111 1111 1111 1112", "a.b", "//x", "12345-"])
CELLS = st.lists(
    cards() | urls() | STATES | ZIPS | GENDERS | OTHERS.map(Cell), min_size=1, max_size=20
)
PATTERNS = st.sampled_from(
    [
        ("Credit Card", "LENGTH"),
        ("Credit Card", "NETWORK"),
        ("URL", "PROTOCOL"),
        ("URL", "DOMAIN"),
        ("URL", "TLD"),
        ("State", "TIME_ZONE"),
    ]
)
TYPES = st.sampled_from(["Credit Card", "URL", "State", "Zip Code", "Gender"])
STRATEGIES = st.sampled_from(["KEEP_ROWS", "DISCARD_ROWS", "CLEAR_FILTERS", "CLEAR_OTHERS"])


def detail(cell: Cell, type_: str, pattern: str) -> str | None:
    return cell.details.get(pattern) if cell.type == type_ else None


@FEW
@given(CELLS, PATTERNS)
def test_a_detail_is_that_which_the_cell_was_made_of(
    cells: list[Cell], wanted: tuple[str, str]
) -> None:
    type_, pattern = wanted
    got = derived(
        [cell.text for cell in cells],
        "EXTRACT_ADVANCED_DATATYPE_DETAILS",
        advancedDataType=type_,
        pattern=pattern,
    )
    assert got == [detail(cell, type_, pattern) for cell in cells]


@FEW
@given(CELLS, TYPES)
def test_cells_of_the_type_are_flagged(cells: list[Cell], type_: str) -> None:
    texts = [cell.text for cell in cells]
    got = derived(texts, "ADVANCED_DATATYPE_FLAG", advancedDataType=type_, trueString="yes")
    assert got == ["yes" if cell.type == type_ else "False" for cell in cells]


@FEW
@given(CELLS, PATTERNS, STRATEGIES, st.data())
def test_cells_with_a_wanted_detail_are_chosen(
    cells: list[Cell], wanted: tuple[str, str], strategy: str, data: Any
) -> None:
    type_, pattern = wanted
    known = sorted({found for one in cells if (found := detail(one, type_, pattern))})
    values = data.draw(st.lists(st.sampled_from([*known, "other"]), min_size=1, unique=True))
    chosen = [detail(cell, type_, pattern) in values for cell in cells]
    kept = {
        "KEEP_ROWS": [cell.text for cell, one in zip(cells, chosen, strict=True) if one],
        "DISCARD_ROWS": [cell.text for cell, one in zip(cells, chosen, strict=True) if not one],
        "CLEAR_FILTERS": [
            None if one else cell.text for cell, one in zip(cells, chosen, strict=True)
        ],
        "CLEAR_OTHERS": [
            cell.text if one else None for cell, one in zip(cells, chosen, strict=True)
        ],
    }
    got = run_cells(
        [cell.text for cell in cells],
        "ADVANCED_DATATYPE_FILTER",
        advancedDataType=type_,
        pattern=pattern,
        filterValues=values,
        strategy=strategy,
    )
    assert got["x"] == kept[strategy]
