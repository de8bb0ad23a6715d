"""Operations that take structs, lists and maps apart.

Here: UNNEST_*, JSON_TO_STRUCTS. Not here: making them (nesting.py), one value of them (paths.py),
nested types (recipe/nested.py).

A text column of JSON, as JSON files give it, may stand where a nested one is asked for: its type is
found by looking at all rows first. Without the data, when a recipe is only checked, any column may
come of it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlglot import exp

from cleanroom_pipeline.recipe import nested, patterns
from cleanroom_pipeline.recipe.conditions import conditions_tree
from cleanroom_pipeline.recipe.expressions import call as function
from cleanroom_pipeline.recipe.expressions import case, cast, equal, missing, string, try_cast
from cleanroom_pipeline.recipe.findings import StepError
from cleanroom_pipeline.recipe.operations.declaration import (
    SOURCE,
    SOURCES,
    TARGET,
    Call,
    Kind,
    Parameter,
    Status,
    operation,
)
from cleanroom_pipeline.recipe.operations.pattern_parameter import pattern_problem
from cleanroom_pipeline.recipe.operations.rewriting import free_name
from cleanroom_pipeline.recipe.plan import (
    BIGINT,
    INPUT,
    TEXT,
    Column,
    Computed,
    Explode,
    Frame,
    Output,
    keep,
)

_REMOVE = Parameter("removeSourceColumn", Kind.BOOLEAN, "whether the source goes", default=False)
_PREFIX = Parameter("targetColumn", Kind.TEXT, "what names of new columns begin with, before _")
_LEVELS = Parameter("unnestLevel", Kind.INTEGER, "how many levels", default=1, least=1, most=20)
_SELECTOR = Parameter("regexColumnSelector", Kind.TEXT, "a pattern of whole column names")
_ELSEWHERE = Parameter("conditionExpressions", Kind.TEXT, "refused: they stand beside the Action")


# How long a pattern may work on one column name.
_SECONDS = 1.0
_ENTRY = ("key", "value")


def _in_json(column: Column, kind: str) -> exp.Expr:
    """Return the text cell where it is a JSON value of a kind, OBJECT or ARRAY; else null."""
    fits = equal(function("json_type", column.tree), string(kind))
    as_json = cast(column.tree, "JSON")
    return case([(function("json_valid", column.tree), case([(fits, as_json)]))])


def _from_json(call: Call, frame: Frame, column: Column, kind: str, levels: int) -> Computed | None:
    """Return a text column of JSON as a nested one; None when only the data would tell its type.

    Raises StepError when no cell holds anything of that kind; without any cell, lists are of texts.
    """
    if call.options.survey is None:
        return None
    found = cast(function("json_group_structure", _in_json(column, kind)), TEXT)
    big = function("regexp_matches", column.tree, string(nested.MAY_BE_BEYOND_BIGINT))
    filled = exp.Not(this=missing(column))
    query = exp.select(found, *[function("bool_or", one) for one in (big, filled)]).from_(INPUT)
    ((structure_text, has_big, has_cells),) = call.options.survey.rows(frame, query)
    structure = _read(column.name, structure_text)
    if kind == "ARRAY" and not has_cells:
        structure = [TEXT]
    if not isinstance(structure, dict | list) or not structure:
        raise StepError(f"column {column.name!r} holds no JSON {kind.lower()} with anything in it")
    integer = nested.BEYOND_BIGINT if has_big else BIGINT
    wanted = nested.json_structure(structure, levels, integer)
    transformed = function(
        "json_transform", _in_json(column, kind), string(nested.structure_text(wanted))
    )
    return Computed(column.name, nested.type_of_json(wanted), transformed)


def _read(name: str, structure: str | None) -> Any:
    try:
        return json.loads(structure or "null")
    except RecursionError:
        raise StepError(f"column {name!r} holds JSON of too many levels") from None


def _struct(call: Call, frame: Frame, name: str, levels: int) -> Column | None:
    """Return the column as a struct; None when only the data would tell its fields."""
    column = frame.column(name)
    if nested.struct_fields(column.type) is not None:
        return column
    if column.type != TEXT:
        raise StepError(f"column {name!r} is of type {column.type}, not a struct or JSON text")
    return _from_json(call, frame, column, "OBJECT", levels)


def _without(frame: Frame, names: Sequence[str], remove: bool) -> list[Column]:
    return [column for column in frame.columns if not remove or column.name not in names]


def field_of(struct: Column, name: Column) -> Computed:
    """Return a field of a struct."""
    return Computed(
        name.name, name.type, function("struct_extract", struct.tree, string(name.name))
    )


def _fields(
    struct: Column, levels: int, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Column]]:
    """Yield each field down to a level, with the path to it."""
    fields = nested.struct_fields(struct.type) or ()
    nested.refuse_fields(field.name for field in fields)
    for field in fields:
        inner = field_of(struct, field)
        if levels > 1 and nested.struct_fields(field.type) is not None:
            yield from _fields(inner, levels - 1, (*path, field.name))
        else:
            yield (*path, field.name), inner


def _unnested(
    call: Call, frame: Frame, names: Sequence[str], levels: int, spell: Callable[..., str]
) -> Frame:
    """Return the frame with a column for each field of structs, and maybe without these."""
    remove = call["removeSourceColumn"]
    structs = {name: _struct(call, frame, name, levels) for name in names}
    kept = _without(frame, names, remove)
    if None in structs.values():
        return frame.open(names, kept)
    condition = conditions_tree(call.step.conditions, frame)
    outputs = []
    for name, struct in structs.items():
        for path, cell in _fields(struct, levels, (name,)) if struct else ():
            tree = cell.tree if condition is None else case([(condition.copy(), cell.tree)])
            outputs.append(Output(Column(spell(path), cell.type), tree))
    return replace(frame, columns=tuple(kept)).added(outputs)


@operation(
    "UNNEST_STRUCT",
    Status.INFERRED,
    "Makes a column of each field of a struct, one level; named as the field, after `targetColumn` "
    "and _ if that is given (AWS does not say what stands between). A null struct gives nulls.",
    SOURCE,
    _PREFIX,
    _REMOVE,
    tier=3,
)
def unnest_struct(call: Call, frame: Frame) -> Frame:
    """Take the fields of a struct out."""
    prefix = f"{call['targetColumn']}_" if call["targetColumn"] else ""
    return _unnested(call, frame, call.sources, 1, lambda path: prefix + path[-1])


def _check_selection(values: Mapping[str, Any]) -> Iterable[str]:
    if values["conditionExpressions"] is not None:
        yield "conditionExpressions is refused; write ConditionExpressions beside the Action"
    selector = values["regexColumnSelector"]
    if selector is not None:
        yield from pattern_problem("regexColumnSelector", selector)
    if bool(values["sourceColumns"]) == (selector is not None):
        yield "needs either 'sourceColumns' or 'regexColumnSelector'"


def _selected(call: Call, frame: Frame) -> tuple[str, ...]:
    """Return the columns that a step names, or that its pattern matches in whole."""
    if call.sources:
        return call.sources
    pattern = patterns.compiled(call["regexColumnSelector"])
    try:
        names = tuple(name for name in frame.names if pattern.fullmatch(name, timeout=_SECONDS))
    except TimeoutError:
        raise StepError("regexColumnSelector takes too long on a column's name") from None
    if not names:
        raise StepError("regexColumnSelector matches no column")
    return names


_ANY_SOURCES = replace(SOURCES, required=False)


@operation(
    "UNNEST_STRUCT_N",
    Status.DOCUMENTED,
    "Makes a column of each field of structs, several levels deep; named by the path to it, as "
    "user.address.state. A null struct gives nulls.",
    _ANY_SOURCES,
    _SELECTOR,
    _REMOVE,
    _LEVELS,
    Parameter("delimiter", Kind.TEXT, "what stands between the parts of a name", default="."),
    _ELSEWHERE,
    tier=3,
    check=_check_selection,
)
def unnest_struct_n(call: Call, frame: Frame) -> Frame:
    """Take the fields of structs out, and of structs in them."""
    names = _selected(call, frame)
    return _unnested(call, frame, names, call["unnestLevel"], call["delimiter"].join)


@operation(
    "JSON_TO_STRUCTS",
    Status.INFERRED,
    "Turns JSON texts into structs whose fields are those of all rows together; below unnestLevel "
    "they stay JSON text. A new column <source>_struct if the source stays, else in its place. A "
    "text that is no JSON object gives null, and so does a value that is not of its field's type.",
    _ANY_SOURCES,
    _SELECTOR,
    _REMOVE,
    _LEVELS,
    _ELSEWHERE,
    tier=3,
    check=_check_selection,
)
def json_to_structs(call: Call, frame: Frame) -> Frame:
    """Parse JSON texts."""
    names = _selected(call, frame)
    remove = call["removeSourceColumn"]
    made = {}
    for name in names:
        column = frame.column(name)
        if column.type != TEXT:
            raise StepError(f"column {name!r} is of type {column.type}, not text")
        # Only the data would tell the fields; that does not change the columns.
        struct = _from_json(call, frame, column, "OBJECT", call["unnestLevel"]) or column
        target = name if remove else f"{name}_struct"
        condition = conditions_tree(call.step.conditions, frame)
        tree = struct.tree if condition is None else case([(condition, struct.tree)])
        made[name] = Output(Column(target, struct.type), tree)
    return frame.replaced(made) if remove else frame.added(list(made.values()))


@operation(
    "UNNEST_ARRAY",
    Status.INFERRED,
    "Makes a row of each element of a list. A row whose list is null or empty stays, with a null "
    "(AWS is silent; no row is lost).",
    SOURCE,
    TARGET,
    _REMOVE,
    tier=3,
    conditions=False,
)
def unnest_array(call: Call, frame: Frame) -> Frame:
    """Make rows of elements."""
    column = frame.column(call.source)
    if column.type == TEXT:
        # Only the data would tell the type of the elements; that does not change the columns.
        unknown = Computed(column.name, nested.list_of(TEXT), column.tree)
        column = _from_json(call, frame, column, "ARRAY", 1) or unknown
    kept = _without(frame, call.sources, call["removeSourceColumn"])
    type_ = nested.element_type(column.type)
    if type_ is None:
        raise StepError(f"column {column.name!r} is of type {column.type}, not a list")
    target = Column(call["targetColumn"], type_)
    if target.name != call.source:
        frame.refuse_existing(target.name)
    kept = [one for one in kept if one.name != target.name]
    return frame.then(Explode(column.tree, target), [*kept, target])


@operation(
    "UNNEST_MAP",
    Status.INFERRED,
    "Makes a row of each entry of a map, with columns <target>_key and <target>_value (without a "
    "targetColumn: the source's name). A row whose map is null or empty stays, with nulls. A JSON "
    "text stands for a map to texts; one that is no object, or repeats a key, for none.",
    SOURCE,
    _PREFIX,
    _REMOVE,
    tier=3,
    conditions=False,
)
def unnest_map(call: Call, frame: Frame) -> Frame:
    """Make rows of entries."""
    column = frame.column(call.source)
    kept = _without(frame, call.sources, call["removeSourceColumn"])
    types = nested.map_types(column.type)
    tree = column.tree
    if column.type == TEXT:
        types, tree = (TEXT, TEXT), try_cast(_in_json(column, "OBJECT"), nested.map_of(TEXT))
    if types is None:
        raise StepError(f"column {column.name!r} is of type {column.type}, not a map")
    prefix = call["targetColumn"] or call.source
    made = [Column(f"{prefix}_{part}", type_) for part, type_ in zip(_ENTRY, types, strict=True)]
    for one in made:
        frame.refuse_existing(one.name)
    fields = [Column(part, type_) for part, type_ in zip(_ENTRY, types, strict=True)]
    entry = Column(free_name("entry", frame.names), nested.struct_of(fields))
    exploded = frame.then(Explode(function("map_entries", tree), entry), [*kept, entry])
    parts = [
        Output(one, function("struct_extract", entry.tree, string(part)))
        for one, part in zip(made, _ENTRY, strict=True)
    ]
    return exploded.project([*[keep(one) for one in kept], *parts])
