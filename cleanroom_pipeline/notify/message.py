"""What people are told about a run, in words and in attributes that machines filter by.

Here: pure functions from facts to a message within SNS's limits. Not here: how facts are gathered.
No message holds a row's value or a secret: the text of an error is passed on only where the error
is one of ours. Such a text may name files and columns, and repeats what DataBrew or AppFlow says;
as people write addresses into those too, a word with an `@` is never passed on.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from cleanroom_pipeline.model import (
    Notice,
    NoticeKind,
    Stage,
    on_one_line,
    utc_text,
    without_addresses,
)

# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html: a subject has less than 100
# characters; text and attributes together have at most 256 KiB.
LONGEST_SUBJECT = 99
LONGEST_TEXT_BYTES = 200_000
LONGEST_ATTRIBUTE = 1_000
LONGEST_REASON = 2_000

SAFE_ERRORS = frozenset(
    {
        "AppFlowInUseError",
        "CipherError",
        "ConnectorProfileError",
        "CostLimitError",
        "CredentialsError",
        "CutRefusedError",
        "EngineError",
        "EnvelopeError",
        "ExternalRunError",
        "FileReadError",
        "InsecureUrlError",
        "FlowRefusedError",
        "ForeignFlowError",
        "LedgerBusyError",
        "LedgerError",
        "ManifestError",
        "MissingDatabaseError",
        "MissingDatasetError",
        "MissingRecordError",
        "MixedFormatsError",
        "NotReadyError",
        "ObjectGoneError",
        "OutOfMemoryError",
        "PatternError",
        "PublishError",
        "PutFailuresError",
        "RecipeError",
        "RecordsMissingError",
        "RunCanceledError",
        "RunDeadlineError",
        "RunFailedError",
        "RunOutputError",
        "RunTimedOutError",
        "RunVanishedError",
        "SchemaMismatchError",
        "SecretError",
        "StagingError",
        "StartRefusedError",
        "TableChangedError",
        "TokenAnswerError",
        "TokenError",
        "TokenRefusedError",
        "TokenUnavailableError",
        "UnknownKindError",
        "UnknownStateError",
        "UnmappableTypeError",
        "UnmaskableValueError",
        "ZeroRowsError",
        "UnreadableRecipeError",
        "UnversionedBucketError",
        "WindowError",
    }
)


_UNTOLD = "see the run: the text of this error may hold data"
_CONTROLS = {code: "?" for code in (*range(32), 127) if chr(code) not in "\t\n"}


class Outcome(StrEnum):
    """How a run ended."""

    PUBLISHED = "published"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Failure:
    """Which step failed, and how: the class of the error and, if it is one of ours, its text.

    `step` is empty where the run failed outside its steps.
    """

    step: str
    error: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What is known of a run that ended."""

    outcome: Outcome
    run_id: str
    job: str
    connector: str
    batch_id: str | None = None
    rows_in: int | None = None
    rows_out: int | None = None
    table: str | None = None
    superseded_by: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """A message as SNS takes it."""

    subject: str
    text: str
    attributes: dict[str, str]


def printable(text: str, longest: int) -> str:
    """Return the text in printable ASCII, on one line, cut to `longest`."""
    kept = "".join(c if c.isascii() and c.isprintable() else "?" for c in " ".join(text.split()))
    return kept if len(kept) <= longest else kept[: longest - 3] + "..."


def stage_of(step: str) -> str:
    """Return the stage that a step key belongs to: `shop__glue_table` is of `glue_table`."""
    return step.partition(".")[0].rpartition("__")[2]


def build_notice_message(notice: Notice) -> Message:
    """Return the message of a notice, whatever it is about."""
    if notice.kind is NoticeKind.EMPTY:
        return build_empty_message(notice)
    return build_overdue_message(notice)


def build_empty_message(notice: Notice) -> Message:
    """Return the message that a pull went well and brought nothing. No batch was made of it."""
    lines = [
        f"A pull of {notice.connector} brought nothing: nothing was new. Its table is unchanged.",
        "",
        f"Found: {utc_text(notice.since)}",
        f"Why:   {on_one_line(without_addresses(notice.waiting_for))}",
        "",
        "Nothing is to be done, unless something should have been there: then look at the source.",
    ]
    return Message(
        subject=printable(f"Clean room pipeline: {notice.connector} empty", LONGEST_SUBJECT),
        text=_text(lines),
        attributes={
            "Source": f"{notice.connector}__quiet_period_sensor",
            "PipelineResult": "empty",
            "connector": notice.connector,
            "outcome": "empty",
        },
    )


def build_overdue_message(notice: Notice) -> Message:
    """Return the message that a delivery is overdue. Nothing was cut, and nothing will be."""
    lines = [
        f"A delivery of {notice.connector} is not whole, and should be.",
        "",
        f"First object: {utc_text(notice.since)}",
        f"Deadline:     {utc_text(notice.deadline)}",
        f"Waiting for:  {on_one_line(without_addresses(notice.waiting_for))}",
        *(f"Missing:      {on_one_line(without_addresses(name))}" for name in notice.missing),
        "",
        "It is cut once it is whole. To cut what is there as it is:",
        f"cleanroom batch cut {notice.connector} --reason ...",
    ]
    return Message(
        subject=printable(f"Clean room pipeline: {notice.connector} overdue", LONGEST_SUBJECT),
        text=_text(lines),
        attributes={
            "Source": f"{notice.connector}__quiet_period_sensor",
            "PipelineResult": "overdue",
            "connector": notice.connector,
            "outcome": "overdue",
        },
    )


def _text(lines: Iterable[str]) -> str:
    text = "\n".join(lines).translate(_CONTROLS)
    return text.encode(errors="replace")[:LONGEST_TEXT_BYTES].decode(errors="ignore")


def build_message(facts: RunFacts) -> Message:
    """Return the message: subject, text for people, attributes for filters."""
    what = f"{facts.connector} {facts.outcome.value}"
    subject = f"Clean room pipeline: {what}" + (
        f", batch {facts.batch_id}" if facts.batch_id else ""
    )
    return Message(
        subject=printable(subject, LONGEST_SUBJECT),
        text=_text(_lines(facts)),
        attributes=_attributes(facts),
    )


def _lines(facts: RunFacts) -> list[str]:
    lines = [_headline(facts), ""]
    if facts.batch_id:
        lines.append(f"Batch: {facts.batch_id}")
    if facts.table:
        shown = f", which goes on showing the newer {facts.superseded_by}"
        lines.append(f"Table: {facts.table}{shown if facts.superseded_by else ''}")
    if facts.rows_in is not None and facts.rows_out is not None:
        lines.append(f"Rows:  {facts.rows_in} in, {facts.rows_out} out")
    lines += _failure_lines(facts)
    lines += [f"Run:   {facts.run_id} of {facts.job}", "", _advice(facts)]
    return lines


def _failure_lines(facts: RunFacts) -> list[str]:
    failure = facts.failure
    if facts.outcome is Outcome.PUBLISHED:
        return []
    if failure is None:
        return (
            ["Why:   see the run: no step of it failed"] if facts.outcome is Outcome.FAILED else []
        )
    lines = [f"Stage: {stage_of(failure.step)}"] if failure.step else []
    if facts.outcome is Outcome.FAILED:
        why = without_addresses(failure.reason or "") or _UNTOLD
        lines += [f"Error: {failure.error}", f"Why:   {why}"]
    return lines


def _headline(facts: RunFacts) -> str:
    if facts.outcome is Outcome.PUBLISHED:
        return f"A batch of {facts.connector} went through."
    ended = "failed" if facts.outcome is Outcome.FAILED else "was cancelled"
    return f"A run of {facts.connector} {ended}; {_table_now(facts)}"


def _table_now(facts: RunFacts) -> str:
    """Say what readers see: of a run that ended while it published, that is not known."""
    if facts.table:
        return "its table was published before."
    failure = facts.failure
    if failure and (stage_of(failure.step) != Stage.GLUE_TABLE or failure.reason):
        return "the earlier table is unchanged."
    return "`cleanroom status` tells which batch its table shows."


def _advice(facts: RunFacts) -> str:
    """Say what to do; a partition key comes from outside, and people paste what they are told."""
    if facts.outcome is Outcome.PUBLISHED:
        return "Nothing is to be done."
    first = "put right what the run's error names, and "
    next_ = f"Next: {first if facts.outcome is Outcome.FAILED else ''}"
    if not facts.batch_id:
        return f"{next_}launch {facts.job} again."
    return (
        f"{next_}run the batch again:\ndagster job backfill -w workspace.yaml -j {facts.job} "
        f"--partitions {shlex.quote(facts.batch_id)}"
    )


def _attributes(facts: RunFacts) -> dict[str, str]:
    failure = facts.failure
    attributes = {
        "Source": facts.job,
        "PipelineResult": facts.outcome.value,
        "Cause": failure.error if failure else None,
        "connector": facts.connector,
        "outcome": facts.outcome.value,
        "batch": facts.batch_id,
        "stage": stage_of(failure.step) if failure else None,
    }
    shown = {name: printable(value or "", LONGEST_ATTRIBUTE) for name, value in attributes.items()}
    return {name: value for name, value in shown.items() if value}
