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


DAY: dict[str, Any] = {"Values": ["2026-11-24"], "Parameters": {"batch": "old"}}
NEW_DAY: dict[str, Any] = {"Values": ["2026-11-24"], "Parameters": {"batch": "new"}}


@pytest.fixture
def days(glue: GlueCatalog) -> GlueCatalog:
    """Glue, with a table that is partitioned by day and has no day yet."""
    keys = [{"Name": "day", "Type": "date"}]
    glue.put_table("marketing", {"Name": "days", "PartitionKeys": keys}, replaces=None)
    return glue


def batch_of_day(glue: GlueCatalog) -> str | None:
    partition = glue.get_partition("marketing", "days", ["2026-11-24"])
    return partition["Parameters"]["batch"] if partition else None


def test_partitions_of_a_table_or_of_a_day_that_is_not_there_are_none(glue: GlueCatalog) -> None:
    assert glue.get_partitions("marketing", "days") == []
    assert glue.get_partition("marketing", "days", ["2026-11-24"]) is None


def test_a_partition_is_created_and_then_updated_in_its_place(days: GlueCatalog) -> None:
    days.put_partition("marketing", "days", DAY, replaces=None)
    other = {"Values": ["2026-11-23"]}
    days.put_partition("marketing", "days", other, replaces=None)
    days.put_partition("marketing", "days", NEW_DAY, replaces=DAY)
    assert batch_of_day(days) == "new"
    listed = days.get_partitions("marketing", "days")
    assert [partition["Values"] for partition in listed] == [["2026-11-23"], ["2026-11-24"]]


def test_partitions_of_all_pages_are_listed(stubbed: tuple[GlueCatalog, Stubber]) -> None:
    glue, stubber = stubbed
    asked = {"DatabaseName": "marketing", "TableName": "days", "ExcludeColumnSchema": True}
    stubber.add_response("get_partitions", {"Partitions": [NEW_DAY], "NextToken": "n"}, asked)
    stubber.add_response(
        "get_partitions", {"Partitions": [{"Values": ["2026-01-01"]}]}, asked | {"NextToken": "n"}
    )
    listed = glue.get_partitions("marketing", "days")
    assert [partition["Values"] for partition in listed] == [["2026-01-01"], ["2026-11-24"]]


def test_a_partition_that_somebody_made_meanwhile_is_left_alone(days: GlueCatalog) -> None:
    days.put_partition("marketing", "days", DAY, replaces=None)
    with pytest.raises(TableChangedError, match=r"'days \(partition 2026-11-24\)' .* created by"):
        days.put_partition("marketing", "days", NEW_DAY, replaces=None)
    assert batch_of_day(days) == "old"


@pytest.mark.parametrize("replaces", [None, DAY])
def test_a_partition_does_not_come_into_a_table_that_somebody_dropped(
    glue: GlueCatalog, replaces: dict[str, Any] | None
) -> None:
    with pytest.raises(TableChangedError, match="was dropped by"):
        glue.put_partition("marketing", "days", NEW_DAY, replaces=replaces)
    assert batch_of_day(glue) is None


def test_a_partition_that_somebody_dropped_meanwhile_does_not_come_back(days: GlueCatalog) -> None:
    with pytest.raises(TableChangedError, match="was dropped by"):
        days.put_partition("marketing", "days", NEW_DAY, replaces=DAY)
    assert batch_of_day(days) is None


def test_a_partition_that_is_being_changed_just_now_is_told_so(
    stubbed: tuple[GlueCatalog, Stubber],
) -> None:
    glue, stubber = stubbed
    request = {
        "DatabaseName": "marketing",
        "TableName": "days",
        "PartitionInput": NEW_DAY,
        "PartitionValueList": ["2026-11-24"],
    }
    stubber.add_client_error("update_partition", "ConcurrentModificationException", "", 400)
    with pytest.raises(TableChangedError, match=r"was changed by .* Run glue_table again\."):
        glue.put_partition("marketing", "days", NEW_DAY, replaces=DAY)
    stubber.add_response("update_partition", {}, request)
    glue.put_partition("marketing", "days", NEW_DAY, replaces=DAY)
