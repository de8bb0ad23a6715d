"""What it means that a recipe leaves no row: one rule for both engines.

Here: that decision. Not here: counting rows.
"""

from typing import Literal

OnZeroRows = Literal["fail", "publish"]


class ZeroRowsError(RuntimeError):
    """A recipe left none of a batch's rows, and its connector does not publish an empty table."""


def check_rows(connector: str, rows_in: int, rows_out: int, on_zero_rows: OnZeroRows) -> None:
    """Raise ZeroRowsError where rows came in and none went out, unless that is to be published."""
    if rows_in and not rows_out and on_zero_rows == "fail":
        raise ZeroRowsError(
            f"The recipe of {connector} left none of {rows_in} rows. Does a condition of it never "
            "hold? If an empty table is what you want, set `on_zero_rows: publish`."
        )
