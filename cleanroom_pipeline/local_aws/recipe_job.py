"""A recipe job's work: read the dataset, run the recipe on our engine, write the outputs.

Here: what DataBrew's cluster would do. Not here: the run's states, or the engine.
"""

import gzip
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow.parquet as pq
from botocore.exceptions import BotoCoreError, ClientError

from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.job_outputs import (
    EXTENSIONS,
    FileKind,
    JobFailedError,
    JobOutput,
    encryption,
    job_outputs,
    part_key,
    table_input,
)

if TYPE_CHECKING:
    from cleanroom_pipeline.recipe.providers import CellCipher

INPUT_SUFFIXES = frozenset({".csv", ".tsv", ".txt", ".json", ".jsonl", ".parquet", ".gz"})


@dataclass(frozen=True, slots=True)
class SourceFormat:
    """A dataset's format: kind csv, jsonl or parquet."""

    kind: FileKind
    delimiter: str = ","
    header: bool = True


Inputs = Sequence[tuple[Path, str]]


@dataclass(frozen=True, slots=True)
class RecipeTask:
    """What the engine is given: a recipe's steps as JSON, and (file, its S3 key) pairs to read."""

    recipe: str
    recipe_name: str
    inputs: Inputs
    source: SourceFormat
    output_dir: Path
    output: FileKind
    secret: Callable[[str, str | None], Mapping[str, Any]]
    kms: Callable[[], Any]
    datasets: Mapping[str, tuple[Inputs, SourceFormat]] = field(default_factory=dict)


class RunRecipe(Protocol):
    """An engine: does the task, returns the files it wrote, raises with a text fit for a user."""

    def __call__(self, task: RecipeTask) -> Sequence[Path]:
        """Run a recipe."""
        ...


@dataclass(frozen=True, slots=True)
class _Keys:
    """The secrets and ciphers of a run, from what GetSecretValue says and a KMS client."""

    task: RecipeTask

    def secret_string(self, secret_id: str, version: str | None) -> str:
        return str(self.task.secret(secret_id, version)["SecretString"])

    def secret_identity(self, secret_id: str, version: str | None) -> tuple[str, str]:
        answer = self.task.secret(secret_id, version)
        return answer["ARN"], answer["VersionId"]

    def cell_cipher(self, kms_key_arn: str) -> "CellCipher":
        from cleanroom_pipeline.aws.message_encryption import KmsCipher

        return KmsCipher(kms_key_arn, self.task.kms())


def run_with_local_engine(task: RecipeTask) -> Sequence[Path]:
    """Run the recipe on `cleanroom_pipeline.recipe`, imported when the first job needs it."""
    from cleanroom_pipeline.recipe import parse_recipe
    from cleanroom_pipeline.recipe.engine import Dataset, EngineSettings, run_recipe
    from cleanroom_pipeline.recipe.files import FileFormat, InputFile

    def dataset(inputs: Inputs, source: SourceFormat) -> Dataset:
        format_ = FileFormat(source.kind, delimiter=source.delimiter, header=source.header)
        return Dataset([InputFile(path, name) for path, name in inputs], format_)

    own = dataset(task.inputs, task.source)
    result = run_recipe(
        parse_recipe(task.recipe, name=task.recipe_name),
        own.files,
        own.format,
        task.output_dir,
        output=task.output,
        secrets=_Keys(task),
        ciphers=_Keys(task),
        datasets={name: dataset(*one) for name, one in task.datasets.items()},
        settings=EngineSettings(),
    )
    return [file.path for file in result.files]


class RecipeJob:
    """The work of one run. `job` is what DescribeJob says, `started` the run's start."""

    def __init__(
        self, clients: Clients, region: str, job: Mapping[str, Any], started: float
    ) -> None:
        self._region = region
        self._clients = clients
        self._job = job
        self._started = started

    def _client(self, service: str) -> Any:
        return self._clients.get(service, self._region)

    def run(self, run_recipe: RunRecipe, may_write: Callable[[], bool]) -> None:
        """Do the work; JobFailedError where a user can mend it, the engine's errors as they are.

        `may_write` is asked before anything is written: a stopped run leaves nothing behind.
        """
        try:
            self._run(run_recipe, may_write)
        except ClientError as error:
            raise JobFailedError(f"{error.operation_name} failed: {error_code(error)}.") from error
        except BotoCoreError as error:
            raise JobFailedError(f"AWS could not be reached: {type(error).__name__}.") from error

    def _run(self, run_recipe: RunRecipe, may_write: Callable[[], bool]) -> None:
        outputs = job_outputs(self._job)
        databrew = self._client("databrew")
        dataset = databrew.describe_dataset(Name=self._job["DatasetName"])
        reference = {"RecipeVersion": "LATEST_PUBLISHED", **self._job["RecipeReference"]}
        recipe = databrew.describe_recipe(**reference)
        with tempfile.TemporaryDirectory(prefix="local-aws-job-") as folder:
            work = Path(folder)
            inputs = self._download(dataset, work / "in")
            steps = json.dumps(recipe["Steps"])
            datasets = self._second_datasets(steps, recipe["Name"], work)
            written: dict[FileKind, Sequence[Path]] = {}
            for kind in sorted({output.engine_format for output in outputs}):
                (work / kind).mkdir()
                written[kind] = run_recipe(
                    RecipeTask(
                        recipe=steps,
                        recipe_name=recipe["Name"],
                        inputs=inputs,
                        source=source_format(dataset),
                        output_dir=work / kind,
                        output=kind,
                        secret=self._secret,
                        kms=lambda: self._client("kms"),
                        datasets=datasets,
                    )
                )
            if may_write():
                for output in outputs:
                    self._write(output, written[output.engine_format], work)

    def _second_datasets(
        self, steps: str, recipe_name: str, work: Path
    ) -> dict[str, tuple[Inputs, SourceFormat]]:
        """Download the datasets that JOIN and UNION name, each into a folder of its own."""
        from cleanroom_pipeline.recipe import parse_recipe
        from cleanroom_pipeline.recipe.operations.combining import second_inputs

        parsed = parse_recipe(steps, name=recipe_name)
        names = [name for step in parsed.steps for name, *_ in second_inputs(step)]
        found: dict[str, tuple[Inputs, SourceFormat]] = {}
        for place, name in enumerate(dict.fromkeys(names)):
            try:
                dataset = self._client("databrew").describe_dataset(Name=name)
            except ClientError:
                raise JobFailedError(f"There is no second dataset {name!r}.") from None
            inputs = self._download(dataset, work / f"second-{place}")
            found[name] = (inputs, source_format(dataset))
        return found

    def _secret(self, secret_id: str, version: str | None) -> Mapping[str, Any]:
        pinned = {"VersionId": version} if version else {}
        answer: Mapping[str, Any] = self._client("secretsmanager").get_secret_value(
            SecretId=secret_id, **pinned
        )
        return answer

    def _download(self, dataset: Mapping[str, Any], folder: Path) -> list[tuple[Path, str]]:
        location = dataset["Input"].get("S3InputDefinition")
        if location is None or dataset.get("PathOptions"):
            raise JobFailedError("The local AWS reads S3 datasets without path options.")
        keys = self._input_keys(location["Bucket"], location.get("Key", ""))
        folder.mkdir()
        files = []
        for number, key in enumerate(keys):
            # The key names nothing on this disk: only endings that we know are taken from it.
            suffixes = [s for s in PurePosixPath(key).suffixes if s.lower() in INPUT_SUFFIXES]
            path = folder / f"{number:05d}{''.join(suffixes).lower()}"
            self._client("s3").download_file(location["Bucket"], key, str(path))
            files.append((path, key))
        return files

    def _input_keys(self, bucket: str, key: str) -> list[str]:
        if set(key) & set("{}") and "<" not in key:
            raise JobFailedError("The local AWS reads datasets without parameters in their key.")
        if key and not key.endswith("/") and "<" not in key:
            return [key]
        pattern = key_pattern(key)
        pages = self._client("s3").get_paginator("list_objects_v2")
        found = [
            entry["Key"]
            for page in pages.paginate(Bucket=bucket, Prefix=key.partition("<")[0])
            for entry in page.get("Contents", [])
            if not entry["Key"].endswith("/") and pattern.fullmatch(entry["Key"])
        ]
        if not found:
            raise JobFailedError(f"There is no file under s3://{bucket}/{key}.")
        return sorted(found)

    def _write(self, output: JobOutput, files: Sequence[Path], work: Path) -> None:
        name = self._job["Name"]
        keys = []
        for part, path in enumerate(files):
            body, extension = _packed(path, output, work)
            keys.append(part_key(output, name, self._started, part, extension))
            with body.open("rb") as content:
                self._client("s3").put_object(
                    Bucket=output.bucket, Key=keys[-1], Body=content, **encryption(self._job)
                )
        if output.overwrite:
            self._drop_older_parts(output, keys)
        if output.table:
            self._publish(output, *output.table, files)

    def _drop_older_parts(self, output: JobOutput, keys: Sequence[str]) -> None:
        prefix = "/".join(p for p in (output.prefix.strip("/"), f"{self._job['Name']}_part") if p)
        pages = self._client("s3").get_paginator("list_objects_v2")
        for page in pages.paginate(Bucket=output.bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                if entry["Key"] not in keys:
                    self._client("s3").delete_object(Bucket=output.bucket, Key=entry["Key"])

    def _publish(self, output: JobOutput, database: str, name: str, files: Sequence[Path]) -> None:
        table = table_input(output, name, pq.read_schema(files[0]))
        glue = self._client("glue")
        try:
            glue.update_table(DatabaseName=database, TableInput=table)
        except ClientError as error:
            if error_code(error) != "EntityNotFoundException":
                raise
            glue.create_table(DatabaseName=database, TableInput=table)


def key_pattern(key: str) -> re.Pattern[str]:
    """Return what a dataset's key matches, whole: `<...>` is a regular expression, `/` goes deeper.

    https://docs.aws.amazon.com/databrew/latest/dg/datasets.multiple-files.html
    """
    parts = re.split(r"<(.*?)>", key)
    expressions = [f"(?:{p})" if n % 2 else re.escape(p) for n, p in enumerate(parts)]
    try:
        return re.compile("".join(expressions) + (".*" if key.endswith("/") or not key else ""))
    except re.error:
        raise JobFailedError("The pattern in the dataset's key is no regular expression.") from None


def source_format(dataset: Mapping[str, Any]) -> SourceFormat:
    """Return a dataset's format as the engine names it; JobFailedError for what it can't read."""
    file_format = dataset.get("Format", "CSV")
    options = dataset.get("FormatOptions", {})
    if file_format == "CSV":
        csv = options.get("Csv", {})
        return SourceFormat("csv", csv.get("Delimiter", ","), csv.get("HeaderRow", True))
    if file_format == "JSON" and not options.get("Json", {}).get("MultiLine"):
        return SourceFormat("jsonl")
    if file_format == "PARQUET":
        return SourceFormat("parquet")
    raise JobFailedError("The local AWS reads CSV, JSON Lines (MultiLine false) and PARQUET.")


def _packed(path: Path, output: JobOutput, work: Path) -> tuple[Path, str]:
    """Return the file as it is to be stored, and the extension that tells what it is."""
    extension = EXTENSIONS[output.engine_format]
    if output.engine_format == "parquet":
        metadata = pq.read_metadata(path)
        plain = metadata.num_row_groups == 0 or metadata.num_columns == 0
        codec = "" if plain else metadata.row_group(0).column(0).compression.lower()
        return path, extension + (f".{codec}" if codec not in {"", "uncompressed"} else "")
    if not output.gzip:
        return path, extension
    packed = work / f"{path.name}.gz"
    with path.open("rb") as source, gzip.open(packed, "wb") as target:
        shutil.copyfileobj(source, target)
    return packed, f"{extension}.gz"
