"""Both ops as Dagster runs them, on the local AWS: its DataBrew runs recipes on our engine."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pytest
from pydantic import PrivateAttr
from typer.testing import CliRunner

from cleanroom_pipeline.aws.databrew import DataBrew, JobRun
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import EventQueue, QueueUnavailableError
from cleanroom_pipeline.both_engines import BothEngines
from cleanroom_pipeline.cli import app
from cleanroom_pipeline.demo.deliveries import push_customers
from cleanroom_pipeline.external_runs import RunFailedError
from cleanroom_pipeline.inbound.assets import check_batch, inspect_batch, summary_of
from cleanroom_pipeline.ledger import ExternalRun, Ledger
from cleanroom_pipeline.local_aws.job_runs import DataBrewDurations
from cleanroom_pipeline.local_aws.provision import LocalEnvironment, provision
from cleanroom_pipeline.local_aws.server import Durations, LocalAws
from cleanroom_pipeline.model import PARTITION_TAG, Engine, Manifest, TransformedBatch, manifest_key
from cleanroom_pipeline.recipe import parse_recipe
from cleanroom_pipeline.recipe.files import FileFormat
from cleanroom_pipeline.records import (
    FormatChoice,
    InboundSummary,
    read_transformed,
    write_inbound_summary,
)
from cleanroom_pipeline.resources import build_resources
from cleanroom_pipeline.transform.assets import TransformSettings, build_transformed_table_asset
from cleanroom_pipeline.transform.databrew_hints import event_of, sort_messages
from cleanroom_pipeline.transform.databrew_start import RUN_KIND
from cleanroom_pipeline_tests.e2e_in_process.chain import as_they_are
from cleanroom_pipeline_tests.transform.brewing import BATCH, JOB, RECIPE, SHOP, settings
from cleanroom_pipeline_tests.transform.stand_ins import parquet
from cleanroom_pipeline_tests.transform.test_databrew_hints import EVENT

FAST = Durations(databrew=DataBrewDurations(start=0.05, run=0.05, stop=0.05))
QUIET = {"telemetry": {"enabled": False}}
BODY = b"id,email\n1,A@EXAMPLE.COM\n2,b@example.com\n"


@pytest.fixture(scope="module")
def local_aws() -> Iterator[LocalAws]:
    with LocalAws.start(durations=FAST) as aws:
        yield aws


def brewing_job(databrew: dict[str, Any], resources: dict[str, Any]) -> dg.JobDefinition:
    """Return the job that brews the batch, for a connector with these settings."""
    asset = build_transformed_table_asset(
        TransformSettings(
            connector=SHOP,
            recipe=parse_recipe(RECIPE, name="recipe.json"),
            recipe_text=RECIPE,
            format_choice=FormatChoice(FileFormat(), by_name=True),
            description="",
            owners=(),
            databrew=databrew,
        ),
        Engine.DATABREW,
        dg.DynamicPartitionsDefinition(name=f"{SHOP}__batches"),
    )
    brew = dg.define_asset_job("brew", [asset], executor_def=dg.in_process_executor)
    definitions = dg.Definitions(assets=[asset], jobs=[brew], resources=resources)
    return definitions.resolve_job_def("brew")


@dataclass
class Account:
    """An account with one batch in it, and an instance of Dagster."""

    aws: LocalAws
    resources: dict[str, Any]
    instance: dg.DagsterInstance

    @property
    def storage(self) -> S3Storage:
        storage: S3Storage = self.resources["storage"]
        return storage

    @property
    def databrew(self) -> DataBrew:
        databrew: DataBrew = self.resources["databrew"]
        return databrew

    def run(self, **databrew: Any) -> dg.ExecuteInProcessResult:
        job = brewing_job(databrew, as_they_are(self.resources))
        return job.execute_in_process(
            instance=self.instance, partition_key=BATCH, raise_on_error=False
        )

    def transformed(self) -> TransformedBatch:
        return read_transformed(self.storage, SHOP, BATCH)

    def script(self, **outcome: Any) -> None:
        request = urllib.request.Request(
            f"{self.aws.endpoint}/_local/databrew/outcomes/{JOB}",
            data=json.dumps(outcome).encode(),
            method="PUT",
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200

    def runs(self) -> tuple[JobRun, ...]:
        return self.databrew.runs(JOB)

    def record(self) -> ExternalRun | None:
        ledger: Ledger = self.resources["ledger"]
        return ledger.external_run(SHOP, RUN_KIND, BATCH)

    def everything(self) -> dict[str, list[str]]:
        """Return the names of all that there is in DataBrew, and of all objects."""
        return {
            "jobs": [one.name for one in self.databrew.jobs()],
            "datasets": [one.name for one in self.databrew.datasets()],
            "recipes": [one.name for one in self.databrew.recipes()],
            "objects": [one.key for one in self.storage.list_transformed("")],
        }


@dataclass
class Bound:
    """Resources as attributes, as Dagster gives them."""

    bound: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        return self.bound[name]


def brew_job() -> dg.JobDefinition:
    """Return the job as a new process would load it: all that it knows is the environment."""
    return brewing_job({}, build_resources({}))


@pytest.fixture(scope="module")
def provisioned(local_aws: LocalAws) -> tuple[LocalEnvironment, bytes]:
    local_aws.reset()
    return provision(local_aws.endpoint), local_aws.freeze()


@pytest.fixture
def account(
    local_aws: LocalAws,
    provisioned: tuple[LocalEnvironment, bytes],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Iterator[Account]:
    environment, frozen = provisioned
    local_aws.thaw(frozen)
    with opened_account(local_aws, environment, monkeypatch, tmp_path) as account:
        yield account


@contextmanager
def opened_account(
    aws: LocalAws, environment: LocalEnvironment, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> Iterator[Account]:
    """Put the batch into an account that was provisioned, and have the environment tell of it."""
    for name, value in environment.as_env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with (
        dg.build_resources(build_resources({})) as bound,
        dg.DagsterInstance.local_temp(str(folder), QUIET) as instance,
    ):
        names = ("storage", "databrew", "databrew_events", "ledger", "secrets")
        resources = {name: getattr(bound, name) for name in (*names, "message_encryption", "glue")}
        storage: S3Storage = resources["storage"]
        storage.client.put_object(
            Bucket=storage.inbound_bucket, Key="inbound/shop/a.csv", Body=BODY
        )
        files = storage.list_inbound_page("inbound/shop/").objects
        manifest = Manifest(
            SHOP, BATCH, storage.inbound_bucket, "0" * 64, files, "quiet_period", "test"
        )
        storage.put_record(manifest_key(SHOP, BATCH), manifest.to_json())
        write_inbound_summary(storage, SHOP, BATCH, InboundSummary("csv", ("id", "email"), 2))
        instance.add_dynamic_partitions(f"{SHOP}__batches", [BATCH])
        yield Account(aws, resources, instance)


def metadata_of(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (event,) = result.get_asset_materialization_events()
    found = event.step_materialization_data.materialization.metadata
    return {name: value.value for name, value in found.items()}


def test_a_batch_is_brewed_and_what_is_told_of_it_holds_cost_and_parity(account: Account) -> None:
    result = account.run(parity=True, max_cost=5.0, tags={"team": "marketing"})
    assert result.success
    told = metadata_of(result)
    (run,) = account.runs()
    assert told["databrew_run_id"] == run.run_id
    assert told["node_hours"] == pytest.approx(5 / 60, abs=1e-4)
    assert told["estimated_price_usd"] == pytest.approx(0.04)
    assert told["parity"] == "same"
    assert "2 of 2 rows equal" in told["parity_report"]
    assert "EXAMPLE" not in str(told).upper()
    transformed = account.transformed()
    assert transformed.rows_out == 2
    assert transformed.prefix.startswith(run.outputs[0].prefix)
    assert account.storage.list_transformed("staging/") == ()
    tags = account.databrew.client.describe_job(Name=JOB)["Tags"]
    assert tags == {
        "team": "marketing",
        "cleanroom:connector": SHOP,
        "cleanroom:batch": BATCH,
    }


def test_a_batch_that_is_run_again_writes_elsewhere(account: Account) -> None:
    assert account.run().success
    first = account.transformed()
    assert account.run().success
    second = account.transformed()
    assert len(account.runs()) == 2
    assert first.prefix != second.prefix
    assert first.external_run_id != second.external_run_id


def error_of(result: dg.ExecuteInProcessResult) -> str:
    (failure,) = result.get_step_failure_events()
    error = failure.step_failure_data.error
    assert error is not None
    return f"{failure.step_key}: {error.to_string()}"


def test_a_run_that_failed_is_told_and_is_started_anew_from_its_failure(account: Account) -> None:
    account.script(state="FAILED", message="No column a.", times=1)
    failed = account.run()
    told = error_of(failed)
    assert told.startswith("shop__transformed_table.wait_for_databrew_run: ")
    assert RunFailedError.__name__ in told
    assert "ended as FAILED. DataBrew says: No column a." in told
    # The start is done as far as Dagster knows: only the wait is run again.
    again = dg.execute_job(
        dg.reconstructable(brew_job),
        account.instance,
        tags={PARTITION_TAG: BATCH},
        reexecution_options=dg.ReexecutionOptions.from_failure(failed.run_id, account.instance),
        raise_on_error=True,
    )
    assert [event.step_key for event in again.get_step_success_events()] == [
        "shop__transformed_table.wait_for_databrew_run"
    ]
    assert len(account.runs()) == 2
    assert account.transformed().rows_out == 2
    root, record = again.dagster_run.root_run_id, account.record()
    assert record is not None
    assert (record.run_id, record.external_id) == (root, account.transformed().external_run_id)


class Interrupting(DataBrew):
    """DataBrew whose runs are asked about by a worker that is interrupted while it waits."""

    _instance: Any = PrivateAttr()
    _by_person: bool = PrivateAttr()

    def describe(self, job: str, run_id: str) -> JobRun:
        """Tell of the run once, and have the worker interrupted then."""
        run = super().describe(job, run_id)
        if run.state != "RUNNING":
            return run
        if self._by_person:
            (ours,) = self._instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
            self._instance.report_run_canceling(ours)
        raise dg.DagsterExecutionInterruptedError


@pytest.mark.parametrize("by_person", [True, False], ids=["cancelled", "redeployed"])
def test_a_persons_cancel_stops_the_run_and_a_redeploy_leaves_it_to_be_adopted(
    account: Account, *, by_person: bool
) -> None:
    account.script(state="RUNNING", times=1)
    usual = account.databrew
    interrupting = Interrupting(
        session=usual.session, role_arn=usual.role_arn, kms_key_arn=usual.kms_key_arn
    )
    interrupting._instance, interrupting._by_person = account.instance, by_person
    account.resources["databrew"] = interrupting
    interrupted = account.run()
    assert not interrupted.success
    (run,) = account.runs()
    assert run.state in ({"STOPPING", "STOPPED"} if by_person else {"RUNNING"})


def test_the_engines_are_compared_by_what_a_batchs_run_wrote_or_by_a_run_of_its_own(
    account: Account,
) -> None:
    assert account.run().success
    before = account.everything()
    opened = BothEngines(settings(), {}, Bound(account.resources))
    assert opened.compare(BATCH, "0000000a", fresh=False, most=1).same
    assert account.everything() == before
    parity = opened.compare(BATCH, "0000000b", fresh=True, most=1)
    assert parity.same
    assert parity.found.rows_theirs == 2
    # Nothing of that run is left but its recipe, which is the batch's own.
    assert account.everything() == before


def test_a_difference_is_told_by_column_and_suspected_step(account: Account) -> None:
    assert account.run().success
    transformed = account.transformed()
    table = pa.table({"id": ["1", "2"], "email": ["a@example.com", "other"]})
    account.storage.client.put_object(
        Bucket=account.storage.transformed_bucket, Key=transformed.files[0].key, Body=parquet(table)
    )
    opened = BothEngines(settings(), {}, Bound(account.resources))
    parity = opened.compare(BATCH, "0000000a", fresh=False, most=1)
    assert not parity.same
    assert parity.found.columns == {"email": 1}
    assert parity.who.of("email") == 1


def test_hints_come_from_a_real_queue_and_foreign_ones_stay(account: Account) -> None:
    client = account.storage.session.client("sqs")
    url = client.create_queue(QueueName="databrew-events")["QueueUrl"]
    queue = EventQueue(session=account.storage.session, queue_url=url)
    for run_id in ("db_1", "db_2"):
        client.send_message(QueueUrl=url, MessageBody=json.dumps(event_about(run_id)))
    messages = queue.receive(wait_seconds=1)
    found = sort_messages(messages, "db_1", datetime.now(UTC))
    assert found.hint
    queue.delete(found.delete)
    queue.give_back(found.give_back, after_seconds=0)
    (left,) = queue.receive(wait_seconds=1)
    assert event_of(left.body) == event_of(json.dumps(event_about("db_2")))
    assert left.sent_at is not None
    gone = EventQueue(session=queue.session, queue_url=url + "-gone")
    with pytest.raises(QueueUnavailableError):
        gone.receive()


def event_about(run_id: str) -> dict[str, Any]:
    return {**EVENT, "detail": {**EVENT["detail"], "jobRunId": run_id}}


def test_without_a_queue_in_the_environment_there_is_none(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: EventQueue = account.resources["databrew_events"]
    monkeypatch.delenv("CLEANROOM_DATABREW_EVENTS_QUEUE", raising=False)
    assert events.url == ""
    monkeypatch.setenv("CLEANROOM_DATABREW_EVENTS_QUEUE", "https://queue")
    assert events.url == "https://queue"


CUSTOMERS = "bigquery_customers"


def deliver_customers(account: Account, folder: Path) -> None:
    """Have a batch of the project's own connector, as its first asset leaves it."""
    storage = account.storage
    push_customers(storage.client, storage.inbound_bucket, "export-1", count=30, seed=1)
    files = storage.list_inbound_page(f"inbound/{CUSTOMERS}/").objects
    manifest = Manifest(
        CUSTOMERS, BATCH, storage.inbound_bucket, "0" * 64, files, "quiet_period", "test"
    )
    storage.put_record(manifest_key(CUSTOMERS, BATCH), manifest.to_json())
    summaries = inspect_batch(storage, manifest, FileFormat(), folder)
    columns = check_batch(FileFormat(), summaries, None)
    write_inbound_summary(storage, CUSTOMERS, BATCH, summary_of(columns, summaries.values()))


def test_the_command_compares_the_engines_on_a_batch_of_the_project(
    account: Account, tmp_path: Path
) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    deliver_customers(account, scratch)
    command = ["recipe", "parity", CUSTOMERS, "--batch", BATCH]
    done = CliRunner().invoke(app, [*command, "--json"])
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["same_rows"]
    assert (told["ours"], told["theirs"]) == ("local", "databrew")
    assert told["rows_ours"] == told["rows_theirs"] > 0
    assert account.databrew.jobs() == ()


@pytest.mark.parametrize(
    ("connector", "batch", "told"),
    [
        ("nobody", BATCH, "There is no connector 'nobody'; there are bigquery_customers"),
        (CUSTOMERS, BATCH, "has no manifest"),
        (CUSTOMERS, "yesterday", "A batch id must match"),
    ],
)
def test_the_command_says_what_it_lacks(
    account: Account, connector: str, batch: str, told: str
) -> None:
    done = CliRunner().invoke(app, ["recipe", "parity", connector, "--batch", batch])
    assert done.exit_code == 2
    assert told in done.output
