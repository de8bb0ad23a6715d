"""The second datasets of a recipe, fetched from where the connector says."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.connector_types.base import refuse_missing_datasets
from cleanroom_pipeline.recipe import RecipeError
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import FormatChoice
from cleanroom_pipeline.transform.datasets import (
    InboundDataset,
    MissingDatasetError,
    TableDataset,
    fetch_datasets,
)
from cleanroom_pipeline_tests.recipe.running import recipe, step

BY_NAME = FormatChoice(FileFormat(), by_name=True)
JOIN = step(
    "JOIN",
    joinKeys='[{"key":"id","value":"id"}]',
    joinType="LEFT_JOIN",
    rightColumns='["name"]',
    secondaryDatasetName="people",
)


@pytest.fixture
def glue(storage: S3Storage) -> GlueCatalog:
    return GlueCatalog(session=storage.session)


def publish(storage: S3Storage, glue: GlueCatalog, location: str, folder: Path) -> None:
    path = folder / "people.parquet"
    pq.write_table(pa.table({"id": ["1"], "name": ["Zoë"]}), path)
    storage.upload(path, "data/people/part-00000.parquet")
    glue.client.create_database(DatabaseInput={"Name": "marketing"})
    glue.client.create_table(
        DatabaseName="marketing",
        TableInput={"Name": "people", "StorageDescriptor": {"Location": location}},
    )


def test_files_under_an_inbound_prefix_are_fetched_in_key_order(
    storage: S3Storage, glue: GlueCatalog, tmp_path: Path
) -> None:
    for name, body in (("b.csv", b"id\n2\n"), ("a.csv", b"id\n1\n"), ("", b"")):
        storage.client.put_object(Bucket="inbound", Key=f"reference/{name}", Body=body)
    sources = {"people": InboundDataset("reference/", BY_NAME)}
    dataset = fetch_datasets(storage, glue, sources, tmp_path)["people"]
    assert [file.path.read_bytes() for file in dataset.files] == [b"id\n1\n", b"id\n2\n"]
    assert dataset.format.kind == "csv"


def test_a_table_of_ours_is_fetched(storage: S3Storage, glue: GlueCatalog, tmp_path: Path) -> None:
    publish(storage, glue, "s3://transformed/data/people/", tmp_path)
    sources = {"people": TableDataset("marketing", "people")}
    dataset = fetch_datasets(storage, glue, sources, tmp_path)["people"]
    assert [pq.read_table(file.path).to_pylist() for file in dataset.files] == [
        [{"id": "1", "name": "Zoë"}]
    ]


def test_files_of_a_table_whose_name_begins_alike_are_not_fetched(
    storage: S3Storage, glue: GlueCatalog, tmp_path: Path
) -> None:
    publish(storage, glue, "s3://transformed/data/people", tmp_path)
    storage.upload(tmp_path / "people.parquet", "data/people_of_others/part-00000.parquet")
    sources = {"people": TableDataset("marketing", "people")}
    dataset = fetch_datasets(storage, glue, sources, tmp_path)["people"]
    assert [file.name for file in dataset.files] == ["data/people/part-00000.parquet"]


@pytest.mark.parametrize("location", ["s3://elsewhere/data/people/", "s3://transformed/none/"])
def test_a_table_that_is_not_ours_or_is_empty_is_refused(
    storage: S3Storage, glue: GlueCatalog, tmp_path: Path, location: str
) -> None:
    publish(storage, glue, location, tmp_path)
    sources = {"people": TableDataset("marketing", "people")}
    with pytest.raises(MissingDatasetError, match=r"marketing\.people"):
        fetch_datasets(storage, glue, sources, tmp_path)


def test_a_prefix_without_files_and_a_table_that_is_not_there_are_named(
    storage: S3Storage, glue: GlueCatalog, tmp_path: Path
) -> None:
    with pytest.raises(MissingDatasetError, match="people: no file lies under s3://inbound/none/"):
        fetch_datasets(storage, glue, {"people": InboundDataset("none/", BY_NAME)}, tmp_path)
    glue.client.create_database(DatabaseInput={"Name": "marketing"})
    (other := tmp_path / "other").mkdir()
    with pytest.raises(MissingDatasetError, match=r"no Glue table marketing\.nobody"):
        fetch_datasets(storage, glue, {"them": TableDataset("marketing", "nobody")}, other)


def test_a_dataset_that_a_connector_does_not_have_is_refused_at_load() -> None:
    refuse_missing_datasets(recipe(JOIN), {"people"})
    with pytest.raises(RecipeError, match=r"step 1 \(JOIN\).*'people'.*has 'persons'"):
        refuse_missing_datasets(recipe(JOIN), {"persons"})
