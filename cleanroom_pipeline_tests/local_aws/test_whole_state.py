"""A snapshot holds everything: an attribute that it forgets is noticed here."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.faults import FaultRule
from cleanroom_pipeline.local_aws.outcomes import Outcome
from cleanroom_pipeline.local_aws.provision import LocalEnvironment
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.brewery import Brewery
from cleanroom_pipeline_tests.local_aws.marketing import FLOW, Marketing, flow_definition

PACKAGE = "cleanroom_pipeline.local_aws."

# What is wiring, made anew with each server, and holds nothing that was asked for.
WIRING = {
    "Background",
    "Clients",
    "Durations",
    "HeldEngine",
    "Admin",
    "Application",
    "Service",
    "StateDir",
    "AppFlowDurations",
    "DataBrewDurations",
}
# Recorded for whoever reads them, and no part of what AWS holds.
NOT_KEPT = {"Calls"}


def members(value: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(value) and not isinstance(value, type):
        yield from ((f.name, getattr(value, f.name)) for f in fields(value))
    elif type(value).__module__.startswith(PACKAGE):
        yield from vars(value).items()


def held(value: Any, path: str = "aws") -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of all data that a part of the local AWS holds, wherever it keeps it."""
    if type(value).__name__ in WIRING | NOT_KEPT:
        return
    if isinstance(value, str | int | float | bytes | None):
        yield path, value
    elif isinstance(value, Mapping):
        yield f"{path}: keys", sorted(map(str, value))
        for key, item in value.items():
            yield from held(item, f"{path}[{key}]")
    elif isinstance(value, list | tuple | set | frozenset):
        yield f"{path}: length", len(value)
        for number, item in enumerate(value):
            yield from held(item, f"{path}[{number}]")
    else:
        for name, item in members(value):
            yield from held(item, f"{path}.{name}")


def state_of(aws: LocalAws) -> dict[str, Any]:
    """Return what the parts hold, but for what only says that work is under way."""
    return {path: value for path, value in held(aws) if not path.endswith((".at_work", "_active"))}


@pytest.fixture
def filled(
    aws: LocalAws, environment: LocalEnvironment, clients: Clients, brewery: Brewery
) -> LocalAws:
    """A local AWS in which no part holds nothing."""
    brewery.job(Timeout=10, MaxRetries=1)
    aws.outcomes["databrew"].add("*", Outcome("FAILED", "m", seconds=1, events="duplicate"))
    aws.outcomes["databrew"].add("later", Outcome("SOMETHING_NEW", times=None, vanish=True))
    run = brewery.run()
    assert (run["Attempt"], run["State"]) == (1, "SUCCEEDED")
    marketing = Marketing(aws.endpoint, clients)
    marketing.fill({"id": "1"}, query="?pull=new")
    trigger = {
        "triggerType": "Scheduled",
        "triggerProperties": {
            "Scheduled": {"scheduleExpression": "rate(1days)", "dataPullMode": "Incremental"}
        },
    }
    marketing.appflow.create_flow(
        **{**flow_definition(), "flowName": "daily", "triggerConfig": trigger, "tags": {"a": "1"}}
    )
    marketing.appflow.start_flow(flowName="daily")
    marketing.start(clientToken="token")
    aws.advance(10)
    aws.outcomes["appflow"].add(FLOW, Outcome("Error", "no quota", after_polls=3))
    aws.faults.add(FaultRule("latency", service="no-such-service", seconds=1, seed=7))
    return aws


def test_all_that_is_held_is_there_again_after_a_reset_and_a_snapshot(filled: LocalAws) -> None:
    before = state_of(filled)
    frozen = filled.freeze()
    filled.reset()
    assert state_of(filled) != before
    filled.thaw(frozen)
    assert state_of(filled) == before


def test_every_store_holds_something_before_the_snapshot(filled: LocalAws) -> None:
    """Or the test above would not notice that it is forgotten."""
    empty = [
        path
        for path, value in state_of(filled).items()
        if path.count("[") == 0 and path.endswith((": keys", ": length")) and not value
    ]
    assert empty == []


def test_a_reset_leaves_nothing(aws: LocalAws, filled: LocalAws) -> None:
    filled.reset()
    left = [
        path
        for path, value in state_of(filled).items()
        if path.endswith((": keys", ": length")) and value and not is_table(path)
    ]
    assert left == []


def is_table(path: str) -> bool:
    """Say whether a mapping is a table of what a part can do, not of what it was told."""
    return path.removesuffix(": keys").endswith(("operations", ".outcomes")) or "_states" in path
