import json
import re
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.demo.click_events import click_events, to_json_lines
from cleanroom_pipeline.demo.customers import customers

FIELDS = {
    "Client", "BatchID", "CorrelationID", "CreatedDate", "CustomerKey", "EventDate", "EventType",
    "ID", "ModifiedDate", "ObjectID", "PartnerKey", "SendID", "SubscriberKey",
    "TriggeredSendDefinitionObjectID", "URL", "URLID",
}  # fmt: skip
Events = list[dict[str, str]]


@pytest.fixture(scope="module")
def events() -> Events:
    return list(click_events(3_000, seed=7, customers=500))


@given(seed=st.integers(), count=st.integers(0, 30), audience=st.integers(0, 20))
def test_the_same_seed_gives_the_same_events(seed: int, count: int, audience: int) -> None:
    events = list(click_events(count, seed=seed, customers=audience))
    assert len(events) == count
    assert events == list(click_events(count, seed=seed, customers=audience))


def test_an_event_has_the_fields_of_click_event_and_all_values_are_text(events: Events) -> None:
    for event in events:
        assert set(event) == FIELDS
        assert all(isinstance(value, str) for value in event.values())
        assert event["EventType"] == "Click"


def test_times_carry_no_offset_and_a_click_is_recorded_after_it_happened(events: Events) -> None:
    for event in events:
        clicked = datetime.fromisoformat(event["EventDate"])
        assert clicked.tzinfo is None
        assert clicked <= datetime.fromisoformat(event["CreatedDate"])


def test_most_subscriber_keys_are_addresses_of_customers_of_the_same_seed(events: Events) -> None:
    known = {row.email.strip().lower() for row in customers(500, seed=7) if row.email}
    keys = [event["SubscriberKey"] for event in events]
    of_customers = [key for key in keys if key.lower() in known]
    opaque = [key for key in keys if re.fullmatch(r"003[0-9A-Z]{15}", key)]
    assert len(of_customers) + len(opaque) == len(keys)
    assert 0.85 < len(of_customers) / len(keys) < 0.95
    assert any(key != key.lower() for key in of_customers)


def test_links_carry_campaigns_and_here_and_there_the_reader(events: Events) -> None:
    queries = [parse_qs(urlsplit(event["URL"]).query) for event in events]
    assert all({"utm_source", "utm_medium", "utm_campaign"} <= set(query) for query in queries)
    assert 0.08 < sum("email" in q or "sk" in q for q in queries) / len(queries) < 0.18
    assert any("%40" in event["URL"] for event in events)
    assert any("@" in event["URL"] for event in events)
    hosts = {urlsplit(event["URL"]).hostname for event in events}
    assert all(re.search(r"\bexample\.(com|org|net)$", host or "") for host in hosts)


def test_some_events_come_twice(events: Events) -> None:
    distinct = {tuple(event.items()) for event in events}
    assert 0 < len(events) - len(distinct) < len(events) * 0.02


def test_json_lines_hold_one_event_a_line(events: Events) -> None:
    lines = list(to_json_lines(events))
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    assert [json.loads(line) for line in lines] == events
