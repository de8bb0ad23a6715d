import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.inbound.completion import Whole
from cleanroom_pipeline.inbound.intake import Drained, Intake
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Manifest
from cleanroom_pipeline.records import read_manifest

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
Put = Callable[[str, bytes], str]


@pytest.fixture
def intake(storage: S3Storage, inbound_queue: InboundQueue, ledger: Ledger) -> Intake:
    return Intake(storage, inbound_queue, ledger, {"shop": "inbound/shop/"}, wait_seconds=0)


@pytest.fixture
def put(storage: S3Storage) -> Put:
    def put_object(key: str, body: bytes) -> str:
        answer = storage.client.put_object(Bucket="inbound", Key=key, Body=body)
        return answer["VersionId"]

    return put_object


def drain(intake: Intake) -> Drained:
    return intake.drain(budget_seconds=5, now=time.monotonic)


def messages_left(intake: Intake) -> int:
    answer = intake.queue.client.get_queue_attributes(
        QueueUrl=intake.queue.queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )
    return sum(map(int, answer["Attributes"].values()))


def cut_all(intake: Intake) -> Manifest | None:
    found = intake.find("shop")
    return intake.cut("shop", Whole(found.pending, "test"), policy="quiet_period", at=AT)


def test_what_arrives_is_recorded_and_its_message_deleted(intake: Intake, put: Put) -> None:
    version = put("inbound/shop/a b.csv", b"x")
    assert drain(intake).recorded == 1
    (recorded,) = intake.ledger.arrivals("shop")
    assert (recorded.arrival.key, recorded.arrival.version_id) == ("inbound/shop/a b.csv", version)
    assert messages_left(intake) == 0


def test_a_message_that_comes_twice_is_recorded_once(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv", b"x")
    object_ = {"key": quote_plus("inbound/shop/a.csv"), "size": 1, "eTag": "e"}
    record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "inbound"}}}
    record["s3"]["object"] = object_  # type: ignore[index]  # a literal of mixed types
    intake.queue.client.send_message(
        QueueUrl=intake.queue.queue_url, MessageBody=json.dumps({"Records": [record]})
    )
    assert drain(intake).recorded == 1
    assert len(list(intake.ledger.arrivals("shop"))) == 1


def test_a_message_that_cannot_be_read_is_left_to_redrive(intake: Intake) -> None:
    intake.queue.client.send_message(QueueUrl=intake.queue.queue_url, MessageBody="poison")
    assert drain(intake).unreadable == 1
    assert messages_left(intake) == 1


def test_objects_of_no_connector_and_markers_are_not_recorded(intake: Intake, put: Put) -> None:
    put("elsewhere/a.csv", b"x")
    put("inbound/shop/_SUCCESS", b"")
    drained = drain(intake)
    assert (drained.recorded, drained.foreign) == (0, 1)
    assert messages_left(intake) == 0


def test_an_object_whose_message_was_lost_is_found_by_listing(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv", b"x")
    intake.queue.client.purge_queue(QueueUrl=intake.queue.queue_url)
    assert [file.key for file in intake.find("shop").pending] == ["inbound/shop/a.csv"]
    assert len(list(intake.ledger.arrivals("shop"))) == 1


def test_of_an_object_that_is_written_again_before_the_cut_the_newest_counts_once(
    intake: Intake, put: Put
) -> None:
    put("inbound/shop/a.csv", b"old")
    newest = put("inbound/shop/a.csv", b"new")
    drain(intake)
    manifest = cut_all(intake)
    assert manifest
    assert [file.version_id for file in manifest.files] == [newest]
    assert intake.find("shop").pending == ()


def test_an_object_that_is_written_again_after_the_cut_waits_for_the_next_batch(
    intake: Intake, put: Put
) -> None:
    put("inbound/shop/a.csv", b"old")
    first = cut_all(intake)
    version = put("inbound/shop/a.csv", b"new")
    second = cut_all(intake)
    assert first
    assert second
    assert [file.version_id for file in second.files] == [version]
    assert first.batch_id != second.batch_id


def test_a_deleted_object_is_in_no_batch(intake: Intake, put: Put, storage: S3Storage) -> None:
    put("inbound/shop/a.csv", b"x")
    drain(intake)
    storage.client.delete_object(Bucket="inbound", Key="inbound/shop/a.csv")
    assert intake.find("shop").pending == ()


def test_the_manifest_stands_in_s3_before_the_batch_is_known(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv", b"x")
    manifest = cut_all(intake)
    assert manifest
    assert read_manifest(intake.storage, "shop", manifest.batch_id) == manifest


def test_a_cut_that_was_begun_and_not_ended_is_finished(intake: Intake, put: Put) -> None:
    put("inbound/shop/a.csv", b"x")
    found = intake.find("shop")
    manifest = Manifest.from_json(
        {
            "connector": "shop",
            "batch_id": "20261124T120000Z-00000000",
            "bucket": "inbound",
            "digest": "d",
            "policy": "quiet_period",
            "reason": "test",
            "files": [file.to_json() for file in found.pending],
        }
    )
    intake.storage.put_record(
        "manifests/shop/20261124T120000Z-00000000/manifest.json", manifest.to_json()
    )
    intake.ledger.begin_cut(manifest, at=AT)
    assert intake.finish_open("shop", at=AT) == manifest.batch_id
    assert intake.find("shop").pending == ()
    assert intake.finish_open("shop", at=AT) is None
