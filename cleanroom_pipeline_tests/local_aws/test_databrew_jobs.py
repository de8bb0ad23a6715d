import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.local_aws.clients import error_code
from cleanroom_pipeline_tests.local_aws.brewery import JOB, LOWER_CASE, ROLE, Brewery


def code_of(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return error_code(caught.value)


def test_runs_are_listed_newest_first_in_pages(brewery: Brewery) -> None:
    brewery.job()
    brewery.script(state="FAILED", times=3)
    started = [brewery.run()["RunId"] for _ in range(3)]
    first = brewery.databrew.list_job_runs(Name=JOB, MaxResults=2)
    second = brewery.databrew.list_job_runs(Name=JOB, MaxResults=2, NextToken=first["NextToken"])
    assert [r["RunId"] for r in first["JobRuns"] + second["JobRuns"]] == started[::-1]
    assert "NextToken" not in second


def test_a_job_is_described_whole_also_after_an_update(brewery: Brewery) -> None:
    brewery.job(Timeout=10, MaxCapacity=2)
    job = brewery.databrew.describe_job(Name=JOB)
    assert (job["Timeout"], job["EncryptionKeyArn"]) == (10, brewery.key_arn)
    assert (job["Type"], job["MaxCapacity"]) == ("RECIPE", 2)
    brewery.databrew.update_recipe_job(
        Name=JOB, RoleArn=ROLE, Outputs=[brewery.output("CSV")], Timeout=20
    )
    job = brewery.databrew.describe_job(Name=JOB)
    assert job["Timeout"] == 20
    assert job["DatasetName"] == "people"
    assert job["RecipeReference"] == {"Name": "people", "RecipeVersion": "1.0"}
    assert job["Outputs"][0]["Format"] == "CSV"
    assert "EncryptionKeyArn" not in job


def test_a_profile_job_is_described_and_not_run(brewery: Brewery) -> None:
    brewery.databrew.create_profile_job(
        Name="profile",
        DatasetName="people",
        RoleArn=ROLE,
        OutputLocation={"Bucket": "cleanroom-transformed", "Key": "profiles/"},
        JobSample={"Mode": "FULL_DATASET"},
    )
    job = brewery.databrew.describe_job(Name="profile")
    assert job["Outputs"][0]["Location"]["Key"] == "profiles/"
    assert job["JobSample"] == {"Mode": "FULL_DATASET"}
    with pytest.raises(ClientError, match="recipe jobs alone"):
        brewery.databrew.start_job_run(Name="profile")


def test_unknown_jobs_and_runs_are_not_found(brewery: Brewery) -> None:
    brewery.job()
    for ask in (
        lambda: brewery.databrew.start_job_run(Name="gone"),
        lambda: brewery.databrew.list_job_runs(Name="gone"),
        lambda: brewery.describe("db_gone"),
        lambda: brewery.databrew.stop_job_run(Name=JOB, RunId="db_gone"),
    ):
        with pytest.raises(ClientError) as caught:
            ask()
        assert code_of(caught) == "ResourceNotFoundException"


def test_what_exists_already_is_a_conflict(brewery: Brewery) -> None:
    databrew, exceptions = brewery.databrew, brewery.databrew.exceptions
    brewery.job()
    location = {"S3InputDefinition": {"Bucket": "cleanroom-inbound", "Key": "x/"}}
    with pytest.raises(exceptions.ConflictException) as caught:
        databrew.create_dataset(Name="people", Input=location)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    with pytest.raises(exceptions.ConflictException):
        databrew.create_recipe(Name="people", Steps=LOWER_CASE)
    with pytest.raises(exceptions.ConflictException):
        brewery.job()
    with pytest.raises(exceptions.ResourceNotFoundException):
        databrew.describe_ruleset(Name="gone")
    with pytest.raises(exceptions.ResourceNotFoundException):
        databrew.describe_dataset(Name="gone")


def test_a_deleted_job_takes_its_runs_along(brewery: Brewery) -> None:
    brewery.job()
    run_id = brewery.run()["RunId"]
    brewery.databrew.delete_job(Name=JOB)
    brewery.job()
    assert brewery.databrew.list_job_runs(Name=JOB)["JobRuns"] == []
    with pytest.raises(ClientError):
        brewery.describe(run_id)
