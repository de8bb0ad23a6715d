"""Recipes for the example connectors of docs/sources.md, one for each source profile.

Here: steps that take the personal data out of what a provider sends. Not here: the connectors
themselves, which are read from the docs (`chain`).

Every recipe hashes what identifies a person under one key, gives columns names that Clean Rooms
takes, and drops what is nested: personal data lies there too, and no operation flattens it.
"""

import json
from collections.abc import Mapping
from typing import Any

from cleanroom_pipeline_tests.recipe.running import condition, step

SECRET = "cleanroom/hmac-key"


def _hashed(*columns: str) -> Any:
    return step("CRYPTOGRAPHIC_HASH", sourceColumns=json.dumps(columns), secretId=SECRET)


def _address(column: str) -> list[Any]:
    """Bring an e-mail address to one spelling, and drop rows without one."""
    return [
        step("REMOVE_COMBINED", sourceColumn=column, removeLeadingAndTrailingWhitespace="true"),
        step("LOWER_CASE", sourceColumn=column),
        step("REMOVE_VALUES", sourceColumn=column, conditions=[condition("IS_MISSING", column)]),
    ]


def _renamed(**names: str) -> list[Any]:
    """Rename each column; the keyword is the new name."""
    return [step("RENAME", sourceColumn=old, targetColumn=new) for new, old in names.items()]


def _typed(column: str, data_type: str) -> Any:
    return step("CHANGE_DATA_TYPE", sourceColumn=column, columnDataType=data_type)


def _without(columns: str) -> Any:
    return step("DELETE", sourceColumns=json.dumps(columns.split()))


RECIPES: Mapping[str, list[Any]] = {
    "bigquery_export": [
        *_address("email"),
        _hashed("customer_id", "email"),
        *_renamed(customer_key="customer_id", email_hash="email"),
        _typed("visits", "long"),
        _typed("lifetime_value", "double"),
        _without(
            "first_name last_name phone birth_date city state postal_code signup_ts "
            "marketing_consent notes"
        ),
    ],
    "aep_dataset": [
        _hashed("_id"),
        *_renamed(event_key="_id", event_time="timestamp", event_type="eventType"),
        _typed("event_time", "timestamp"),
        _without("identityMap web commerce productListItems _acme"),
    ],
    "aep_audience": [
        *_address("personalEmail_address"),
        _hashed("personalEmail_address", "mobilePhone_number"),
        *_renamed(
            email_hash="personalEmail_address",
            phone_hash="mobilePhone_number",
            status="segmentMembership_status",
        ),
        _without("person_name_firstName person_name_lastName"),
    ],
    "ga4_bigquery_export": [
        _hashed("user_id", "user_pseudo_id"),
        *_renamed(customer_key="user_id", visitor_hash="user_pseudo_id"),
        _without(
            "event_params event_previous_timestamp event_bundle_sequence_id privacy_info "
            "user_properties user_first_touch_timestamp device geo traffic_source stream_id items"
        ),
    ],
    "braze_currents": [
        # Delivery is at least once.
        step("REMOVE_DUPLICATES", sourceColumn="id"),
        *_address("email_address"),
        _hashed("email_address", "external_user_id"),
        *_renamed(
            email_hash="email_address",
            customer_key="external_user_id",
            event_id="id",
            clicked_at="time",
        ),
        _without("user_id user_agent suspected_bot_click_reason"),
    ],
    "segment": [
        _hashed("userId"),
        *_renamed(
            user_key="userId", message_id="messageId", call_type="type", received_at="receivedAt"
        ),
        _typed("received_at", "timestamp"),
        _without(
            "anonymousId channel context integrations originalTimestamp sentAt timestamp version "
            "traits properties"
        ),
    ],
    "customer_io": [
        _hashed("userId"),
        *_renamed(user_key="userId", message_id="messageId", call_type="type", made_at="timestamp"),
        _typed("made_at", "timestamp"),
        _without("anonymousId properties context"),
    ],
    "appflow": [
        *_address("SubscriberKey"),
        _hashed("SubscriberKey"),
        *_renamed(
            subscriber_hash="SubscriberKey",
            event_type="EventType",
            send_id="SendID",
            event_id="ID",
        ),
        _typed("send_id", "long"),
        _without(
            "Client CorrelationID CreatedDate CustomerKey EventDate ModifiedDate ObjectID "
            "PartnerKey TriggeredSendDefinitionObjectID URL URLID BatchID"
        ),
    ],
}
