import importlib
import pkgutil
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

import cleanroom_pipeline
from cleanroom_pipeline.model import without_addresses
from cleanroom_pipeline.notify.message import (
    SAFE_ERRORS,
    Failure,
    Outcome,
    RunFacts,
    build_message,
    stage_of,
)

BATCH = "20261124T120000Z-00000001"
PUBLISHED = RunFacts(
    Outcome.PUBLISHED,
    run_id="r1",
    job="shop__batch_job",
    connector="shop",
    batch_id=BATCH,
    rows_in=10,
    rows_out=9,
    table="marketing.shop",
)

anything = st.text(max_size=300)
maybe = st.none() | anything
CONTROLS = {chr(code) for code in (*range(32), 127)} - {"\t", "\n"}
facts = st.builds(
    RunFacts,
    outcome=st.sampled_from(Outcome),
    run_id=anything,
    job=anything,
    connector=anything,
    batch_id=maybe,
    rows_in=st.none() | st.integers(0, 10**12),
    rows_out=st.none() | st.integers(0, 10**12),
    table=maybe,
    superseded_by=maybe,
    failure=st.none() | st.builds(Failure, anything, anything, maybe),
)


@given(facts=facts)
def test_any_facts_give_a_message_that_sns_takes(facts: RunFacts) -> None:
    message = build_message(facts)
    assert 1 <= len(message.subject) < 100
    assert message.subject.isascii()
    assert message.subject.isprintable()
    assert 1 <= len(message.text.encode()) <= 256 * 1024 - 20_000
    assert not set(message.text) & CONTROLS
    assert all(message.attributes.values())
    assert len(message.attributes) <= 10


@given(
    before=st.text(max_size=50),
    name=st.text("abc.+-_/", min_size=1),
    at=st.sampled_from(["@", "%40"]),
    after=st.text(max_size=50),
)
def test_no_word_that_may_be_an_address_is_passed_on(
    before: str, name: str, at: str, after: str
) -> None:
    reason = f"{before} inbound/{name}{at}example.com.csv: is empty {after}"
    failure = Failure("shop__inbound_files", "FileReadError", reason)
    text = build_message(RunFacts(Outcome.FAILED, "r", "j", "s", BATCH, failure=failure)).text
    assert not any(sign in text for sign in ("@", "%40", "example.com"))
    assert "is empty" in text


def test_all_but_addresses_is_passed_on_as_it_is() -> None:
    assert without_addresses("a.csv, line 2:\n  x\ty") == "a.csv, line 2:\n  x\ty"
    assert without_addresses("from <a@b.example>, not c") == "from (address) not c"


def test_a_text_of_any_length_fits_in_bytes() -> None:
    failure = Failure("shop__inbound_files", "FileReadError", "é" * 300_000)
    message = build_message(RunFacts(Outcome.FAILED, "r", "j", "shop", BATCH, failure=failure))
    assert len(message.text.encode()) <= 256 * 1024 - 20_000


def test_a_subject_of_any_length_fits() -> None:
    subject = build_message(RunFacts(Outcome.FAILED, "r", "j", "s" * 300, BATCH)).subject
    assert len(subject) == 99
    assert subject.endswith("...")


def test_a_batch_that_went_through() -> None:
    message = build_message(PUBLISHED)
    assert message.subject == f"Clean room pipeline: shop published, batch {BATCH}"
    assert message.text == (
        "A batch of shop went through.\n\n"
        f"Batch: {BATCH}\n"
        "Table: marketing.shop\n"
        "Rows:  10 in, 9 out\n"
        "Run:   r1 of shop__batch_job\n\n"
        "Nothing is to be done."
    )
    assert message.attributes == {
        "Source": "shop__batch_job",
        "PipelineResult": "published",
        "connector": "shop",
        "outcome": "published",
        "batch": BATCH,
    }


def test_a_batch_that_an_even_newer_one_hides() -> None:
    newer = RunFacts(
        Outcome.PUBLISHED, "r1", "j", "shop", BATCH, table="m.shop", superseded_by="later"
    )
    assert "Table: m.shop, which goes on showing the newer later" in build_message(newer).text


def test_a_failed_batch_says_where_why_and_what_to_do() -> None:
    failure = Failure("shop__transformed_table.wait_for_databrew_run", "ExternalRunError", "No.")
    message = build_message(
        RunFacts(Outcome.FAILED, "r1", "shop__batch_job", "shop", BATCH, failure=failure)
    )
    assert message.subject == f"Clean room pipeline: shop failed, batch {BATCH}"
    assert message.text == (
        "A run of shop failed; the earlier table is unchanged.\n\n"
        f"Batch: {BATCH}\n"
        "Stage: transformed_table\n"
        "Error: ExternalRunError\n"
        "Why:   No.\n"
        "Run:   r1 of shop__batch_job\n\n"
        "Next: put right what the run's error names, and run the batch again:\n"
        f"dagster job backfill -w workspace.yaml -j shop__batch_job --partitions {BATCH}"
    )
    assert message.attributes == {
        "Source": "shop__batch_job",
        "PipelineResult": "failed",
        "Cause": "ExternalRunError",
        "connector": "shop",
        "outcome": "failed",
        "batch": BATCH,
        "stage": "transformed_table",
    }


def test_a_cancelled_batch_says_how_far_it_came_and_how_to_run_it_after_all() -> None:
    stopped = Failure("shop__transformed_table", "DagsterExecutionInterruptedError", None)
    message = build_message(
        RunFacts(Outcome.CANCELLED, "r1", "shop__batch_job", "shop", BATCH, failure=stopped)
    )
    assert message.subject == f"Clean room pipeline: shop cancelled, batch {BATCH}"
    assert message.text == (
        "A run of shop was cancelled; the earlier table is unchanged.\n\n"
        f"Batch: {BATCH}\n"
        "Stage: transformed_table\n"
        "Run:   r1 of shop__batch_job\n\n"
        "Next: run the batch again:\n"
        f"dagster job backfill -w workspace.yaml -j shop__batch_job --partitions {BATCH}"
    )


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            RunFacts(
                Outcome.FAILED,
                *("r", "j", "shop", BATCH),
                failure=Failure("shop__glue_table", "PublishError", "Rows differ."),
            ),
            "failed; the earlier table is unchanged.",
        ),
        (
            RunFacts(
                Outcome.FAILED,
                *("r", "j", "shop", BATCH),
                failure=Failure("shop__glue_table", "ClientError", None),
            ),
            "failed; `cleanroom status` tells which batch its table shows.",
        ),
        (
            RunFacts(Outcome.CANCELLED, "r", "j", "shop", BATCH),
            "was cancelled; `cleanroom status` tells which batch its table shows.",
        ),
        (
            RunFacts(Outcome.FAILED, "r", "j", "shop", BATCH, table="m.shop"),
            "failed; its table was published before.",
        ),
    ],
)
def test_the_table_is_called_unchanged_only_where_that_is_known(facts: RunFacts, said: str) -> None:
    assert build_message(facts).text.startswith(f"A run of shop {said}\n")


def test_a_run_that_died_between_steps_sends_people_to_the_run() -> None:
    message = build_message(RunFacts(Outcome.FAILED, "r", "j", "shop", BATCH))
    assert "Why:   see the run: no step of it failed\nRun:   r of j" in message.text
    assert "stage" not in message.attributes


def test_a_run_that_failed_outside_its_steps_has_no_stage() -> None:
    failure = Failure("", "SecretError", "Secret 'salt' can't be read.")
    message = build_message(RunFacts(Outcome.FAILED, "r", "j", "shop", BATCH, failure=failure))
    assert "Stage" not in message.text
    assert "Error: SecretError\nWhy:   Secret 'salt' can't be read.\n" in message.text
    assert "stage" not in message.attributes


def test_a_command_that_people_paste_holds_no_more_than_one_command() -> None:
    hostile = "x; rm -rf ~"
    message = build_message(RunFacts(Outcome.CANCELLED, "r", "j", "shop", hostile))
    command = message.text.splitlines()[-1]
    assert shlex.split(command)[-2:] == ["--partitions", hostile]


def test_a_failed_pull_says_to_launch_it_again() -> None:
    message = build_message(RunFacts(Outcome.FAILED, "r1", "shop__pull_job", "shop"))
    assert message.text.endswith("launch shop__pull_job again.")


def test_an_error_of_others_is_named_and_not_repeated() -> None:
    failure = Failure("shop__inbound_files", "ValueError", None)
    message = build_message(RunFacts(Outcome.FAILED, "r", "j", "shop", BATCH, failure=failure))
    assert "Error: ValueError\nWhy:   see the run: the text of this error may hold data" in (
        message.text
    )


def test_a_step_tells_its_stage() -> None:
    assert stage_of("shop_a__glue_table") == "glue_table"
    assert stage_of("shop__transformed_table.start_databrew_run") == "transformed_table"
    assert stage_of("wait_for_appflow_run") == "wait_for_appflow_run"


# Errors that a run of ours can't end with, or whose texts repeat what stands in a file.
NOT_TOLD = {
    "ConnectorError": "the code location does not load",
    "OverlapError": "the code location does not load",
    "DataBrewUnavailableError": "a start and a wait handle it",
    "FileListError": "a completion policy handles it",
    "LaunchError": "the command line's",
    "MessageError": "a tick handles it",
    "MissingEnvironmentError": "the command line's",
    "NotParquetError": "publishing handles it",
    "PolicySettingError": "the code location does not load",
    "QueueUnavailableError": "a wait handles it",
    "RecordError": "it may repeat a field of a stored record",
    "RunNotFoundError": "a start and a wait handle it",
    "StartConflictError": "a start handles it",
    "StartQuotaError": "a start handles it",
    "StartUnansweredError": "a start handles it",
    "StepError": "checking a recipe handles it",
    "UnknownConnectorError": "the command line's",
    "UnknownProfileError": "the code location does not load",
    "ValueProblem": "checking a recipe handles it",
}


def test_every_error_of_the_package_is_told_or_there_is_a_reason_not_to() -> None:
    defined = set()
    for module in pkgutil.walk_packages(cleanroom_pipeline.__path__, "cleanroom_pipeline."):
        if module.name.split(".")[1] in {"local_aws", "demo", "cli", "connectors"}:
            continue
        for name, thing in vars(importlib.import_module(module.name)).items():
            if (
                isinstance(thing, type)
                and issubclass(thing, Exception)
                and thing.__module__ == module.name
            ):
                defined.add(name)
    assert defined >= SAFE_ERRORS
    assert defined - SAFE_ERRORS == set(NOT_TOLD)
