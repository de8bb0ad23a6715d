"""Whether Clean Rooms will accept and correctly read a table: pure checks over known facts.

Here: facts, findings, and one table of checks, a family of which is one module. Not here: how the
facts are gathered, or what is done about a finding.

To add a check, write one function from facts to findings and add one row to its family's table.
"""

from cleanroom_pipeline.catalog.readiness import columns, files, partitions, table
from cleanroom_pipeline.catalog.readiness.facts import (
    Check,
    Finding,
    Severity,
    TableFacts,
    TableFile,
    storage_of,
)

CHECKS: tuple[Check, ...] = (
    *files.CHECKS,
    *table.CHECKS,
    *columns.CHECKS,
    *partitions.CHECKS,
)

__all__ = [
    "CHECKS",
    "Check",
    "Finding",
    "Severity",
    "TableFacts",
    "TableFile",
    "check_table",
    "markdown",
    "storage_of",
]


def check_table(facts: TableFacts) -> tuple[Finding, ...]:
    """Run every check; findings come in the order of the checks."""
    return tuple(
        Finding(check.check_id, check.severity, message, check.fix)
        for check in CHECKS
        for message in check.find(facts)
    )


def markdown(findings: tuple[Finding, ...]) -> str:
    """Return the findings as a Markdown table, for the Dagster UI."""
    if not findings:
        return f"All {len(CHECKS)} checks passed."
    rows = [f"| {f.check_id} | {f.severity} | {_cell(f.message)} | {f.fix} |" for f in findings]
    return "\n".join(["| check | severity | finding | fix |", "|---|---|---|---|", *rows])


def _cell(text: str) -> str:
    """Return the text so that no name in it, which may be anything, ends the cell or the row."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|")
