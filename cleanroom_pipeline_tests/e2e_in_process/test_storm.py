"""Many batches on DataBrew while every service of AWS fails now and then.

One connector on the local AWS, whose every answer may be throttled, an error, late, or not come at
all. All the same each batch is published, and DataBrew runs once for each.
"""

import importlib
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from cleanroom_pipeline.catalog.reader import read_table
from cleanroom_pipeline.inbound.assets import inbound_prefixes
from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import provision
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline.model import BatchState
from cleanroom_pipeline.records import read_transformed
from cleanroom_pipeline.resources import build_resources
from cleanroom_pipeline_tests.conftest import REGION

CONNECTOR = "storm_orders"
PACKAGE = "storm_connectors"
WITNESS = "storm-witness"
MOST_RETRIES = 5
DEFS = f"""
type: cleanroom_pipeline.connector_types.s3_push.S3PushConnector
attributes:
  name: {CONNECTOR}
  description: Orders that arrive in a storm.
  inbound: {{prefix: inbound/{CONNECTOR}/, format: {{kind: csv}}}}
  completion: {{policy: quiet_period, minutes: 0.02}}
  recipe: recipe.json
  engine: databrew
  table: {{database: marketing, name: {CONNECTOR}, description: Orders.}}
"""
RECIPE = [{"Action": {"Operation": "UPPER_CASE", "Parameters": {"sourceColumn": "code"}}}]
STORM: list[dict[str, Any]] = [
    {"kind": "throttle", "probability": 0.04},
    {"kind": "error", "status": 503, "probability": 0.03},
    {"kind": "reset", "probability": 0.02},
    {"kind": "lost_answer", "probability": 0.01},
    # The one that matters most: DataBrew takes no client token.
    {
        "service": "databrew",
        "operation": "StartJobRun",
        "kind": "lost_answer",
        "probability": 0.3,
    },
    {"kind": "latency", "seconds": 0.05, "probability": 0.1},
]

Result = TypeVar("Result")


@cache
def storm_definitions() -> dg.Definitions:
    """The connector as Dagster loads a project's, with resources from the environment."""
    module = importlib.import_module(PACKAGE)
    root = Path(str(module.__file__)).parents[1]
    connectors = dg.ComponentTree.from_module(defs_module=module, project_root=root).build_defs()
    resources = build_resources(inbound_prefixes(connectors))
    executor = dg.in_process_executor
    return dg.Definitions.merge(connectors, dg.Definitions(resources=resources, executor=executor))


def storm_job() -> dg.JobDefinition:
    """The connector's job; a run that is tried again needs a function that gives it."""
    return storm_definitions().resolve_job_def(f"{CONNECTOR}__batch_job")


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[LocalAws]:
    """A local AWS of its own, and an environment and a project that point at it."""
    folder = tmp_path / PACKAGE / CONNECTOR
    folder.mkdir(parents=True)
    (tmp_path / PACKAGE / "__init__.py").touch()
    (folder / "defs.yaml").write_text(DEFS, encoding="utf-8")
    (folder / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, PACKAGE, raising=False)
    storm_definitions.cache_clear()
    with LocalAws.start() as aws:
        monkeypatch.delenv("AWS_PROFILE", raising=False)
        for name, value in provision(aws.endpoint).as_env().items():
            monkeypatch.setenv(name, value)
        yield aws


def until_done(ask: Callable[[], Result | None], seconds: float = 60.0) -> Result:
    """Ask again, as a daemon does, until there is an answer, whatever fails on the way."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            answer = ask()
        except (ClientError, BotoCoreError):
            answer = None
        if answer:
            return answer
        assert time.monotonic() < deadline, "nothing came of it"
        time.sleep(0.1)


class Storm:
    """The connector, its ledger and the witness of its DataBrew runs, in a storm."""

    def __init__(self, aws: LocalAws, instance: dg.DagsterInstance, resources: Any) -> None:
        self.aws = aws
        self.instance = instance
        self.resources = resources
        self.clients = Clients(aws.endpoint)
        self.cursor: str | None = None
        self.retries = 0
        self._witness_runs()

    def _witness_runs(self) -> None:
        """Have EventBridge put the end of each DataBrew run where nobody else looks."""
        sqs, events = self.clients.get("sqs", REGION), self.clients.get("events", REGION)
        self.queue = sqs.create_queue(QueueName=WITNESS)["QueueUrl"]
        events.put_rule(Name=WITNESS, EventPattern=json.dumps({"source": ["aws.databrew"]}))
        target = {"Id": WITNESS, "Arn": f"arn:aws:sqs:{REGION}:123456789012:{WITNESS}"}
        events.put_targets(Rule=WITNESS, Targets=[target])

    def witnessed(self) -> Counter[str]:
        """Return how many runs of each job have ended."""
        sqs, seen = self.clients.get("sqs", REGION), Counter[str]()
        while messages := sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                seen[json.loads(message["Body"])["detail"]["jobName"]] += 1
                sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return seen

    def deliver(self, number: int) -> bool:
        body = f"code,batch\na{number},{number}\nb{number},{number}\n".encode()
        key = f"inbound/{CONNECTOR}/{number:06d}.csv"
        self.clients.get("s3", REGION).put_object(Bucket="cleanroom-inbound", Key=key, Body=body)
        return True

    def cut(self) -> dg.RunRequest | None:
        """Evaluate the sensor, and do with partitions what a daemon does."""
        sensor = storm_definitions().resolve_sensor_def(f"{CONNECTOR}__quiet_period_sensor")
        needed = {name: getattr(self.resources, name) for name in sensor.required_resource_keys}
        hardcoded = dg.ResourceDefinition.hardcoded_resource
        bound = {name: hardcoded(resource) for name, resource in needed.items()}
        with dg.build_sensor_context(self.instance, self.cursor, resources=bound) as context:
            result = sensor(context)
        assert isinstance(result, dg.SensorResult)
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(
                request.partitions_def_name, list(request.partition_keys)
            )
        self.cursor = result.cursor
        return next(iter(result.run_requests or []), None)

    def publish(self, request: dg.RunRequest) -> None:
        """Run the batch's job; one that failed is tried again from there, as a person does."""
        job = dg.reconstructable(storm_job)
        tags = {**request.tags, "dagster/partition": str(request.partition_key)}
        result = dg.execute_job(job, self.instance, tags=tags)
        for _ in range(MOST_RETRIES):
            if result.success:
                return
            self.retries += 1
            again = dg.ReexecutionOptions.from_failure(result.run_id, self.instance)
            with dg.execute_job(job, self.instance, tags=tags, reexecution_options=again) as result:
                pass
        assert result.success


@pytest.fixture
def storm(aws: LocalAws) -> Iterator[Storm]:
    with (
        dg.DagsterInstance.local_temp() as instance,
        dg.build_resources(build_resources({CONNECTOR: f"inbound/{CONNECTOR}/"})) as resources,
    ):
        yield Storm(aws, instance, resources)


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("batches", [3, pytest.param(200, marks=pytest.mark.deep)])
def test_in_a_storm_each_batch_is_published_by_one_databrew_run(storm: Storm, batches: int) -> None:
    storm.aws.faults.set([{**fault, "seed": batches} for fault in STORM])
    for number in range(batches):
        until_done(partial(storm.deliver, number))
        storm.publish(until_done(storm.cut))
    told = storm.aws.faults.told()
    storm.aws.faults.clear()
    assert all(rule["met"] for rule in told), told

    ended = list(storm.resources.ledger.batches(CONNECTOR))
    states = {batch.state for batch in ended}
    assert (len(ended), states - {BatchState.PUBLISHED, BatchState.REPLACED}) == (batches, set())
    witnessed = storm.witnessed()
    assert (len(witnessed), set(witnessed.values())) == (batches, {1})
    written = [
        read_transformed(storm.resources.storage, CONNECTOR, batch.batch_id) for batch in ended
    ]
    assert {batch.rows_out for batch in written} == {2}
    assert len({batch.external_run_id for batch in written}) == batches
    entry = storm.resources.glue.get_table("marketing", CONNECTOR)
    rows = read_table(entry, storm.resources.storage.session).to_pylist()
    assert sorted(row["code"] for row in rows) == [f"A{batches - 1}", f"B{batches - 1}"]
