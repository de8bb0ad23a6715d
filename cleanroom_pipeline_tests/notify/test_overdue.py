from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sns import SnsTopic
from cleanroom_pipeline.ledger import Ledger
from cleanroom_pipeline.model import Notice, NoticeKind
from cleanroom_pipeline.notify.message import build_notice_message
from cleanroom_pipeline.notify.ops import OverdueDelivery, publish_overdue_to_sns
from cleanroom_pipeline.notify.sensors import (
    notify_overdue_sensor,
    overdue_job,
    overdue_request,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOTICE = Notice(
    "shop",
    "0123456789ab",
    since=NOON,
    deadline=datetime(2026, 11, 24, 18, tzinfo=UTC),
    waiting_for="2 of 3 files of manifest-1.json are there.",
    missing=("in/b.csv", "in/jane.doe@example.com.csv"),
)

EMPTY = Notice(
    "shop",
    "empty-0123456789ab",
    since=NOON,
    deadline=NOON,
    waiting_for="Execution e1 ended well with no record, says jane.doe@example.com.",
    kind=NoticeKind.EMPTY,
)

Inbox = Callable[[], list[dict[str, Any]]]


def tick(ledger: Ledger) -> list[dg.RunRequest]:
    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.build_sensor_context(instance=instance, resources={"ledger": ledger})
        with made as context:
            result = notify_overdue_sensor.evaluate_tick(context)
    return list(result.run_requests or [])


def run(request: dg.RunRequest, ledger: Ledger, topic: SnsTopic) -> dg.ExecuteInProcessResult:
    return overdue_job.execute_in_process(
        run_config=request.run_config,
        resources={"ledger": ledger, "notifications": topic},
        raise_on_error=False,
    )


def test_the_message_tells_what_is_waited_for_since_when_and_what_to_do() -> None:
    message = build_notice_message(NOTICE)
    assert message.subject == "Clean room pipeline: shop overdue"
    assert "First object: 2026-11-24T12:00:00Z" in message.text
    assert "Deadline:     2026-11-24T18:00:00Z" in message.text
    assert "2 of 3 files of manifest-1.json are there." in message.text
    assert "Missing:      in/b.csv" in message.text
    assert "cleanroom batch cut shop --reason ..." in message.text
    assert message.attributes["outcome"] == "overdue"


def test_the_message_passes_no_address_on() -> None:
    assert "jane" not in build_notice_message(NOTICE).text


def test_people_are_told_once(ledger: Ledger, topic: SnsTopic, inbox: Inbox) -> None:
    ledger.record_notice(NOTICE)
    (request,) = tick(ledger)
    assert run(request, ledger, topic).success
    assert run(request, ledger, topic).success
    assert tick(ledger) == []
    assert not ledger.record_notice(NOTICE)
    assert len(inbox()) == 1


def test_people_are_told_once_of_a_pull_that_brought_nothing(
    ledger: Ledger, topic: SnsTopic, inbox: Inbox
) -> None:
    ledger.record_notice(EMPTY)
    (request,) = tick(ledger)
    assert run(request, ledger, topic).success
    assert tick(ledger) == []
    (message,) = inbox()
    assert message["Subject"] == "Clean room pipeline: shop empty"
    assert message["Message"] == (
        "A pull of shop brought nothing: nothing was new. Its table is unchanged.\n\n"
        "Found: 2026-11-24T12:00:00Z\n"
        "Why:   Execution e1 ended well with no record, says (address)\n\n"
        "Nothing is to be done, unless something should have been there: then look at the source."
    )
    assert message["MessageAttributes"]["outcome"]["Value"] == "empty"


def test_an_empty_and_an_overdue_delivery_are_told_apart() -> None:
    assert overdue_request(EMPTY, NOON).run_key != overdue_request(NOTICE, NOON).run_key
    assert build_notice_message(NOTICE).attributes["outcome"] == "overdue"


def test_a_message_that_could_not_be_sent_stays_to_be_told(ledger: Ledger, aws: AwsSession) -> None:
    ledger.record_notice(NOTICE)
    (request,) = tick(ledger)
    gone = SnsTopic(session=aws, topic_arn="arn:aws:sns:us-east-1:123456789012:gone")
    notice = OverdueDelivery(connector=NOTICE.connector, state_id=NOTICE.state_id)
    with pytest.raises(ClientError):
        publish_overdue_to_sns(dg.build_op_context(), notice, ledger, gone)
    assert [again.run_key for again in tick(ledger)] == [request.run_key]


def test_the_same_notice_is_requested_once_a_day() -> None:
    morning, evening = NOON.replace(hour=1), NOON.replace(hour=23)
    assert overdue_request(NOTICE, morning).run_key == overdue_request(NOTICE, evening).run_key
    next_day = NOON.replace(day=25)
    assert overdue_request(NOTICE, NOON).run_key != overdue_request(NOTICE, next_day).run_key
