"""Clicks in e-mails, as Amazon AppFlow delivers Salesforce Marketing Cloud's ClickEvent object.

Here: how an event is drawn and written as JSON. Not here: the customers who click (`customers`),
the flow that delivers the file.

AppFlow turns every value into text when source types are not preserved, one JSON object a line.
Marketing Cloud writes times without an offset; they are UTC-6 all year round.
"""

import json
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from urllib.parse import quote, urlencode

from cleanroom_pipeline.demo.customers import customers as customer_rows

MARKETING_CLOUD_TIME = timezone(timedelta(hours=-6))
"""The zone of every time in an event; it knows no daylight saving."""

_Draw = Callable[[], float]

_FIRST_EVENT = datetime(2024, 1, 1, tzinfo=MARKETING_CLOUD_TIME)
_EVENT_MILLISECONDS = 180 * 24 * 3600 * 1000
_BUSINESS_UNIT = "510001234"
_CAMPAIGNS = ("spring-sale", "back_to_school", "loyalty gold", "abandoned-basket", "newsletter-42")
_PAGES = (
    "https://shop.example.com/",
    "https://shop.example.com/products/linen-shirt",
    "https://shop.example.com/sale/spring",
    "https://www.example.org/preferences",
    "http://blog.example.net/2024/05/how-to-fold-a-map",
    "https://shop.example.com/basket#summary",
)
_MEDIA = ("email", "Email", "triggered")


def click_events(count: int, *, seed: int, customers: int = 1_000) -> Iterator[dict[str, str]]:
    """`count` clicks of the people among the first `customers` rows of the customers of this seed.

    `SubscriberKey` is the person's e-mail address in nine of ten events (as Marketing Cloud has it
    by default), in whatever case it was typed; else an opaque contact id. About 1 % repeat the
    event before, as two pulls over overlapping hours do. The addresses of the audience are kept
    in memory, the events are not.
    """
    draw = random.Random(f"click_events {seed}").random  # noqa: S311 - made-up clicks, no secret
    audience = _audience(customers, seed)
    event = _event(draw, audience, 0)
    for number in range(count):
        if number and draw() < 0.99:
            event = _event(draw, audience, number)
        yield dict(event)


def to_json_lines(events: Iterable[dict[str, str]]) -> Iterator[str]:
    """Each event as one line of JSON with its line end, as AppFlow's JSON files hold them."""
    for event in events:
        yield json.dumps(event, ensure_ascii=False, separators=(",", ":")) + "\n"


def _audience(customers: int, seed: int) -> Sequence[str]:
    spelled = (row.email for row in customer_rows(customers, seed=seed))
    addresses = (email.strip().lower() for email in spelled if email)
    reachable = dict.fromkeys(a for a in addresses if _is_address(a))
    return tuple(reachable) or ("nobody@example.com",)


def _is_address(text: str) -> bool:
    local_part, at, domain = text.partition("@")
    return bool(local_part and at and "." in domain and "@" not in domain)


def _event(draw: _Draw, audience: Sequence[str], number: int) -> dict[str, str]:
    address = audience[int(draw() * len(audience))]
    clicked = _FIRST_EVENT + timedelta(milliseconds=int(draw() * _EVENT_MILLISECONDS))
    recorded = clicked + timedelta(milliseconds=int(draw() * 90_000))
    send = int(draw() * 40)
    url = _url(draw, address, send)
    triggered = draw() < 0.3
    return {
        "Client": _BUSINESS_UNIT,
        "BatchID": str(1 + int(draw() * 8)),
        "CorrelationID": "",
        "CreatedDate": _time(recorded),
        "CustomerKey": "",
        "EventDate": _time(clicked),
        "EventType": "Click",
        "ID": str(700_000_000 + number),
        "ModifiedDate": _time(recorded),
        "ObjectID": _guid(draw),
        "PartnerKey": "",
        "SendID": str(90_000 + send),
        "SubscriberKey": _subscriber_key(draw, address),
        "TriggeredSendDefinitionObjectID": str(uuid.UUID(int=send + 1)) if triggered else "",
        "URL": url,
        "URLID": str(int(draw() * 1_000_000)),
    }


def _subscriber_key(draw: _Draw, address: str) -> str:
    chance = draw()
    if chance < 0.1:
        return f"003{int(draw() * 36**6):015X}"
    return address.title() if chance < 0.2 else address


def _url(draw: _Draw, address: str, send: int) -> str:
    """A landing page; every eighth names the reader in its query, as templates like to do."""
    page, _, fragment = _PAGES[int(draw() * len(_PAGES))].partition("#")
    query = urlencode(
        {
            "utm_source": "sfmc",
            "utm_medium": _MEDIA[send % len(_MEDIA)],
            "utm_campaign": _CAMPAIGNS[send % len(_CAMPAIGNS)],
            "utm_content": f"cta-{int(draw() * 5)}",
        }
    )
    chance = draw()
    if chance < 0.08:
        query += f"&email={quote(address, safe='')}"
    elif chance < 0.125:
        query += f"&sk={address}"
    return f"{page}?{query}" + (f"#{fragment}" if fragment else "")


def _time(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _guid(draw: _Draw) -> str:
    return str(uuid.UUID(int=int(draw() * 2**53) << 75 | int(draw() * 2**53), version=4))
