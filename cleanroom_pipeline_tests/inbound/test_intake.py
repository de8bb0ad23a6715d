import json
import logging
import time
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus

import pytest

from cleanroom_pipeline.aws.dynamodb import Delete
from cleanroom_pipeline.inbound.completion.decision import Whole
from cleanroom_pipeline.inbound.cutting import cut
from cleanroom_pipeline.inbound.intake import Drained, Intake
from cleanroom_pipeline.ledger.items import TAKEN_KEPT, arrival_sk
from cleanroom_pipeline.model import Arrival
from cleanroom_pipeline_tests.inbound.conftest import Put

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


def drain(intake: Intake) -> Drained:
    return intake.drain(at=AT, budget_seconds=5, now=time.monotonic)


def pending(intake: Intake) -> list[Arrival]:
    return [one.arrival for one in intake.ledger.pending("shop").arrivals]


def send(intake: Intake, body: str) -> None:
    intake.queue.client.send_message(QueueUrl=intake.queue.queue_url, MessageBody=body)


def created(key: str, **more: object) -> str:
    record = {
        "eventName": "ObjectCreated:Put",
        "eventTime": "2026-11-24T12:00:07.125Z",
        "s3": {"bucket": {"name": "inbound"}, "object": {"key": quote_plus(key), **more}},
    }
    return json.dumps({"Records": [record]})


def messages_left(intake: Intake) -> int:
    answer = intake.queue.client.get_queue_attributes(
        QueueUrl=intake.queue.queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )
    return sum(map(int, answer["Attributes"].values()))


def test_what_arrives_is_recorded_and_its_message_deleted(intake: Intake, put: Put) -> None:
    version = put("inbound/shop/a b.csv")
    assert drain(intake).recorded == 1
    (found,) = pending(intake)
    assert (found.key, found.version_id) == ("inbound/shop/a b.csv", version)
    assert messages_left(intake) == 0


def test_a_message_that_says_all_needs_no_look_at_the_object(intake: Intake) -> None:
    send(intake, created("inbound/shop/a.csv", versionId="v1", eTag="e", size=7))
    drain(intake)
    moment = datetime(2026, 11, 24, 12, 0, 7, tzinfo=UTC)
    assert pending(intake) == [Arrival("inbound/shop/a.csv", "v1", "e", 7, moment)]


def test_an_object_that_came_after_the_tick_began_is_not_taken_to_be_older(intake: Intake) -> None:
    send(intake, created("inbound/shop/a.csv", versionId="v1", eTag="e", size=7))
    drain(intake)
    (found,) = intake.ledger.pending("shop").arrivals
    assert found.seen_at == AT + timedelta(seconds=7, microseconds=125_000)


def test_a_message_that_comes_twice_is_recorded_once(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv")
    send(intake, created("inbound/shop/a.csv", size=1, eTag="e"))
    assert drain(intake).recorded == 1
    assert len(pending(intake)) == 1


def test_a_message_that_cannot_be_read_is_logged_without_its_content_and_left_to_redrive(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    send(intake, "jane.doe@example.com")
    with caplog.at_level(logging.WARNING):
        assert drain(intake).unreadable == 1
    assert "is no S3 notification; it came 1 times" in caplog.text
    assert "jane" not in caplog.text
    assert messages_left(intake) == 1


def test_a_poison_message_does_not_hold_up_its_neighbours(intake: Intake, put: Put) -> None:
    send(intake, "poison")
    put("inbound/shop/a.csv")
    assert drain(intake).recorded == 1
    assert messages_left(intake) == 1


def test_objects_of_no_connector_and_what_does_not_count_are_not_recorded(
    intake: Intake, put: Put
) -> None:
    for key in ("elsewhere/a.csv", "inbound/shop/", "inbound/shop/a.csv.tmp"):
        put(key)
    put("inbound/shop/_temporary/0/a.csv")
    drained = drain(intake)
    assert (drained.recorded, drained.foreign) == (0, 1)
    assert messages_left(intake) == 0


def test_what_only_signals_is_remembered(intake: Intake, put: Put) -> None:
    put("inbound/shop/_SUCCESS", b"")
    drain(intake)
    assert [one.key for one in pending(intake)] == ["inbound/shop/_SUCCESS"]


def test_what_a_batch_took_before_the_ledger_forgot_it_is_found_in_its_manifest(
    intake: Intake,
) -> None:
    """The object is still in the bucket, and a listing finds it again."""
    old = Arrival("inbound/shop/a.csv", "v1", "e", 1, AT - TAKEN_KEPT)
    intake.record("shop", [old], seen_at=old.last_modified)
    head = intake.ledger.head("shop")
    done = cut(
        intake.storage,
        intake.ledger,
        "shop",
        Whole((old,), "test"),
        head,
        policy="quiet_period",
        at=old.last_modified,
    )
    assert done
    intake.ledger.table.write(Delete(("taken#shop", arrival_sk(old))))
    fresh = Arrival("inbound/shop/b.csv", "v1", "e", 1, AT - TAKEN_KEPT)
    assert intake.record("shop", [old, fresh], seen_at=AT) == 1
    assert pending(intake) == [fresh]
    assert intake.ledger.taken_by("shop", old) == done.manifest.batch_id


def test_a_poison_message_ends_in_the_dead_letter_queue(intake: Intake) -> None:
    client = intake.queue.client
    dead = client.create_queue(QueueName="dead")["QueueUrl"]
    arn = client.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 3}
    client.set_queue_attributes(
        QueueUrl=intake.queue.queue_url,
        Attributes={"RedrivePolicy": json.dumps(redrive), "VisibilityTimeout": "0"},
    )
    send(intake, "poison")
    assert drain(intake).unreadable == 3
    assert drain(intake).unreadable == 0
    (message,) = client.receive_message(QueueUrl=dead)["Messages"]
    assert message["Body"] == "poison"
