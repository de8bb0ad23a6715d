"""`cleanroom recipe run`.

Here: the command and what it reports. Not here: running (`recipe.engine`).
"""

import json
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from cleanroom_pipeline.cli.recipe.options import (
    Compat,
    CompatOption,
    DatasetOption,
    Inputs,
    Memory,
    RecipeFile,
    Secret,
    Seed,
    input_files,
    read_datasets,
    read_recipe,
    read_secrets,
    settings_of,
    tell,
    told_errors,
)
from cleanroom_pipeline.cli.recipe.progress import Progress
from cleanroom_pipeline.cli.shared import AsJson, fail
from cleanroom_pipeline.recipe import Recipe
from cleanroom_pipeline.recipe.engine import DEFAULT_MEMORY, RunResult, run_recipe
from cleanroom_pipeline.recipe.files import kind_of

_MEGABYTE = 1_000_000


class OutputKind(StrEnum):
    """What `recipe run` writes."""

    PARQUET = "parquet"
    CSV = "csv"
    JSONL = "jsonl"


def output_kind(output: Path, asked: OutputKind | None) -> OutputKind:
    """Return what is to be written: what was asked for, or what the output's name says."""
    named = asked or kind_of(output.name)
    if named not in list(OutputKind):
        fail(f"{output}: {named} can be read and not written; --format has what can.")
    return OutputKind(named)


def peak_memory() -> int:
    """Return the most bytes of memory that this process held so far."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, kibibytes on Linux.
    return most if sys.platform == "darwin" else most * 1024


def run_report(
    recipe: Recipe, result: RunResult, output: Path, *, bytes_in: int, peak: int
) -> dict[str, Any]:
    """Return what is told of a run; bytes in millions."""
    seconds = result.seconds
    removed = result.removed or {}
    return {
        "rows_in": result.rows_in,
        "rows_out": result.rows_out,
        "seconds": round(seconds, 3),
        "megabytes_in": round(bytes_in / _MEGABYTE, 3),
        "rows_per_second": round(result.rows_in / seconds) if seconds else None,
        "megabytes_per_second": round(bytes_in / _MEGABYTE / seconds, 3) if seconds else None,
        "peak_memory_megabytes": round(peak / _MEGABYTE),
        "removed": [
            {"step": number, "operation": recipe.steps[number - 1].operation, "rows": rows}
            for number, rows in sorted(removed.items())
        ],
        "output": str(output),
    }


def report_text(report: Mapping[str, Any]) -> str:
    """Return a report as lines."""
    lines = [
        f"step {one['step']} ({one['operation']}) left {one['rows']} rows out"
        for one in report["removed"]
    ]
    speed = f"{report['rows_per_second'] or 0:,} rows, {report['megabytes_per_second'] or 0:.1f} MB"
    lines.append(
        f"{report['rows_in']} rows in, {report['rows_out']} rows out, {report['seconds']:.1f} s "
        f"({speed} a second; at most {report['peak_memory_megabytes']} MB of memory): "
        f"{report['output']}"
    )
    return "\n".join(lines)


def recipe_run(
    recipe: RecipeFile,
    inputs: Inputs,
    output: Annotated[Path, typer.Option(help="The file to write.")],
    output_format: Annotated[
        OutputKind | None, typer.Option("--format", help="By default, as the output's name says.")
    ] = None,
    compat: CompatOption = Compat.STRICT,
    seed: Seed = 0,
    secret: Secret = None,
    dataset: DatasetOption = None,
    memory: Memory = DEFAULT_MEMORY,
    as_json: AsJson = False,
) -> None:
    """Run a DataBrew recipe over files, on this machine."""
    with told_errors():
        kind = output_kind(output, output_format)
        secrets = read_secrets(secret)
        parsed = read_recipe(recipe, secrets)
        files, input_format = input_files(inputs)
        with (
            tempfile.TemporaryDirectory(prefix="cleanroom-recipe-") as folder,
            Progress(sys.stderr, time.monotonic) as progress,
        ):
            result = run_recipe(
                parsed,
                files,
                input_format,
                Path(folder),
                output=kind.value,
                secrets=secrets,
                datasets=read_datasets(dataset),
                settings=settings_of(compat, seed, memory, tally=True),
                progress=progress.rows,
            )
            output.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(result.files[0].path, output)
        read = sum(path.stat().st_size for path in inputs)
        report = run_report(parsed, result, output, bytes_in=read, peak=peak_memory())
    if as_json:
        typer.echo(json.dumps(report))
    else:
        tell(report_text(report), err=True)
