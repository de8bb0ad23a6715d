"""A local AWS in this process, whose clock stands still until a test turns it."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline.local_aws.provision import LocalEnvironment, provision
from cleanroom_pipeline.local_aws.recipe_job import RecipeTask, run_with_local_engine
from cleanroom_pipeline.local_aws.server import LocalAws
from cleanroom_pipeline_tests.local_aws.brewery import Brewery

REGION = "us-east-1"
NOON = 1_800_000_000.0


class HeldEngine:
    """The local engine, which a test can hold back before it begins a job."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self._go = threading.Event()
        self.go_on()

    def hold(self) -> None:
        self.begun.clear()
        self._go.clear()

    def go_on(self) -> None:
        self._go.set()

    def __call__(self, task: RecipeTask) -> Sequence[Path]:
        self.begun.set()
        assert self._go.wait(30)
        return run_with_local_engine(task)


ENGINE = HeldEngine()


@pytest.fixture(scope="package")
def server() -> Iterator[LocalAws]:
    with LocalAws.start(clock=lambda: NOON, run_recipe=ENGINE) as aws:
        yield aws


@pytest.fixture
def engine() -> Iterator[HeldEngine]:
    """The engine that runs the jobs, held back until the test lets it go."""
    ENGINE.hold()
    yield ENGINE
    ENGINE.go_on()


@pytest.fixture(scope="package")
def clients(server: LocalAws) -> Clients:
    return Clients(server.endpoint)


@pytest.fixture
def aws(server: LocalAws) -> LocalAws:
    """A local AWS that holds nothing."""
    server.reset()
    return server


@pytest.fixture(scope="package")
def provisioned(server: LocalAws) -> tuple[LocalEnvironment, bytes]:
    server.reset()
    return provision(server.endpoint), server.freeze()


@pytest.fixture
def environment(provisioned: tuple[LocalEnvironment, bytes], aws: LocalAws) -> LocalEnvironment:
    """A local AWS with everything that the pipeline needs, and nothing else."""
    environment, frozen = provisioned
    aws.thaw(frozen)
    return environment


@pytest.fixture
def brewery(aws: LocalAws, environment: LocalEnvironment, clients: Clients) -> Brewery:
    """What DataBrew's tests work with, over a new local AWS."""
    return Brewery(aws, clients, environment)
