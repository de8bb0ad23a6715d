"""The form of a connector's `inbound.format`.

Here: how inbound files are read, as a connector's YAML says it. Not here: reading (`recipe`).
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

import dagster as dg
from pydantic import StringConstraints, model_validator

from cleanroom_pipeline.recipe.files import TEXT_KINDS, FileFormat
from cleanroom_pipeline.records import FormatChoice

Character = Annotated[str, StringConstraints(min_length=1, max_length=1)]

# Which kinds a setting says something about; `auto` may turn out to be any of them.
_KINDS_OF: Mapping[str, frozenset[str]] = {
    "delimiter": frozenset({"csv"}),
    "quote": frozenset({"csv"}),
    "escape": frozenset({"csv"}),
    "null_text": frozenset({"csv"}),
    "header": frozenset({"csv", "xlsx"}),
    "encoding": frozenset(TEXT_KINDS),
    "sheet": frozenset({"xlsx"}),
    # A row of the other kinds can't be bad by itself.
    "max_bad_rows": frozenset({"csv", "jsonl"}),
}


class FormatSettings(dg.Model, dg.Resolvable):
    """How inbound files are read; `auto` tells each batch's kind by its files' names."""

    kind: Literal["auto", "csv", "jsonl", "json", "parquet", "avro", "orc", "xlsx"] = "auto"
    delimiter: Character = ","
    quote: Character = '"'
    escape: Character | None = None
    header: bool = True
    encoding: Literal["utf-8", "utf-16", "latin-1", "windows-1252"] = "utf-8"
    null_text: str = ""
    sheet: int | str | None = None
    max_bad_rows: int = 0

    @model_validator(mode="after")
    def settings_go_with_the_kind(self) -> Self:
        """Refuse a setting that says nothing about files of the kind, or can't be."""
        for name, kinds in _KINDS_OF.items():
            is_set = getattr(self, name) != type(self).model_fields[name].default
            if is_set and self.kind not in {"auto", *kinds}:
                allowed = ", ".join(sorted(kinds))
                raise ValueError(f"{name} says nothing of kind {self.kind}; it goes with {allowed}")
        if self.max_bad_rows < 0:
            raise ValueError("max_bad_rows must be at least 0")
        self.choice()
        return self

    def choice(self) -> FormatChoice:
        """Return what the stages are told."""
        return FormatChoice(
            FileFormat(
                kind="csv" if self.kind == "auto" else self.kind,
                delimiter=self.delimiter,
                quote=self.quote,
                escape=self.escape,
                header=self.header,
                encoding=self.encoding,
                null_text=self.null_text,
                sheet=self.sheet,
                max_bad_rows=self.max_bad_rows,
            ),
            by_name=self.kind == "auto",
        )
