import json
from datetime import UTC, datetime
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.inbound.events import (
    CreatedObject,
    MessageError,
    OverlapError,
    check_prefixes,
    connector_of,
    created_objects,
)
from cleanroom_pipeline.model import Arrival

CREATED = datetime(2026, 11, 24, 12, 0, 0, 250_000, tzinfo=UTC)


def notification(key: str, event: str = "ObjectCreated:Put", **more: object) -> str:
    body = {"name": "inbound"}
    record = {
        "eventName": event,
        "eventTime": "2026-11-24T12:00:00.250Z",
        "s3": {"bucket": body, "object": {"key": quote_plus(key), "size": 1, "eTag": "e", **more}},
    }
    return json.dumps({"Records": [record]})


@given(key=st.text(min_size=1, max_size=200))
def test_any_key_comes_back_as_it_was(key: str) -> None:
    assert created_objects(notification(key)) == (
        CreatedObject("inbound", key, CREATED, etag="e", size=1),
    )


def test_a_slash_may_be_encoded_or_not() -> None:
    plain = notification("x").replace('"x"', '"in/a+b%2Bc.csv"')
    assert created_objects(plain)[0].key == "in/a b+c.csv"


def test_a_message_that_says_all_of_a_version_is_an_arrival_and_another_is_none() -> None:
    """Its time is that at which the object was complete, in whole seconds as LastModified is."""
    (whole,) = created_objects(notification("a", versionId="v7"))
    assert whole.arrival == Arrival("a", "v7", "e", 1, CREATED.replace(microsecond=0))
    (partial,) = created_objects(notification("a"))
    assert partial.arrival is None


def test_a_multipart_upload_counts_and_a_removal_does_not() -> None:
    assert created_objects(notification("a", "ObjectCreated:CompleteMultipartUpload"))
    assert created_objects(notification("a", "ObjectRemoved:Delete")) == ()


def test_the_test_event_that_s3_sends_is_passed_over() -> None:
    assert created_objects('{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"b"}') == ()


@pytest.mark.parametrize(
    "body",
    [
        *("", "no json", "[]", "{}", "null", '{"Records": 3}', '{"Records": [{"s3": {}}]}'),
        "[" * 100_000,
        notification("a", size="1").replace('"size": "1"', '"size": 1e999'),
        notification("a").replace('"a"', '"\\ud800"'),
    ],
)
def test_what_is_no_notification_is_refused(body: str) -> None:
    with pytest.raises(MessageError):
        created_objects(body)


def test_a_refusal_does_not_repeat_the_message() -> None:
    with pytest.raises(MessageError) as caught:
        created_objects("jane.doe@example.com")
    assert "jane" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_key_belongs_to_the_connector_whose_prefix_it_is_under() -> None:
    prefixes = {"one": "inbound/one/", "two": "inbound/two/"}
    assert connector_of("inbound/two/a.csv", prefixes) == "two"
    assert connector_of("inbound/twofold/a.csv", prefixes) is None


def test_overlapping_prefixes_are_refused_by_name() -> None:
    with pytest.raises(OverlapError, match=r"outer .*inner"):
        check_prefixes([("inner", "in/a/b/"), ("other", "in/c/"), ("outer", "in/a/")])
    check_prefixes([("one", "in/a/"), ("two", "in/ab/")])
