from datetime import UTC, datetime, timedelta

import pytest

from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.batches import BatchDesk, list_text, show_text
from cleanroom_pipeline.inbound.by_hand import cut_pending
from cleanroom_pipeline.inbound.completion.quiet_period import QuietPeriod
from cleanroom_pipeline.inbound.intake import Intake
from cleanroom_pipeline.inbound.tick import TickSettings
from cleanroom_pipeline.ledger import Delivery, Ledger

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)
SETTINGS = TickSettings("shop", QuietPeriod(timedelta(hours=1)), deadline=timedelta(hours=6))


@pytest.fixture
def desk(storage: S3Storage, inbound_queue: InboundQueue, ledger: Ledger) -> BatchDesk:
    intake = Intake(storage, inbound_queue, ledger, {"shop": "inbound/shop/"}, wait_seconds=0)
    return BatchDesk(SETTINGS, intake)


def arrive(desk: BatchDesk, *names: str) -> None:
    for name in names:
        desk.intake.storage.client.put_object(
            Bucket="inbound", Key=f"inbound/shop/{name}", Body=b"x"
        )
    page = desk.intake.storage.list_inbound_page("inbound/shop/")
    desk.intake.record("shop", page.objects, seen_at=page.at)


def test_an_open_batch_shows_what_it_waits_for_until_when_and_its_deadline(
    desk: BatchDesk,
) -> None:
    arrive(desk, "a.csv", "b.csv")
    found = desk.list(5)["open"]
    assert (found["objects"], found["bytes"], found["overdue"]) == (2, 2, False)
    assert "3600 s of quiet are asked for" in found["waits_for"]
    assert found["since"] < found["until"] < found["deadline"]
    text = list_text(desk.list(5))
    assert "open      2 objects, 2 bytes" in text
    assert f"until: {found['until']}" in text
    assert f"deadline: {found['deadline']}" in text


def test_a_deadline_that_has_passed_is_shown(desk: BatchDesk) -> None:
    arrive(desk, "a.csv")
    late = BatchDesk(
        TickSettings("shop", SETTINGS.policy, deadline=timedelta(seconds=-60)), desk.intake
    )
    assert late.open()["overdue"]
    assert "which has passed" in list_text(late.list(5))


def test_nothing_open_is_said(desk: BatchDesk) -> None:
    found = desk.open()
    assert (found["objects"], found["since"], found["deadline"]) == (0, None, None)
    assert found["waits_for"] == "No object is waiting to become a batch."


def test_batches_are_listed_newest_first_with_the_reason_of_their_cut(desk: BatchDesk) -> None:
    ids = []
    for name in ("a.csv", "b.csv"):
        arrive(desk, name)
        manifest = cut_pending(desk.intake, "shop", SETTINGS.policy, reason=f"for {name}")
        ids.append(manifest.batch_id)
    listed = desk.list(5)["batches"]
    assert [batch["batch_id"] for batch in listed] == ids[::-1]
    assert listed[0]["whole_because"] == "for b.csv"
    assert [batch["batch_id"] for batch in desk.list(1)["batches"]] == ids[1:]


def test_a_batch_is_shown_with_its_files(desk: BatchDesk) -> None:
    arrive(desk, "a.csv", "_SUCCESS")
    manifest = cut_pending(desk.intake, "shop", SETTINGS.policy, reason="they called")
    found = desk.show(manifest.batch_id)
    assert found["policy"] == "by_hand"
    assert found["signals"] == ["inbound/shop/_SUCCESS"]
    assert [file["key"] for file in found["first_files"]] == ["inbound/shop/a.csv"]
    text = show_text(found)
    assert "state: cut" in text
    assert "inbound/shop/a.csv  1 bytes" in text


def test_what_is_open_can_be_shown_by_that_name(desk: BatchDesk) -> None:
    arrive(desk, "a.csv")
    assert [file["key"] for file in desk.show("open")["first_files"]] == ["inbound/shop/a.csv"]


def test_empty_deliveries_are_listed(desk: BatchDesk) -> None:
    ledger = desk.intake.ledger
    ledger.record_delivery("shop", Delivery("e1", "inbound/shop/e1/", 0, AT))
    ledger.record_empty("shop", (), ["e1"], ledger.head("shop"), reason="no records", at=AT)
    assert desk.list(5)["empty_deliveries"] == [
        {"at": "2026-11-24T12:00:00Z", "reason": "no records"}
    ]
    assert "empty     2026-11-24T12:00:00Z: no records" in list_text(desk.list(5))


def test_what_a_key_would_say_to_a_terminal_is_not_said(desk: BatchDesk) -> None:
    arrive(desk, "a\u202e;c;ZXZpbA==forged.csv")
    text = show_text(desk.show("open"))
    assert "a?;c;ZXZpbA==forged.csv" in text
    assert all(line.isprintable() for line in text.splitlines())
