"""Faults: which requests meet one, and what their callers then see."""

import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.local_aws.clients import Clients, error_code
from cleanroom_pipeline.local_aws.faults import FaultRule, Faults, read_rule
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.brewery import JOB, Brewery
from cleanroom_pipeline_tests.local_aws.conftest import REGION
from cleanroom_pipeline_tests.local_aws.http_client import send
from cleanroom_pipeline_tests.local_aws.marketing import Marketing, client_of

rules = st.builds(
    FaultRule,
    kind=st.sampled_from(["throttle", "reset", "latency"]),
    service=st.sampled_from(["*", "s3", "sqs"]),
    operation=st.sampled_from(["*", "PutObject", "ReceiveMessage"]),
    probability=st.floats(0, 1),
    times=st.none() | st.integers(0, 5),
    seed=st.integers(),
    seconds=st.floats(0, 3),
)
requests = st.tuples(st.sampled_from(["s3", "sqs"]), st.sampled_from(["PutObject", "GetObject"]))


def impatient(aws: LocalAws, service: str) -> Any:
    """Return a client that tries once."""
    config = Config(retries={"total_max_attempts": 1}, proxies={}, s3={"addressing_style": "path"})
    return boto3.client(
        service,
        region_name=REGION,
        endpoint_url=aws.endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=config,
    )


def set_faults(aws: LocalAws, *specs: dict[str, Any]) -> None:
    for spec in specs:
        assert send("PUT", f"{aws.endpoint}/_local/faults", spec).status == 200


@given(rule=st.lists(rules, max_size=3), asked=st.lists(requests, max_size=30))
def test_the_same_requests_in_the_same_order_meet_the_same_faults(
    rule: list[FaultRule], asked: list[tuple[str, str]]
) -> None:
    def met_by(faults: Faults) -> list[tuple[float, str | None]]:
        seen = [faults.meet(*one) for one in asked]
        return [(met.seconds, met.rule.kind if met.rule else None) for met in seen]

    told = [{k: v for k, v in one.told().items() if k != "met"} for one in rule]
    first, second = Faults(), Faults()
    first.set(told)
    second.set(told)
    assert met_by(first) == met_by(second)
    for one in first.told():
        assert one["times"] is None or one["met"] <= one["times"]


def test_a_probability_is_met_about_as_often_as_it_says() -> None:
    faults = Faults()
    faults.set({"kind": "reset", "probability": 0.1, "seed": 7})
    met = sum(faults.meet("s3", "PutObject").rule is not None for _ in range(2000))
    assert 150 < met < 250


def test_a_list_replaces_the_rules_and_one_rule_is_added() -> None:
    faults = Faults()
    assert faults.set({"kind": "reset"}) == 1
    assert faults.set({"kind": "latency", "seconds": 1}) == 2
    assert faults.set([{"kind": "throttle"}]) == 1
    assert faults.set([]) == 0
    assert not faults.any


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({}, "kind"),
        ({"kind": "flood"}, "kind"),
        ({"kind": "reset", "servce": "s3"}, "servce"),
        ({"kind": "reset", "probability": 2}, "probability"),
        ({"kind": "reset", "probability": "often"}, "probability"),
        ({"kind": "reset", "times": 1.5}, "times"),
        ({"kind": "reset", "times": -1}, "times"),
        ({"kind": "error", "status": 200}, "status"),
        ({"kind": "error", "status": 599}, "status"),
        ({"kind": "latency", "seconds": -1}, "seconds"),
        ({"kind": "reset", "service": None}, "service"),
    ],
)
def test_a_rule_that_can_t_be_is_refused_with_what_is_wrong(spec: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_rule(spec)


CALLS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "s3": ("ListBuckets", lambda client: client.list_buckets()),
    "sqs": ("ListQueues", lambda client: client.list_queues()),
    "sns": ("ListTopics", lambda client: client.list_topics()),
    "dynamodb": ("ListTables", lambda client: client.list_tables()),
    "kms": ("ListKeys", lambda client: client.list_keys()),
    "secretsmanager": ("ListSecrets", lambda client: client.list_secrets()),
    "glue": ("GetDatabases", lambda client: client.get_databases()),
    "databrew": ("ListJobs", lambda client: client.list_jobs()),
    "appflow": ("ListFlows", lambda client: client.list_flows()),
    "cleanrooms": ("ListMemberships", lambda client: client.list_memberships()),
    "events": ("ListRules", lambda client: client.list_rules()),
    "sts": ("GetCallerIdentity", lambda client: client.get_caller_identity()),
}
THROTTLES = {
    "s3": ("SlowDown", 503),
    "sqs": ("RequestThrottled", 403),
    "sns": ("Throttled", 429),
    "sts": ("Throttling", 400),
    "dynamodb": ("ProvisionedThroughputExceededException", 400),
    "databrew": ("ThrottlingException", 429),
    "appflow": ("ThrottlingException", 429),
    "cleanrooms": ("ThrottlingException", 429),
}


@pytest.mark.parametrize("service", CALLS)
def test_each_service_throttles_in_its_own_way_and_boto3_tries_again(
    aws: LocalAws, clients: Clients, service: str
) -> None:
    operation, call = CALLS[service]
    rule = {"service": service, "operation": operation, "kind": "throttle", "times": 2}
    set_faults(aws, rule)
    with pytest.raises(ClientError, match="Rate exceeded") as caught:
        call(impatient(aws, service))
    status = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    expected = THROTTLES.get(service, ("ThrottlingException", 400))
    assert (error_code(caught.value), status) == expected
    answer = call(clients.get(service, REGION))
    assert answer["ResponseMetadata"]["RetryAttempts"] == 1
    (told,) = send("GET", f"{aws.endpoint}/_local/faults").content["faults"]
    assert told["met"] == 2


@pytest.mark.parametrize("service", CALLS)
@pytest.mark.parametrize("kind", ["reset", "lost_answer"])
def test_a_dropped_connection_is_seen_as_one_at_once(
    aws: LocalAws, service: str, kind: str
) -> None:
    operation, call = CALLS[service]
    set_faults(aws, {"service": service, "operation": operation, "kind": kind, "times": 1})
    begun = time.monotonic()
    with pytest.raises(ConnectionClosedError):
        call(impatient(aws, service))
    assert time.monotonic() - begun < 5
    call(impatient(aws, service))


@pytest.mark.parametrize(("kind", "done"), [("reset", False), ("lost_answer", True)])
@pytest.mark.parametrize("size", [1, 9_000_000])
def test_a_reset_comes_before_the_work_and_a_lost_answer_after_it(
    aws: LocalAws, kind: str, done: bool, size: int
) -> None:
    s3 = impatient(aws, "s3")
    s3.create_bucket(Bucket="bucket")
    set_faults(aws, {"operation": "PutObject", "kind": kind, "times": 1})
    with pytest.raises(ConnectionClosedError):
        s3.put_object(Bucket="bucket", Key="key", Body=b"x" * size)
    assert s3.list_objects_v2(Bucket="bucket")["KeyCount"] == done


@pytest.mark.parametrize(
    ("service", "spec", "code", "status"),
    [
        ("databrew", {}, "InternalServerException", 500),
        ("databrew", {"status": 503}, "InternalServerException", 503),
        (
            "databrew",
            {"code": "ServiceQuotaExceededException"},
            "ServiceQuotaExceededException",
            402,
        ),
        ("appflow", {"code": "ConnectorServerException"}, "ConnectorServerException", 400),
        ("s3", {"status": 500}, "InternalError", 500),
        ("sns", {"code": "AuthorizationError", "status": 403}, "AuthorizationError", 403),
        ("dynamodb", {"code": "LimitExceededException"}, "LimitExceededException", 400),
    ],
)
def test_an_error_has_the_code_and_status_that_was_asked_for_or_the_model_s(
    aws: LocalAws, service: str, spec: dict[str, Any], code: str, status: int
) -> None:
    set_faults(aws, {"service": service, "kind": "error", "message": "as told", **spec})
    with pytest.raises(ClientError, match="as told") as caught:
        CALLS[service][1](impatient(aws, service))
    answered = caught.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert (error_code(caught.value), answered) == (code, status)


def test_latency_delays_and_does_the_work(aws: LocalAws) -> None:
    s3 = impatient(aws, "s3")
    set_faults(aws, {"service": "s3", "kind": "latency", "seconds": 0.3})
    begun = time.monotonic()
    s3.create_bucket(Bucket="bucket")
    assert time.monotonic() - begun > 0.3
    assert send("DELETE", f"{aws.endpoint}/_local/faults").status == 200
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["bucket"]
    assert send("GET", f"{aws.endpoint}/_local/faults").content == {"faults": []}


def test_what_the_services_do_by_themselves_meets_no_fault(brewery: Brewery) -> None:
    brewery.job()
    run_id = brewery.start()
    for service in ("s3", "databrew", "secretsmanager"):
        brewery.aws.faults.add(FaultRule("error", service=service))
    brewery.aws.advance(60)
    brewery.aws.faults.clear()
    assert brewery.describe(run_id)["State"] == "SUCCEEDED"
    assert len(brewery.keys()) == 1


def test_the_token_endpoint_meets_faults_too(
    environment: LocalEnvironment, aws: LocalAws, clients: Clients
) -> None:
    asked = client_of(clients)
    set_faults(aws, {"service": "token", "kind": "throttle", "times": 1})
    refused = send("POST", f"{aws.endpoint}/v2/token", asked)
    assert (refused.status, refused.content["error"]) == (429, "too_many_requests")
    assert send("POST", f"{aws.endpoint}/v2/token", asked).status == 200


def test_a_rule_for_one_operation_lets_all_others_through(
    aws: LocalAws, environment: LocalEnvironment, clients: Clients
) -> None:
    marketing = Marketing(aws.endpoint, clients)
    set_faults(aws, {"service": "appflow", "operation": "StartFlow", "kind": "error"})
    appflow = impatient(aws, "appflow")
    with pytest.raises(ClientError):
        appflow.start_flow(flowName="clicks-flow")
    assert marketing.records() == []


def test_a_storm_of_faults_answers_everybody(brewery: Brewery) -> None:
    """Whatever a request meets, it ends; and the next one finds the server as it was."""
    brewery.job()
    kinds: list[dict[str, Any]] = [
        {"kind": "throttle"},
        {"kind": "error", "status": 503},
        {"kind": "reset"},
        {"kind": "lost_answer"},
        {"kind": "latency", "seconds": 0.01},
    ]
    brewery.aws.faults.set([{**kind, "probability": 0.3, "seed": 3} for kind in kinds])
    databrew = impatient(brewery.aws, "databrew")
    failed = 0
    for _ in range(60):
        try:
            databrew.describe_job(Name=JOB)
        except (ClientError, ConnectionClosedError):
            failed += 1
    assert 20 < failed < 60
    brewery.aws.faults.clear()
    assert databrew.describe_job(Name=JOB)["Name"] == JOB
