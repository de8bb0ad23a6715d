"""Datasets, recipes, jobs and their tags, as DataBrew holds them."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.clients import error_code
from cleanroom_pipeline_tests.local_aws.brewery import JOB, LOWER_CASE, ROLE, Brewery
from cleanroom_pipeline_tests.local_aws.conftest import REGION

ARN = f"arn:aws:databrew:{REGION}:123456789012"
S3_INPUT = {"S3InputDefinition": {"Bucket": "cleanroom-inbound", "Key": "x/"}}


def refused(ask: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        ask()
    return error_code(caught.value)


def versions(brewery: Brewery) -> list[str]:
    listed = brewery.databrew.list_recipe_versions(Name="people")["Recipes"]
    return [one["RecipeVersion"] for one in listed]


def test_a_dataset_is_described_whole(brewery: Brewery) -> None:
    brewery.databrew.create_dataset(Name="other", Input=S3_INPUT, Tags={"a": "1"})
    told = brewery.databrew.describe_dataset(Name="other")
    assert (told["Source"], told["Tags"]) == ("S3", {"a": "1"})
    assert told["ResourceArn"] == f"{ARN}:dataset/other"
    assert told["CreateDate"].year > 2000
    assert "Format" not in told
    names = [one["Name"] for one in brewery.databrew.list_datasets()["Datasets"]]
    assert sorted(names) == ["other", "people"]


@pytest.mark.parametrize(
    "sources",
    [{}, {**S3_INPUT, "DataCatalogInputDefinition": {"DatabaseName": "d", "TableName": "t"}}],
)
def test_a_dataset_has_one_source(brewery: Brewery, sources: dict[str, Any]) -> None:
    create = brewery.databrew.create_dataset
    assert refused(lambda: create(Name="other", Input=sources)) == "ValidationException"


def test_a_name_that_moto_can_t_tell_from_a_path_is_refused(brewery: Brewery) -> None:
    brewery.databrew.create_dataset(Name="a/b", Input=S3_INPUT)
    assert refused(lambda: brewery.databrew.describe_dataset(Name="a/b")) == "ValidationException"


def test_what_a_job_uses_is_not_deleted(brewery: Brewery) -> None:
    brewery.job()
    databrew = brewery.databrew
    for delete in (
        lambda: databrew.delete_dataset(Name="people"),
        lambda: databrew.delete_recipe_version(Name="people", RecipeVersion="1.0"),
    ):
        assert refused(delete) == "ConflictException"
    databrew.delete_job(Name=JOB)
    databrew.delete_recipe_version(Name="people", RecipeVersion="1.0")
    databrew.delete_dataset(Name="people")
    assert refused(lambda: databrew.describe_dataset(Name="people")) == "ResourceNotFoundException"


def test_a_job_that_runs_the_latest_version_uses_it(brewery: Brewery) -> None:
    brewery.recipe(LOWER_CASE)
    brewery.job(RecipeReference={"Name": "people"})
    delete = brewery.databrew.delete_recipe_version
    assert refused(lambda: delete(Name="people", RecipeVersion="2.0")) == "ConflictException"
    delete(Name="people", RecipeVersion="1.0")


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"DatasetName": "gone"}, "ResourceNotFoundException"),
        ({"RecipeReference": {"Name": "gone"}}, "ResourceNotFoundException"),
        (
            {"RecipeReference": {"Name": "people", "RecipeVersion": "9.0"}},
            "ResourceNotFoundException",
        ),
        (
            {"RecipeReference": {"Name": "people", "RecipeVersion": "LATEST_WORKING"}},
            "ValidationException",
        ),
        ({"DatasetName": None}, "ValidationException"),
        ({"Outputs": None}, "ValidationException"),
        ({"MaxCapacity": 150}, "ValidationException"),
        ({"DatasetName": None, "ProjectName": "p"}, "ValidationException"),
    ],
)
def test_a_job_that_databrew_would_not_create_is_refused(
    brewery: Brewery, settings: dict[str, Any], code: str
) -> None:
    assert refused(lambda: brewery.job(**settings)) == code
    assert brewery.databrew.list_jobs()["Jobs"] == []


def test_a_recipe_that_was_never_published_runs_in_no_job(brewery: Brewery) -> None:
    brewery.databrew.create_recipe(Name="draft", Steps=LOWER_CASE)
    job = {"RecipeReference": {"Name": "draft"}}
    assert refused(lambda: brewery.job(**job)) == "ResourceNotFoundException"


def test_a_recipe_has_at_most_100_steps(brewery: Brewery) -> None:
    databrew, long = brewery.databrew, LOWER_CASE * 101
    assert refused(lambda: databrew.create_recipe(Name="long", Steps=long)) == "ValidationException"
    databrew.create_recipe(Name="long", Steps=LOWER_CASE * 100)
    assert refused(lambda: databrew.update_recipe(Name="long", Steps=long)) == "ValidationException"


def test_published_versions_are_listed_in_pages_and_the_working_one_is_not(
    brewery: Brewery,
) -> None:
    for _ in range(4):
        brewery.recipe(LOWER_CASE)
    assert versions(brewery) == ["1.0", "2.0", "3.0", "4.0", "5.0"]
    pages = brewery.databrew.get_paginator("list_recipe_versions").paginate(
        Name="people", PaginationConfig={"PageSize": 2}
    )
    found = [one["RecipeVersion"] for page in pages for one in page["Recipes"]]
    assert found == versions(brewery)
    told = brewery.databrew.describe_recipe(Name="people")
    assert (told["RecipeVersion"], told["ResourceArn"]) == ("5.0", f"{ARN}:recipe/people")
    assert told["PublishedDate"] >= told["CreateDate"]
    assert brewery.databrew.list_recipe_versions(Name="gone")["Recipes"] == []


def test_versions_are_deleted_together_and_what_can_t_be_is_told(brewery: Brewery) -> None:
    for _ in range(3):
        brewery.recipe(LOWER_CASE)
    brewery.job(RecipeReference={"Name": "people", "RecipeVersion": "2.0"})
    answer = brewery.databrew.batch_delete_recipe_version(
        Name="people", RecipeVersions=["LATEST_WORKING", "1.0", "2.0", "7.0"]
    )
    told = {one["RecipeVersion"]: one["ErrorCode"] for one in answer["Errors"]}
    assert told == {"LATEST_WORKING": "400", "2.0": "409", "7.0": "404"}
    assert versions(brewery) == ["2.0", "3.0", "4.0"]


def test_the_working_version_goes_with_the_last_published_one(brewery: Brewery) -> None:
    brewery.databrew.batch_delete_recipe_version(
        Name="people", RecipeVersions=["LATEST_WORKING", "1.0"]
    )
    assert brewery.databrew.list_recipes(RecipeVersion="LATEST_WORKING")["Recipes"] == []


@pytest.mark.parametrize(
    ("name", "asked", "code"),
    [
        ("gone", ["1.0"], "ResourceNotFoundException"),
        ("people", ["1.0", "1.0"], "ValidationException"),
        ("people", ["LATEST_PUBLISHED"], "ValidationException"),
        ("people", ["newest"], "ValidationException"),
    ],
)
def test_a_batch_that_makes_no_sense_is_refused_whole(
    brewery: Brewery, name: str, asked: list[str], code: str
) -> None:
    delete = brewery.databrew.batch_delete_recipe_version
    assert refused(lambda: delete(Name=name, RecipeVersions=asked)) == code
    assert versions(brewery) == ["1.0"]


@pytest.mark.parametrize("kind", ["dataset", "recipe", "job"])
def test_tags_are_set_told_and_taken_away(brewery: Brewery, kind: str) -> None:
    brewery.job(Tags={"owner": "a"})
    databrew, name = brewery.databrew, JOB if kind == "job" else "people"
    arn = f"{ARN}:{kind}/{name}"
    databrew.tag_resource(ResourceArn=arn, Tags={"owner": "b", "batch": "c"})
    databrew.untag_resource(ResourceArn=arn, TagKeys=["owner", "none"])
    assert databrew.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"batch": "c"}
    describe = {
        "dataset": databrew.describe_dataset,
        "recipe": databrew.describe_recipe,
        "job": databrew.describe_job,
    }[kind]
    assert describe(Name=name)["Tags"] == {"batch": "c"}


@pytest.mark.parametrize("arn", [f"{ARN}:job/gone", f"{ARN}:project/p", "arn:aws:s3:::b"])
def test_what_is_not_there_has_no_tags(brewery: Brewery, arn: str) -> None:
    ask = brewery.databrew.list_tags_for_resource
    assert refused(lambda: ask(ResourceArn=arn.ljust(20, "x"))) == "ResourceNotFoundException"


def test_a_job_is_told_with_what_databrew_assumes(brewery: Brewery) -> None:
    brewery.job()
    job = brewery.databrew.describe_job(Name=JOB)
    assumed = {"LogSubscription": "ENABLE", "MaxCapacity": 5, "MaxRetries": 0, "Timeout": 2880}
    assert {name: job[name] for name in assumed} == assumed
    assert job["ResourceArn"] == f"{ARN}:job/{JOB}"
    (listed,) = brewery.databrew.list_jobs(DatasetName="people")["Jobs"]
    assert {name: listed[name] for name in assumed} == assumed
    assert listed["EncryptionKeyArn"] == brewery.key_arn
    assert brewery.databrew.list_jobs(DatasetName="gone")["Jobs"] == []


def test_jobs_and_datasets_are_listed_in_pages(brewery: Brewery) -> None:
    for number in range(5):
        brewery.job(Name=f"job-{number}")
        brewery.databrew.create_dataset(Name=f"set-{number}", Input=S3_INPUT)
    for operation, member, count in (("list_jobs", "Jobs", 5), ("list_datasets", "Datasets", 6)):
        paginator = brewery.databrew.get_paginator(operation)
        pages = list(paginator.paginate(PaginationConfig={"PageSize": 2}))
        names = {one["Name"] for page in pages for one in page[member]}
        assert (len(pages), len(names)) == (3, count)
    ask = brewery.databrew.list_jobs
    assert refused(lambda: ask(NextToken="none that was given")) == "ValidationException"


def test_an_update_of_a_job_that_runs_changes_the_next_run_alone(brewery: Brewery) -> None:
    brewery.job()
    run_id = brewery.start()
    brewery.databrew.update_recipe_job(
        Name=JOB, RoleArn=ROLE, Outputs=[brewery.output("CSV")], Timeout=20
    )
    brewery.aws.advance(60)
    assert brewery.describe(run_id)["Outputs"][0]["Format"] == "PARQUET"
    (written,) = brewery.keys()
    assert ".parquet" in written
    assert brewery.run()["Outputs"][0]["Format"] == "CSV"
    update = brewery.databrew.update_recipe_job
    assert refused(lambda: update(Name=JOB, RoleArn=ROLE)) == "ValidationException"


def test_a_run_tells_of_its_job(brewery: Brewery) -> None:
    brewery.job(LogSubscription="DISABLE")
    run = brewery.run()
    assert (run["Attempt"], run["LogSubscription"]) == (0, "DISABLE")
    assert run["LogGroupName"] == "/aws-glue-databrew/jobs"
    assert run["Outputs"][0]["Location"]["Key"] == "data/people/"
    assert run["StartedOn"] <= run["CompletedOn"]


@pytest.mark.parametrize(
    ("key", "read"),
    [
        ("staging/<[ab]\\.csv>", ["a.csv", "b.csv"]),
        ("staging/<.*>", ["a.csv", "b.csv", "deep/c.csv"]),
        ("staging/<.*>/c.csv", ["deep/c.csv"]),
        ("staging/", ["a.csv", "b.csv", "deep/c.csv"]),
    ],
)
def test_a_pattern_in_a_dataset_s_key_reads_what_it_matches_whole(
    brewery: Brewery, key: str, read: list[str]
) -> None:
    brewery.s3.delete_object(Bucket="cleanroom-inbound", Key="staging/one/a.csv")
    for name in ("a.csv", "b.csv", "deep/c.csv"):
        brewery.put(f"staging/{name}", f"email,visits\n{name},1\n".encode())
    brewery.dataset("CSV", {}, key)
    brewery.job(Outputs=[brewery.output("CSV")])
    run = brewery.run()
    assert run.get("ErrorMessage") is None
    written = brewery.keys()
    lines = [line for one in written for line in brewery.body(one).decode().splitlines()]
    assert sorted(line.split(",")[0] for line in lines if "csv" in line) == read


def test_a_pattern_that_is_none_fails_the_run(brewery: Brewery) -> None:
    brewery.dataset("CSV", {}, "staging/<[a>")
    brewery.job()
    assert "regular expression" in brewery.run()["ErrorMessage"]
