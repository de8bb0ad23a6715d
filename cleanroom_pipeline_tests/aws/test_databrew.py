"""DataBrew's calls: recipes, datasets and jobs on moto, runs by botocore's own model of them.

botocore refuses a request that its model does not allow, and its Stubber such an answer.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from botocore.stub import Stubber

from cleanroom_pipeline.aws.databrew import (
    DataBrew,
    DataBrewUnavailableError,
    JobRun,
    OutputLocation,
    RecipeJobSettings,
    RunNotFoundError,
    StartConflictError,
    StartQuotaError,
    StartUnansweredError,
)
from cleanroom_pipeline.aws.session import AwsSession

JOB = "shop-20261124T031500Z-3f9a1c2b"
RECIPE = "shop-0123456789ab"
STEPS: list[Any] = [{"Action": {"Operation": "LOWER_CASE", "Parameters": {"sourceColumn": "a"}}}]
KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
ROLE = "arn:aws:iam::123456789012:role/cleanroom-databrew"
TAGS = {"cleanroom:connector": "shop"}


@pytest.fixture
def databrew(aws: AwsSession) -> DataBrew:
    return DataBrew(session=aws, role_arn=ROLE, kms_key_arn=KEY)


def job(**given: Any) -> RecipeJobSettings:
    settings: dict[str, Any] = {
        "name": JOB,
        "dataset": JOB,
        "recipe": RECIPE,
        "recipe_version": "1.0",
        "bucket": "transformed",
        "prefix": "tables/shop/one/",
        "timeout_minutes": 120,
        "max_capacity": 5,
        "max_retries": 0,
        "tags": TAGS,
    }
    return RecipeJobSettings(**{**settings, **given})


def publish(databrew: DataBrew) -> str:
    return databrew.publish_recipe(RECIPE, STEPS, TAGS)


def test_a_recipe_is_made_and_published_once(databrew: DataBrew) -> None:
    assert publish(databrew) == "1.0"
    assert publish(databrew) == "1.0"
    published = databrew.client.describe_recipe(Name=RECIPE, RecipeVersion="1.0")
    assert published["Steps"] == STEPS
    assert published["Tags"] == TAGS


def test_a_recipe_whose_publishing_was_lost_is_published_as_it_should_be(
    databrew: DataBrew,
) -> None:
    databrew.client.create_recipe(Name=RECIPE, Steps=[])
    assert publish(databrew) == "1.0"
    assert databrew.client.describe_recipe(Name=RECIPE, RecipeVersion="1.0")["Steps"] == STEPS


def test_two_processes_that_publish_at_once_use_the_same_version(
    databrew: DataBrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Another process comes between the listing, which shows no version yet, and the publishing.
    versions, others = DataBrew.published_versions, list[str]()

    def raced(self: DataBrew, name: str) -> list[str]:
        found = versions(self, name)
        if not others:
            others.append("published")
            self.client.publish_recipe(Name=name)
        return found

    databrew.client.create_recipe(Name=RECIPE, Steps=STEPS)
    monkeypatch.setattr(DataBrew, "published_versions", raced)
    assert publish(databrew) == "1.0"
    assert databrew.published_versions(RECIPE) == ["1.0", "2.0"]
    assert publish(databrew) == "1.0"


def test_a_dataset_is_made_and_changed(databrew: DataBrew) -> None:
    csv = {"Format": "CSV", "FormatOptions": {"Csv": {"Delimiter": ";", "HeaderRow": True}}}
    databrew.put_dataset(JOB, "transformed", "staging/one/", csv, TAGS)
    found = databrew.client.describe_dataset(Name=JOB)
    assert found["Input"]["S3InputDefinition"] == {"Bucket": "transformed", "Key": "staging/one/"}
    assert found["FormatOptions"] == csv["FormatOptions"]
    assert found["Tags"] == TAGS
    assert [one.name for one in databrew.datasets()] == [JOB]
    changed = {
        "Name": JOB,
        "Format": "PARQUET",
        "Input": {"S3InputDefinition": {"Bucket": "transformed", "Key": "staging/two/"}},
    }
    with Stubber(databrew.client) as stub:
        stub.add_client_error("create_dataset", "ConflictException")
        stub.add_response("update_dataset", {"Name": JOB}, changed)
        databrew.put_dataset(JOB, "transformed", "staging/two/", {"Format": "PARQUET"}, TAGS)


def test_a_job_writes_encrypted_parquet_under_its_prefix_and_nothing_over(
    databrew: DataBrew,
) -> None:
    databrew.put_job(job(max_retries=1, tags={**TAGS, "team": "marketing"}))
    found = databrew.client.describe_job(Name=JOB)
    assert found["Outputs"] == [
        {
            "Location": {"Bucket": "transformed", "Key": "tables/shop/one/"},
            "Format": "PARQUET",
            "CompressionFormat": "SNAPPY",
            "Overwrite": False,
        }
    ]
    assert found["EncryptionMode"] == "SSE-KMS"
    assert (found["MaxCapacity"], found["MaxRetries"]) == (5, 1)
    assert found["Tags"] == {**TAGS, "team": "marketing"}


def test_the_job_of_a_batch_is_changed_and_is_made_anew_for_another_recipe(
    databrew: DataBrew,
) -> None:
    databrew.put_job(job())
    databrew.put_job(job(prefix="tables/shop/two/"))
    found = databrew.client.describe_job(Name=JOB)
    assert found["Outputs"][0]["Location"]["Key"] == "tables/shop/two/"
    databrew.put_job(job(recipe="shop-ba9876543210"))
    found = databrew.client.describe_job(Name=JOB)
    assert found["RecipeReference"] == {"Name": "shop-ba9876543210", "RecipeVersion": "1.0"}
    (listed,) = databrew.jobs()
    assert (listed.name, listed.recipe) == (JOB, "shop-ba9876543210")
    assert listed.changed_at.tzinfo is UTC


def test_a_job_of_another_recipe_at_work_is_a_conflict(databrew: DataBrew) -> None:
    databrew.put_job(job())
    described = databrew.client.describe_job(Name=JOB)
    described.pop("ResponseMetadata")  # type: ignore[misc]  # of the answer, not of the job
    described.pop("AccountId", None)  # type: ignore[typeddict-item]  # moto's own addition
    with Stubber(databrew.client) as stub:
        stub.add_client_error("create_recipe_job", "ConflictException")
        stub.add_response("describe_job", described, {"Name": JOB})
        stub.add_client_error("delete_job", "ConflictException")
        with pytest.raises(StartConflictError, match="earlier recipe, and a run of it goes on"):
            databrew.put_job(job(recipe="shop-ba9876543210"))


def test_what_is_deleted_is_gone_and_may_be_deleted_again(databrew: DataBrew) -> None:
    publish(databrew)
    databrew.put_dataset(JOB, "transformed", "staging/", {"Format": "CSV"}, TAGS)
    databrew.put_job(job())
    databrew.client.create_recipe(Name="shop-unpublished", Steps=STEPS)
    assert {one.name for one in databrew.recipes()} == {RECIPE, "shop-unpublished"}
    for _ in range(2):
        databrew.delete_job(JOB)
        databrew.delete_dataset(JOB)
        databrew.delete_recipe(RECIPE)
        databrew.delete_recipe("shop-unpublished")
    assert (databrew.jobs(), databrew.datasets(), databrew.recipes()) == ((), (), ())


# Runs


@pytest.fixture
def stub(databrew: DataBrew) -> Iterator[Stubber]:
    with Stubber(databrew.client) as stubber:
        yield stubber


ANSWER: dict[str, Any] = {
    "JobName": JOB,
    "RunId": "db_1",
    "State": "FAILED",
    "Attempt": 1,
    "ErrorMessage": "No column a.",
    "ExecutionTime": 61,
    "StartedOn": datetime(2026, 11, 24, 12, tzinfo=UTC),
    "RecipeReference": {"Name": RECIPE, "RecipeVersion": "1.0"},
    "Outputs": [{"Location": {"Bucket": "transformed", "Key": "tables/shop/one/"}}],
}
RUN = JobRun(
    run_id="db_1",
    state="FAILED",
    message="No column a.",
    execution_seconds=61,
    outputs=(OutputLocation("transformed", "tables/shop/one/"),),
    started_at=datetime(2026, 11, 24, 12, tzinfo=UTC),
    recipe=RECIPE,
    attempt=1,
)


def test_a_run_is_read_with_its_own_record_of_where_it_writes(
    databrew: DataBrew, stub: Stubber
) -> None:
    stub.add_response("describe_job_run", ANSWER, {"Name": JOB, "RunId": "db_1"})
    assert databrew.describe(JOB, "db_1") == RUN


def test_all_pages_of_runs_are_listed(databrew: DataBrew, stub: Stubber) -> None:
    stub.add_response("list_job_runs", {"JobRuns": [ANSWER], "NextToken": "t"}, {"Name": JOB})
    least = {"RunId": "db_0", "State": "STARTING"}
    page = {"Name": JOB, "NextToken": "t"}
    stub.add_response("list_job_runs", {"JobRuns": [least]}, page)
    assert databrew.runs(JOB) == (RUN, JobRun("db_0", "STARTING"))


def test_a_job_that_is_not_there_has_no_runs_and_a_run_that_is_not_there_is_not_found(
    databrew: DataBrew, stub: Stubber
) -> None:
    stub.add_client_error("list_job_runs", "ResourceNotFoundException")
    assert databrew.runs(JOB) == ()
    stub.add_client_error("describe_job_run", "ResourceNotFoundException")
    with pytest.raises(RunNotFoundError):
        databrew.describe(JOB, "db_1")


@pytest.mark.parametrize(
    "ask",
    [
        lambda databrew: databrew.describe(JOB, "db_1"),
        lambda databrew: databrew.runs(JOB),
        lambda databrew: databrew.stop(JOB, "db_1"),
    ],
)
@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("Internal", 503)])
def test_what_passes_by_itself_is_told_from_what_does_not(
    databrew: DataBrew,
    monkeypatch: pytest.MonkeyPatch,
    ask: Callable[[DataBrew], object],
    code: str,
    status: int,
) -> None:
    answer: Any = {
        "Error": {"Code": code, "Message": "secret words"},
        "ResponseMetadata": {"HTTPStatusCode": status, "RequestId": "r-1"},
    }

    def fail(operation: str, _: object) -> None:
        raise ClientError(answer, operation)

    monkeypatch.setattr(databrew.client, "_make_api_call", fail)
    with pytest.raises(
        DataBrewUnavailableError, match=rf"{code} .*HTTP {status}, request r-1"
    ) as e:
        ask(databrew)
    assert "secret words" not in str(e.value)
    answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"] = "AccessDenied", 403
    with pytest.raises(ClientError):
        ask(databrew)


@pytest.mark.parametrize("code", ["ValidationException", "ResourceNotFoundException"])
def test_a_run_that_is_over_or_gone_needs_no_stop(
    databrew: DataBrew, stub: Stubber, code: str
) -> None:
    stub.add_client_error("stop_job_run", code)
    databrew.stop(JOB, "db_1")
    stub.assert_no_pending_responses()


@pytest.fixture
def single(databrew: DataBrew) -> Iterator[Stubber]:
    with Stubber(databrew.session.single_attempt_client("databrew")) as stubber:
        yield stubber


def test_a_start_gives_the_runs_id(databrew: DataBrew, single: Stubber) -> None:
    single.add_response("start_job_run", {"RunId": "db_1"}, {"Name": JOB})
    assert databrew.start(JOB) == "db_1"


@pytest.mark.parametrize(
    ("code", "status", "raised"),
    [
        ("ConflictException", 409, StartConflictError),
        ("ThrottlingException", 429, StartUnansweredError),
        ("InternalServerException", 500, StartUnansweredError),
        ("ServiceQuotaExceededException", 402, StartQuotaError),
        ("ResourceNotFoundException", 404, ClientError),
        ("AccessDeniedException", 403, ClientError),
    ],
)
def test_a_start_that_is_refused_is_told_from_one_that_may_have_happened(
    databrew: DataBrew, single: Stubber, code: str, status: int, raised: type[Exception]
) -> None:
    single.add_client_error("start_job_run", code, http_status_code=status)
    with pytest.raises(raised):
        databrew.start(JOB)


def test_a_start_whose_answer_is_lost_is_not_sent_again(
    databrew: DataBrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, sent = databrew.session.single_attempt_client("databrew"), []

    def lose(request: Any, **_: Any) -> None:
        sent.append(request.url)
        raise ReadTimeoutError(endpoint_url=request.url)

    client.meta.events.register_first("before-send.databrew.StartJobRun", lose)
    try:
        with pytest.raises(StartUnansweredError, match="no answer"):
            databrew.start(JOB)
    finally:
        client.meta.events.unregister("before-send.databrew.StartJobRun", lose)
    assert len(sent) == 1
    assert client is not databrew.client
