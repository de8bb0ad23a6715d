"""Each provider's delivery, as its source profile takes it: held, and then taken whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest

from cleanroom_pipeline.connector_types.completion_settings import CompletionSettings
from cleanroom_pipeline.connector_types.profiles import profile_defaults
from cleanroom_pipeline.demo.providers.aep_audience import deliver_aep_audience
from cleanroom_pipeline.demo.providers.aep_dataset import deliver_aep_dataset
from cleanroom_pipeline.demo.providers.appflow import deliver_appflow, execution_record
from cleanroom_pipeline.demo.providers.bigquery_export import deliver_bigquery_export
from cleanroom_pipeline.demo.providers.braze_currents import deliver_currents
from cleanroom_pipeline.demo.providers.customer_io import deliver_customer_io
from cleanroom_pipeline.demo.providers.ga4_bigquery_export import deliver_ga4_day
from cleanroom_pipeline.demo.providers.layout import Delivered
from cleanroom_pipeline.demo.providers.segment import deliver_segment_logs
from cleanroom_pipeline.inbound.completion.decision import (
    CompleteDelivery,
    CompletionPolicy,
    Empty,
    Look,
    Waiting,
    Whole,
)
from cleanroom_pipeline_tests.demo.providers.reading import NOW, PREFIX
from cleanroom_pipeline_tests.inbound.completion import looks

HOUR = timedelta(hours=1)
AEP = {
    "aep_dataset": deliver_aep_dataset(
        PREFIX, dataset_id="65a1", count=60, parts=4, seed=7, now=NOW
    ),
    "aep_audience": deliver_aep_audience(
        PREFIX,
        destination="S3",
        segment_id="12341e18",
        count=60,
        seed=7,
        now=NOW,
        rows_per_file=20,
    ),
}
QUIET = {
    "bigquery_export": deliver_bigquery_export(PREFIX, export="e1", count=30, shards=3, seed=7),
    "braze_currents": deliver_currents(
        PREFIX,
        "users.messages.email.Open",
        integration_id="5f2c",
        count=30,
        seed=7,
        now=NOW,
        files=2,
    ),
    "segment": deliver_segment_logs(PREFIX, source_id="s", count=30, seed=7, now=NOW),
}


def completion(profile: str) -> CompletionSettings:
    return CompletionSettings.model_validate(profile_defaults(profile)["completion"])


def look(
    policy: CompletionPolicy,
    delivered: Iterable[Delivered],
    *,
    later: timedelta = HOUR,
    deliveries: Sequence[CompleteDelivery] = (),
    positions: Mapping[str, int] | None = None,
) -> Look:
    """What is found some time after these objects came at NOW."""
    files = list(delivered)
    return looks.look(
        policy,
        *(looks.arrival(file.key, NOW, len(file.body)) for file in files),
        at=NOW + later,
        first_seen=NOW,
        documents={file.key: file.body for file in files},
        deliveries=deliveries,
        positions=positions,
    )


@pytest.mark.parametrize("profile", AEP)
def test_an_adobe_export_is_held_until_its_last_object_is_there(profile: str) -> None:
    policy, delivered = completion(profile).chosen(), AEP[profile]
    for there in range(1, len(delivered)):
        assert isinstance(policy.decide(look(policy, delivered[:there])), Waiting)
    decision = policy.decide(look(policy, delivered))
    assert isinstance(decision, Whole)
    (manifest,) = decision.signals
    assert {f.key for f in decision.files} == {f.key for f in delivered} - {manifest.key}


@pytest.mark.parametrize("profile", AEP)
def test_an_adobe_export_with_a_file_of_another_size_is_held(profile: str) -> None:
    policy = completion(profile).chosen()
    cut_off = next(f for f in AEP[profile] if not policy.is_signal(f.key))
    torn = [replace(f, body=f.body[:-1]) if f is cut_off else f for f in AEP[profile]]
    decision = policy.decide(look(policy, torn))
    assert isinstance(decision, Waiting)
    assert cut_off.key in decision.missing[0]


@pytest.mark.parametrize("profile", QUIET)
def test_what_nobody_signals_is_whole_after_quiet_and_not_before(profile: str) -> None:
    settings = completion(profile)
    policy, delivered = settings.chosen(), QUIET[profile]
    early = settings.quiet - timedelta(seconds=1)
    assert isinstance(policy.decide(look(policy, delivered, later=early)), Waiting)
    decision = policy.decide(look(policy, delivered, later=settings.quiet))
    assert isinstance(decision, Whole)
    assert {f.key for f in decision.files} == {f.key for f in delivered}


def test_customer_io_files_are_taken_up_to_the_first_gap_of_each_call_type() -> None:
    policy = completion("customer_io").chosen()
    delivered = deliver_customer_io(
        PREFIX, integration=2184, positions=(1, 2, 4), count=10, seed=7, now=NOW
    )
    decision = policy.decide(look(policy, delivered))
    assert isinstance(decision, Whole)
    assert {f.key for f in decision.files} == {f.key for f in delivered if ".4." not in f.key}
    assert sorted(decision.positions.values()) == [2, 2]
    rest = [f for f in delivered if ".4." in f.key]
    again = look(policy, rest, positions=decision.positions)
    assert isinstance(policy.decide(again), Waiting)


@pytest.mark.parametrize("age", range(4))
def test_a_day_of_google_analytics_is_taken_each_time_it_is_written_and_intraday_never(
    age: int,
) -> None:
    policy = completion("ga4_bigquery_export").chosen()
    # The first export comes on the day after: the last one, on the fourth.
    day = NOW.date() - timedelta(days=1 + age)
    table = deliver_ga4_day(PREFIX, day, count=20, seed=7, age=age)
    intraday = deliver_ga4_day(PREFIX, NOW.date(), count=20, seed=7, table="events_intraday")
    decision = policy.decide(look(policy, (*table, *intraday)))
    assert isinstance(decision, Whole)
    assert decision.day == day.isoformat()
    assert {f.key for f in decision.files} == {f.key for f in table}


def test_a_day_of_google_analytics_that_comes_later_than_that_waits_for_a_person() -> None:
    policy = completion("ga4_bigquery_export").chosen()
    table = deliver_ga4_day(PREFIX, date(2026, 3, 9), count=20, seed=7, age=3)
    assert isinstance(policy.decide(look(policy, table)), Waiting)


@pytest.mark.parametrize("count", [0, 40])
def test_an_appflow_execution_is_whole_when_the_service_says_so(count: int) -> None:
    policy = completion("appflow").chosen()
    delivered = deliver_appflow(
        PREFIX, flow="clicks", execution_id="e-1", count=count, seed=7, now=NOW
    )
    record = execution_record(delivered, execution_id="e-1", now=NOW)
    assert not isinstance(policy.decide(look(policy, delivered)), Whole)
    reported = CompleteDelivery(
        record["executionId"],
        f"{PREFIX}clicks/e-1/",
        record["executionResult"]["recordsProcessed"],
    )
    decision = policy.decide(look(policy, delivered, deliveries=(reported,)))
    assert isinstance(decision, Whole if count else Empty)
    if isinstance(decision, Whole):
        assert {f.key for f in decision.files} == {f.key for f in delivered}
        assert decision.records == count
