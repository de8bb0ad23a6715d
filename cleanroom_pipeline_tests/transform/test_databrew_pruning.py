"""What of a connector may go from DataBrew."""

from collections.abc import Collection
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cleanroom_pipeline.aws.databrew import JobEntry, NamedEntry, RecipeJobSettings
from cleanroom_pipeline.transform.databrew_pruning import MOST_AT_ONCE, Listed, Pruning, to_prune
from cleanroom_pipeline_tests.transform.brewing import JOB, SHOP, Brewing, settings
from cleanroom_pipeline_tests.transform.stand_ins import BEGAN

NOW = BEGAN + timedelta(days=30)
R1, R2, R3 = ("shop-" + digit * 12 for digit in "abc")


def batch(number: int) -> str:
    return f"202611{number:02d}T031500Z-3f9a1c2b"


def job(number: int, recipe: str = R1, *, of: str = SHOP) -> JobEntry:
    return JobEntry(f"{of}-{batch(number)}", BEGAN + timedelta(days=number), recipe)


def dataset(number: int, *, hours: float = 48, suffix: str = "") -> NamedEntry:
    return NamedEntry(f"{SHOP}-{batch(number)}{suffix}", NOW - timedelta(hours=hours))


def recipe(name: str, *, hours: float = 48) -> NamedEntry:
    return NamedEntry(name, NOW - timedelta(hours=hours))


def prune(
    listed: Listed,
    *,
    keep: int = 2,
    current: str = R1,
    active: Collection[str] = (),
    running: Collection[str] = (),
) -> Pruning:
    return to_prune(
        SHOP,
        listed,
        keep=keep,
        current_recipe=current,
        active=active,
        has_run=lambda name: name in running,
        now=NOW,
    )


def test_the_newest_jobs_stay_and_a_dataset_goes_with_its_job() -> None:
    listed = Listed([job(n) for n in (3, 1, 4, 2)], [dataset(n, hours=1) for n in (1, 2, 3, 4)], [])
    found = prune(listed)
    gone = {f"{SHOP}-{batch(1)}", f"{SHOP}-{batch(2)}"}
    assert set(found.jobs) == gone
    assert set(found.datasets) == gone


def test_a_job_whose_batch_is_active_or_whose_run_goes_on_stays_and_so_do_its_things() -> None:
    listed = Listed(
        [job(1, R2), job(2, R3), job(3), job(4), job(5)],
        [dataset(n) for n in (1, 2, 3)],
        [recipe(R1), recipe(R2), recipe(R3)],
    )
    found = prune(listed, active={batch(1)}, running={f"{SHOP}-{batch(2)}"})
    assert found == Pruning((f"{SHOP}-{batch(3)}",), (f"{SHOP}-{batch(3)}",), ())


def test_a_recipe_stays_while_a_job_has_it_or_the_connector_or_it_is_young() -> None:
    listed = Listed([job(1, R2)], [], [recipe(R1), recipe(R2), recipe(R3)])
    assert prune(listed, current=R1).recipes == (R3,)
    assert prune(listed, current=R3).recipes == (R1,)
    young = Listed([], [], [recipe(R2, hours=1), recipe(R3, hours=25)])
    assert prune(young).recipes == (R3,)


def test_a_dataset_without_a_job_goes_when_it_is_old_and_its_batch_is_not_active() -> None:
    listed = Listed([], [dataset(1), dataset(2, hours=1), dataset(3)], [])
    assert prune(listed, active={batch(3)}).datasets == (f"{SHOP}-{batch(1)}",)


def test_what_a_comparison_of_engines_left_goes_when_it_is_old() -> None:
    left = JobEntry(f"{SHOP}-{batch(1)}-parity", NOW - timedelta(days=2), R2)
    new = JobEntry(f"{SHOP}-{batch(2)}-parity", NOW - timedelta(hours=2), R3)
    listed = Listed(
        [left, new, job(3), job(4)],
        [dataset(1, suffix="-parity"), dataset(2, suffix="-parity")],
        [recipe(R2), recipe(R3)],
    )
    assert prune(listed) == Pruning((left.name,), (left.name,), (R2,))


@pytest.mark.parametrize(
    "name",
    [
        "shop_a-20261101T031500Z-3f9a1c2b",
        "nightly",
        "shop-nightly",
        "a-shop-20261101T031500Z-3f9a1c2b",
    ],
)
def test_what_is_not_the_connectors_is_never_touched(name: str) -> None:
    others = [JobEntry(name, BEGAN, "somebodys")]
    listed = Listed(others, [NamedEntry(name, BEGAN)], [recipe("shop_a-" + "a" * 12), recipe(name)])
    assert prune(listed, keep=0) == Pruning((), (), ())


@given(
    st.lists(st.integers(1, 28), unique=True, max_size=MOST_AT_ONCE),
    st.integers(0, 30),
    st.sets(st.integers(1, 28)),
    st.sets(st.integers(1, 28)),
)
def test_as_many_stay_as_are_to_be_kept_and_none_that_is_needed_goes(
    numbers: list[int], keep: int, active: set[int], running: set[int]
) -> None:
    listed = Listed([job(number) for number in numbers], [], [])
    found = prune(
        listed,
        keep=keep,
        active={batch(number) for number in active},
        running={f"{SHOP}-{batch(number)}" for number in running},
    )
    gone = {number for number in numbers if f"{SHOP}-{batch(number)}" in found.jobs}
    assert len(numbers) - len(gone) >= min(keep, len(numbers))
    assert not gone & (active | running)
    oldest_first = sorted(numbers)
    may_go = oldest_first[: max(0, len(numbers) - keep)]
    assert gone == set(may_go) - active - running


def test_no_more_go_at_once_than_a_batch_can_wait_for_and_the_oldest_go_first() -> None:
    listed = Listed([job(number) for number in range(1, 29)], [], [])
    found = prune(listed, keep=0)
    assert found.jobs == tuple(f"{SHOP}-{batch(n)}" for n in range(1, MOST_AT_ONCE + 1))


def test_a_failure_of_pruning_fails_no_batch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = Brewing()

    def refuse(*_: object) -> None:
        raise RuntimeError("refused")

    monkeypatch.setattr(type(world.databrew), "recipes", refuse)
    world.process()
    assert world.transformed().external_run_id == "db_1"
    assert "What may be pruned of shop is not known." in caplog.text


def test_the_jobs_of_earlier_batches_go_after_a_batch_and_its_own_stays() -> None:
    world = Brewing(settings(keep_jobs=1))
    for number in (1, 2):
        name = f"{SHOP}-{batch(number)}"
        world.databrew.put_dataset(name)
        version = world.databrew.publish_recipe(R2)
        limits = ("transformed", "tables/", 1, 2, 0)
        world.databrew.put_job(RecipeJobSettings(name, name, R2, version, *limits, {}))
        world.bucket.put(f"staging/{SHOP}/{batch(number)}/000000.csv", b"left by a failed run")
        world.clock.sleep(60)
    world.process()
    assert [one.name for one in world.databrew.jobs()] == [JOB]
    assert [one.name for one in world.databrew.datasets()] == [JOB]
    assert not [key for key in world.bucket.all_keys if key.startswith("staging/")]
