"""The asset checks that hold the rows of a batch against what its provider says that it delivered.

Here: what is compared, and what a difference means. Not here: how rows are counted
(`recipe.inspection`), or where the provider's number comes from (`inbound.completion`).
"""

import dagster as dg

from cleanroom_pipeline.model import Manifest
from cleanroom_pipeline.records import InboundSummary

REPORTED_CHECK = "rows_as_reported"
RECONCILE_CHECK = "records_reconcile"


class RecordsMissingError(ValueError):
    """A pulled batch holds fewer rows than AppFlow says that it wrote."""


def rows_as_reported(manifest: Manifest, summary: InboundSummary) -> dg.AssetCheckResult:
    """Compare the rows that were read with what the provider says that it delivered.

    A warning and no more: what a provider counts as a record is its own affair.
    """
    found = summary.rows + summary.bad_rows
    return dg.AssetCheckResult(
        check_name=REPORTED_CHECK,
        passed=manifest.records in (None, found),
        severity=dg.AssetCheckSeverity.WARN,
        description=(
            "The provider reports no number of records."
            if manifest.records is None
            else f"The provider reports {manifest.records} records; {found} rows are there."
        ),
    )


def records_reconcile(manifest: Manifest, summary: InboundSummary) -> dg.AssetCheckResult:
    """Compare the rows of a pulled batch with AppFlow's recordsProcessed of its executions.

    Fewer rows are an error: a file is missing, or is not read to its end. More are a warning, since
    one record may be written as several rows. Rows that were put aside as bad are rows too. A batch
    that a person cut from what was left has no number to be held against.
    """
    found = summary.rows + summary.bad_rows
    reported = manifest.records
    aside = f", of which {summary.bad_rows} were put aside as bad" if summary.bad_rows else ""
    few = reported is not None and found < reported
    return dg.AssetCheckResult(
        check_name=RECONCILE_CHECK,
        passed=reported in (None, found),
        severity=dg.AssetCheckSeverity.ERROR if few else dg.AssetCheckSeverity.WARN,
        description=(
            "No execution of AppFlow tells how many records there are: a person cut this batch."
            if reported is None
            else f"AppFlow reports {reported} records; {found} rows are there{aside}."
        ),
        metadata={
            "rows": summary.rows,
            "bad_rows": summary.bad_rows,
            **({} if reported is None else {"records_processed": reported}),
        },
    )


def check_spec(asset: dg.AssetKey, *, pulled: bool) -> dg.AssetCheckSpec:
    """Return the check of a connector's row counts: that of a pull blocks what comes after."""
    return dg.AssetCheckSpec(
        RECONCILE_CHECK if pulled else REPORTED_CHECK,
        asset=asset,
        blocking=pulled,
        description=(
            "As many rows are there as AppFlow says that it wrote."
            if pulled
            else "As many rows are there as the provider reports."
        ),
    )


def missing_records(manifest: Manifest, result: dg.AssetCheckResult) -> RecordsMissingError | None:
    """Return the error that a check's result calls for, which says what to do."""
    if result.passed or result.severity is not dg.AssetCheckSeverity.ERROR:
        return None
    return RecordsMissingError(
        f"Batch {manifest.batch_id} of {manifest.connector} is not whole: {result.description} "
        "Nothing of it is published. Run the pull again, or, to have these rows all the same: "
        f"cleanroom batch cut {manifest.connector} --again {manifest.batch_id} --reason ..."
    )
