"""What is told of every operation.

Here: the catalogue and the declarations brought together. Not here: pages (test_reference.py).
"""

from cleanroom_pipeline.recipe.described import (
    all_operations,
    counts_by_status,
    described,
    operations_text,
)
from cleanroom_pipeline.recipe.operations import registry
from cleanroom_pipeline.recipe.operations.catalogue import OPERATIONS
from cleanroom_pipeline.recipe.operations.declaration import Status


def test_every_operation_has_a_status_and_is_refused_for_a_reason_or_described() -> None:
    found = all_operations()
    assert [one.operation for one in found] == list(OPERATIONS)
    for one in found:
        assert (one.status is Status.REFUSED) == (one.reason is not None)
        assert one.reason or one.doc


def test_the_status_is_the_declared_one_with_its_parameters() -> None:
    declared = registry()["CRYPTOGRAPHIC_HASH"]
    found = described("CRYPTOGRAPHIC_HASH").to_json()
    assert (found["status"], found["family"], found["tier"]) == (declared.status.value, "pii", 1)
    by_name = {one["name"]: one for one in found["parameters"]}
    assert by_name["sourceColumns"]["required"] is True
    assert by_name["algorithm"]["default"] == "HMAC_SHA256"
    assert "SHA512" in by_name["algorithm"]["choices"]
    assert by_name["algorithm"]["kind"] == "choice"


def test_what_belongs_to_a_session_is_refused_with_its_reason() -> None:
    found = described("GET_STEP_DATAFRAME")
    assert found.status is Status.REFUSED
    assert found.reason == OPERATIONS["GET_STEP_DATAFRAME"].reason
    assert found.parameters == ()


def test_the_table_ends_with_counts_that_add_up() -> None:
    found = all_operations()
    counts = counts_by_status(found)
    assert sum(counts.values()) == len(found) == 216
    assert operations_text(found).splitlines()[-1] == "216 operations: " + ", ".join(
        f"{counts[status]} {status.value}" for status in Status
    )
