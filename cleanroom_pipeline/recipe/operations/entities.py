"""What steps on personal data share: entityTypeFilter, and how such a step stops.

Here: which entity types may be named, limiting a change to the parts of a cell that are of them,
changing cells by Python. Not here: how a type is detected (recipe/detectors.py), any operation.

Personal data steps fail closed: a cell that one can't treat exactly ends the run, by an error that
names the step and the column and never the cell.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe.detectors import DETECTORS, parts
from cleanroom_pipeline.recipe.errors import UnmaskableValueError
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import text
from cleanroom_pipeline.recipe.operations.declaration import Call, Kind, Parameter
from cleanroom_pipeline.recipe.operations.rewriting import function_name, in_place
from cleanroom_pipeline.recipe.plan import Column, Frame, Runtime, VectorFunction

Change = Callable[[str], str]
CellChange = Callable[[Runtime], Change]
ArrayChange = Callable[[Runtime], Callable[[Any], Any]]

ENTITY_FILTER = Parameter(
    "entityTypeFilter",
    Kind.CHOICES,
    "hide only the parts of a cell that are personal data of these types: "
    + "; ".join(f"{name} ({one.rule})" for name, one in DETECTORS.items()),
)
# The end of the doc of every operation that takes the filter.
FILTER_DOC = (
    "With entityTypeFilter each part of a cell that is of a named type is treated as a cell of "
    "its own, and the rest stays; a cell whose rest might hold such data too, in a form that "
    "can't be told for sure, ends the run (AWS does not publish its detector: there the rest "
    "stays)."
)

_CODES = "its numbers have no check digit, so any number of that length could be one"
_BY_CONTEXT = "only a model of language can find it, and AWS does not publish its own"
_UNDETECTABLE: Mapping[str, str] = {
    "PERSON_NAME": _BY_CONTEXT,
    "DATE": _BY_CONTEXT,
    "USA_PASSPORT_NUMBER": _CODES,
    "USA_DRIVING_LICENSE": _CODES,
    "BANK_ACCOUNT": _CODES,
    "USA_HCPCS_CODE": _CODES,
    "USA_CPT_CODE": _CODES,
    "USA_NATIONAL_DRUG_CODE": _CODES,
    "USA_HEALTH_INSURANCE_CLAIM_NUMBER": _CODES,
    "USA_ALL": "it includes types such as USA_DRIVING_LICENSE that have no check digit",
}


def check_entities(values: Mapping[str, Any]) -> Iterable[str]:
    """Yield why a type in entityTypeFilter can't be looked for."""
    for entity in values["entityTypeFilter"] or ():
        if entity not in DETECTORS:
            reason = _UNDETECTABLE.get(entity, "AWS knows no such type")
            yield (
                f"entityTypeFilter {entity!r} is refused: {reason}. "
                f"Possible: {', '.join(DETECTORS)}; or leave it out to treat every cell"
            )


def refusal(call: Call, column: str, expected: str) -> str:
    """Return the sentence about a cell that can't be treated; it holds nothing of the cell."""
    return (
        f"step {call.step.number} ({call.step.operation}): column {column!r} holds a value that is "
        f"not {expected}; nothing was written. Clear or fix such cells in an earlier step"
    )


def limited(call: Call, column: str, change: Change) -> Change:
    """Return the change limited to what entityTypeFilter finds; as it is without a filter.

    The change that is returned raises UnmaskableValueError for a cell that can't be decided.
    """
    entities = call["entityTypeFilter"]
    if not entities:
        return change
    expected = f"for sure {' or '.join(entities)}, nor for sure free of it"

    def changed(value: str) -> str:
        found = parts(value, entities)
        if found is None:
            raise UnmaskableValueError(refusal(call, column, expected))
        return "".join(change(part.text) if part.found else part.text for part in found)

    return changed


def by_array(
    call: Call,
    frame: Frame,
    maker: Callable[[Column], ArrayChange],
    *,
    repeats: bool = True,
) -> Frame:
    """Return the frame with each source column's texts changed by a vectorised function.

    `maker` gives, for a column, what makes the function when the run begins. Without `repeats` it
    sees every cell, with it perhaps equal cells once.
    """
    functions: dict[str, VectorFunction] = {}

    def change(place: int, column: Column) -> exp.Expr:
        name = function_name(call, place)
        functions[name] = VectorFunction(name, maker(column), volatile=not repeats)
        return function(name, text(column))

    changed = {name: change(place, frame.column(name)) for place, name in enumerate(call.sources)}
    return in_place(call, frame, lambda column: changed[column.name], functions=functions.values())


def by_cell(
    call: Call,
    frame: Frame,
    maker: Callable[[Call, Column], CellChange],
    *,
    repeats: bool = True,
) -> Frame:
    """Return the frame with each source column's cells changed by a function of one text.

    `maker` gives, for a column, what makes the change when the run begins; null stays. `repeats`:
    equal cells may be changed once for all of them; else each is changed by itself.
    """
    over = _over_distinct if repeats else _over_each
    return by_array(call, frame, lambda column: over(maker(call, column)), repeats=repeats)


def _over_distinct(make: CellChange) -> ArrayChange:
    def made(runtime: Runtime) -> Callable[[Any], Any]:
        from cleanroom_pipeline.recipe.vectorised import over_distinct

        return over_distinct(make(runtime))

    return made


def _over_each(make: CellChange) -> ArrayChange:
    def made(runtime: Runtime) -> Callable[[Any], Any]:
        import pyarrow as pa

        change = make(runtime)

        def run(values: Any) -> Any:
            cells = values.to_pylist()
            return pa.array([None if one is None else change(one) for one in cells], pa.string())

        return run

    return made
