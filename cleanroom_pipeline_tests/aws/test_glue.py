from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from cleanroom_pipeline.aws.glue import GlueCatalog, MissingDatabaseError, TableChangedError
from cleanroom_pipeline.aws.session import AwsSession

OLD: dict[str, Any] = {"Name": "customers", "Parameters": {"batch": "old"}}
NEW: dict[str, Any] = {"Name": "customers", "Parameters": {"batch": "new"}}


@pytest.fixture
def glue(aws: AwsSession) -> GlueCatalog:
    boto3.client("glue", region_name=aws.region).create_database(
        DatabaseInput={"Name": "marketing"}
    )
    return GlueCatalog(session=aws)


@pytest.fixture
def stubbed(glue: GlueCatalog) -> Iterator[tuple[GlueCatalog, Stubber]]:
    """Glue, whose next answers a test chooses: the one in this process knows no versions."""
    with Stubber(glue.client) as stubber:
        yield glue, stubber
        stubber.assert_no_pending_responses()


def batch_of(glue: GlueCatalog) -> str | None:
    table = glue.get_table("marketing", "customers")
    return table["Parameters"]["batch"] if table else None


def test_a_table_or_a_database_that_is_not_there_is_none(glue: GlueCatalog) -> None:
    assert glue.get_table("marketing", "customers") is None
    assert glue.get_table("sales", "customers") is None


def test_a_table_that_is_not_there_is_created(glue: GlueCatalog) -> None:
    glue.put_table("marketing", OLD, replaces=None)
    assert batch_of(glue) == "old"


def test_a_table_that_is_there_is_updated_and_keeps_its_history(glue: GlueCatalog) -> None:
    glue.put_table("marketing", OLD, replaces=None)
    glue.put_table("marketing", NEW, replaces=glue.get_table("marketing", "customers"))
    versions = glue.client.get_table_versions(DatabaseName="marketing", TableName="customers")
    batches = {v["Table"]["Parameters"]["batch"] for v in versions["TableVersions"]}
    assert batch_of(glue) == "new"
    assert batches == {"old", "new"}


def test_a_database_that_is_not_there_is_named(glue: GlueCatalog) -> None:
    with pytest.raises(MissingDatabaseError, match="no database 'sales'"):
        glue.put_table("sales", NEW, replaces=None)


def test_a_table_that_somebody_made_meanwhile_is_left_alone(glue: GlueCatalog) -> None:
    glue.put_table("marketing", OLD, replaces=None)
    with pytest.raises(TableChangedError, match=r"'customers' .* 'marketing' was created by"):
        glue.put_table("marketing", NEW, replaces=None)
    assert batch_of(glue) == "old"


def test_a_table_that_somebody_dropped_meanwhile_does_not_come_back(glue: GlueCatalog) -> None:
    with pytest.raises(TableChangedError, match="was dropped by"):
        glue.put_table("marketing", NEW, replaces=OLD)
    assert batch_of(glue) is None


def test_an_update_is_refused_where_the_table_is_no_longer_the_one_that_was_read(
    stubbed: tuple[GlueCatalog, Stubber],
) -> None:
    glue, stubber = stubbed
    stubber.add_client_error(
        "update_table",
        "ConcurrentModificationException",
        expected_params={"DatabaseName": "marketing", "TableInput": NEW, "VersionId": "7"},
    )
    with pytest.raises(TableChangedError, match=r"was changed by .* Run glue_table again\."):
        glue.put_table("marketing", NEW, replaces={**OLD, "VersionId": "7"})


def test_any_other_answer_of_glues_is_passed_on(stubbed: tuple[GlueCatalog, Stubber]) -> None:
    glue, stubber = stubbed
    stubber.add_client_error("get_table", "AccessDeniedException")
    with pytest.raises(glue.client.exceptions.ClientError, match="AccessDenied"):
        glue.get_table("marketing", "customers")
