"""The reference of operations, as Markdown: a page a family, and an index.

Here: what is declared and an example of each operation, turned into text. Not here: where examples
come from, or writing files.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cleanroom_pipeline.recipe.described import Described, counts_by_status
from cleanroom_pipeline.recipe.operations.declaration import Parameter, Status
from cleanroom_pipeline.recipe.runnable import Runnable, Table, runnable

INDEX = "README.md"
_WRITTEN = "<!-- Written by `make docs` from the declarations and the golden files; edit those. -->"
_MEANINGS: Mapping[Status, str] = {
    Status.EXACT: "AWS publishes outputs, and the engine gives them cell by cell",
    Status.DOCUMENTED: "follows AWS's documentation",
    Status.INFERRED: "AWS is silent on a detail; our choice is written down",
    Status.REFUSED: "a recipe with it is refused before a row is read; the reason is written down",
}


@dataclass(frozen=True)
class Example:
    """An example of an operation: input, steps as a recipe file holds them, output."""

    title: str
    given: Table
    steps: Sequence[Any]
    gives: Table
    settings: Mapping[str, Any] = field(default_factory=dict)
    datasets: Mapping[str, Table] = field(default_factory=dict)

    @property
    def runnable(self) -> Runnable | None:
        """The example as commands; None when it needs more than a recipe and a file."""
        if self.settings or self.datasets:
            return None
        return runnable(self.steps, self.given, self.gives)


def pages(operations: Sequence[Described], examples: Mapping[str, Example]) -> dict[str, str]:
    """Return the text of each page by its file name; examples by operation."""
    families = dict.fromkeys(one.family for one in operations)
    made = {
        page_name(family): family_page(
            family, [one for one in operations if one.family == family], examples
        )
        for family in families
    }
    return {INDEX: index_page(operations), **made}


def page_name(family: str) -> str:
    """Return the file name of a family's page."""
    return f"{family.replace(' ', '_')}.md"


def index_page(operations: Sequence[Described]) -> str:
    """Return the page that counts operations by status and leads to all of them."""
    counts = counts_by_status(operations)
    lines = [
        "# Recipe operations",
        "",
        _WRITTEN,
        "",
        f"AWS documents {len(operations)} operations. `cleanroom recipe operations` lists them.",
        "A source column may be written as `sourceColumn`, or as `sourceColumns` with a list.",
        "",
        *_table(
            ("Status", "Operations", "It means"),
            [(status.value, str(counts[status]), _MEANINGS[status]) for status in Status],
        ),
        "",
    ]
    families = dict.fromkeys(one.family for one in operations)
    for family in families:
        of_it = [one for one in operations if one.family == family]
        named = [
            f"[{one.operation}]({page_name(family)}#{one.operation.lower()}) ({one.status.value})"
            for one in of_it
        ]
        lines += [f"## [{family.capitalize()}]({page_name(family)})", "", ",\n".join(named), ""]
    return "\n".join(lines)


def family_page(
    family: str, operations: Sequence[Described], examples: Mapping[str, Example]
) -> str:
    """Return the page of one family."""
    lines = [f"# {family.capitalize()} operations", "", _WRITTEN, ""]
    lines += _commands(operations, examples)
    for one in operations:
        lines += _operation(one, examples.get(one.operation))
    return "\n".join(lines)


def first_runnable(
    operations: Iterable[Described], examples: Mapping[str, Example]
) -> tuple[str, Runnable] | None:
    """Return the first operation with an example that can be run as commands, and the example."""
    for one in operations:
        example = examples.get(one.operation)
        made = example.runnable if example is not None and one.reason is None else None
        if made is not None:
            return one.operation, made
    return None


def _commands(operations: Sequence[Described], examples: Mapping[str, Example]) -> list[str]:
    found = first_runnable(operations, examples)
    if found is None:
        return []
    operation, made = found
    return [
        f"To try {operation}:",
        "",
        *_fenced("sh", made.shell),
        "",
        "It prints:",
        "",
        *_fenced("", made.prints),
        "",
    ]


def _operation(one: Described, example: Example | None) -> list[str]:
    lines = [f"## {one.operation}", "", f"Status: {one.status.value}.", ""]
    if one.reason is not None:
        return [*lines, f"It is refused: {prose(one.reason).rstrip('.')}.", ""]
    lines += [prose(one.doc), ""]
    if not one.conditions:
        lines += ["It takes no ConditionExpressions.", ""]
    if one.parameters:
        heads = ("Parameter", "Holds", "Required", "Default", "Meaning")
        lines += [*_table(heads, map(_parameter, one.parameters)), ""]
    if example is not None:
        lines += _example(example)
    return lines


def _parameter(one: Parameter) -> tuple[str, ...]:
    holds = one.kind.value
    if one.choices:
        holds += ": " + ", ".join(map(code, one.choices))
    bounds = [f"at least {one.least}"] if one.least is not None else []
    bounds += [f"at most {one.most}"] if one.most is not None else []
    default = "" if one.default in (None, "") else cell(one.default)
    meaning = ", ".join([prose(one.doc), *bounds])
    return code(one.name), holds, "yes" if one.required else "", default, meaning


def _example(example: Example) -> list[str]:
    lines = [
        f"Example: {prose(example.title)}.",
        "",
        *_fenced("json", json.dumps(example.steps, indent=2, ensure_ascii=False)),
        "",
        *_data("Input", example.given),
    ]
    for name, table in example.datasets.items():
        lines += _data(f"Dataset {code(name)}", table)
    if example.settings:
        told = ", ".join(f"{name} {code(str(value))}" for name, value in example.settings.items())
        lines += [f"Run with {told}.", ""]
    return [*lines, *_data("Output", example.gives)]


def _data(title: str, table: Table) -> list[str]:
    heads = [code(name) for name in table.columns]
    rows = [[cell(one) for one in row] for row in table.rows]
    return [f"{title}:", "", *_table(heads, rows), ""]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(one.replace("|", r"\|") for one in line) + " |" for line in lines]


def _fenced(language: str, text: str) -> list[str]:
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence + language, *text.rstrip("\n").split("\n"), fence]


def code(text: str) -> str:
    """Return a text as a code span, whatever it holds."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    inner = f" {text} " if text.startswith("`") or text.endswith("`") else text
    return f"{fence}{inner}{fence}"


def cell(value: Any) -> str:
    """Return a cell: texts as they are where that can be read, else as JSON writes them."""
    if value is None:
        return "*null*"
    if value == "":
        return "*empty*"
    if isinstance(value, str) and value.isprintable() and " ".join(value.split()) == value:
        return code(value)
    return code(json.dumps(value, ensure_ascii=False, default=str))


def prose(text: str) -> str:
    """Return a sentence with what Markdown would read as its own escaped; code spans stay."""
    parts = re.split(r"(`[^`]*`)", text)
    parts[::2] = [re.sub(r"([\\*_<\[\]])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)
