"""Where a recipe job's outputs go and what they are called, as DataBrew does it. Pure.

Here: names, formats, the Glue table's input. Not here: writing them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import pyarrow as pa

FileKind = Literal["csv", "jsonl", "parquet"]

ENGINE_FORMATS: Mapping[str, FileKind] = {"CSV": "csv", "JSON": "jsonl", "PARQUET": "parquet"}
EXTENSIONS = {"csv": ".csv", "jsonl": ".json", "parquet": ".parquet"}
UNSUPPORTED_OPTIONS = ("PartitionColumns",)

GLUE_SCALARS = {
    "bool": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "int",
    "int64": "bigint",
    "uint8": "smallint",
    "uint16": "int",
    "uint32": "bigint",
    "float": "float",
    "double": "double",
    "string": "string",
    "large_string": "string",
    "binary": "binary",
    "large_binary": "binary",
    "date32[day]": "date",
}

PARQUET_STORAGE = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
    },
}


class JobFailedError(Exception):
    """The job can't be done; the text becomes the run's ErrorMessage."""


@dataclass(frozen=True, slots=True)
class JobOutput:
    """One output: `engine_format` is csv, jsonl or parquet; `table` is (database, name) or None."""

    engine_format: FileKind
    bucket: str
    prefix: str
    overwrite: bool
    gzip: bool
    table: tuple[str, str] | None = None


def job_outputs(job: Mapping[str, Any]) -> list[JobOutput]:
    """Return what DescribeJob says is to be written; JobFailedError for what we can't write."""
    if job.get("DatabaseOutputs"):
        raise JobFailedError("The local AWS does not have database outputs.")
    outputs = [_file_output(spec) for spec in job.get("Outputs", [])]
    outputs += [_table_output(spec) for spec in job.get("DataCatalogOutputs", [])]
    if not outputs:
        raise JobFailedError("The job has no output.")
    return outputs


def _file_output(spec: Mapping[str, Any]) -> JobOutput:
    file_format = spec.get("Format", "CSV")
    engine_format = ENGINE_FORMATS.get(file_format)
    if engine_format is None or any(spec.get(option) for option in UNSUPPORTED_OPTIONS):
        raise JobFailedError(
            f"The local AWS writes {', '.join(ENGINE_FORMATS)} without partitions, "
            f"not {file_format} as it is asked for here."
        )
    if spec.get("FormatOptions", {}).get("Csv", {}).get("Delimiter", ",") != ",":
        raise JobFailedError("The local AWS writes CSV with commas alone.")
    codec = spec.get("CompressionFormat")
    gzip = codec == "GZIP" and engine_format != "parquet"
    if codec and not gzip and engine_format != "parquet":
        raise JobFailedError(f"The local AWS compresses text with GZIP alone, not with {codec}.")
    location = spec["Location"]
    return JobOutput(
        engine_format=engine_format,
        bucket=location["Bucket"],
        prefix=location.get("Key", ""),
        overwrite=bool(spec.get("Overwrite")),
        gzip=gzip,
    )


def _table_output(spec: Mapping[str, Any]) -> JobOutput:
    location = spec.get("S3Options", {}).get("Location")
    if location is None:
        raise JobFailedError("The local AWS writes Data Catalog outputs to S3, with a Location.")
    return JobOutput(
        engine_format="parquet",
        bucket=location["Bucket"],
        prefix=location.get("Key", ""),
        overwrite=bool(spec.get("Overwrite")),
        gzip=False,
        table=(spec["DatabaseName"], spec["TableName"]),
    )


def part_key(output: JobOutput, job_name: str, started: float, part: int, extension: str) -> str:
    """Return the key of a part file, by the pattern that DataBrew's users report.

    With `overwrite` the parts lie under the prefix itself, else in a folder of the run.
    """
    instant = datetime.fromtimestamp(started, tz=UTC)
    run = f"{job_name}_{instant:%d%b%Y}_{int(started * 1000)}"
    prefix = output.prefix.strip("/")
    if output.overwrite:
        parts = [prefix, f"{job_name}_part{part:05d}{extension}"]
    else:
        parts = [prefix, run, f"{run}_part{part:05d}{extension}"]
    return "/".join(p for p in parts if p)


def encryption(job: Mapping[str, Any]) -> dict[str, str]:
    """Return the arguments of PutObject for the job's encryption, none for the bucket's own."""
    mode = job.get("EncryptionMode")
    if mode == "SSE-S3":
        return {"ServerSideEncryption": "AES256"}
    if mode != "SSE-KMS":
        return {}
    key = job.get("EncryptionKeyArn")
    return {"ServerSideEncryption": "aws:kms", **({"SSEKMSKeyId": key} if key else {})}


def glue_type(kind: pa.DataType) -> str:
    """Return the Glue type of an Arrow type; JobFailedError for one that is not known here."""
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array<{glue_type(kind.value_type)}>"
    if pa.types.is_map(kind):
        return f"map<{glue_type(kind.key_type)},{glue_type(kind.item_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{glue_type(field.type)}' for field in kind)}>"
    if str(kind) not in GLUE_SCALARS:
        raise JobFailedError(f"A column of the Arrow type {kind} has no Glue type.")
    return GLUE_SCALARS[str(kind)]


def table_input(output: JobOutput, name: str, schema: pa.Schema) -> dict[str, Any]:
    """Return Glue's TableInput for a Data Catalog output."""
    columns: Sequence[dict[str, str]] = [
        {"Name": field.name, "Type": glue_type(field.type)} for field in schema
    ]
    location = f"s3://{output.bucket}/{output.prefix.strip('/')}/"
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet"},
        "StorageDescriptor": {"Columns": columns, "Location": location, **PARQUET_STORAGE},
    }
