"""`cleanroom batch`: what arrived, what was cut of it, and what a person may do about it.

Here: its commands. Not here: what they do (`batches`, `inbound.by_hand`).
"""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cleanroom_pipeline.cli.shared import STATE_DIR, AsJson, StateDir, fail, load_environment

if TYPE_CHECKING:
    from cleanroom_pipeline.batches import BatchDesk

batch_app = typer.Typer(
    no_args_is_help=True,
    help="Deliveries and their batches: what waits, what was cut, what failed.",
)

Connector = Annotated[str, typer.Argument(help="The connector's name.")]
BatchId = Annotated[str, typer.Argument(help="The batch's id.")]


@contextmanager
def desk(connector: str, state_dir: Path) -> Iterator["BatchDesk"]:
    """Open a connector's desk; an error that a person can do something about is told, and ends."""
    load_environment(state_dir)
    from cleanroom_pipeline.batches import batch_desk
    from cleanroom_pipeline.inbound.by_hand import CutRefusedError
    from cleanroom_pipeline.ledger import LedgerError
    from cleanroom_pipeline.records import MissingRecordError
    from cleanroom_pipeline.status import UnknownConnectorError

    try:
        with batch_desk(connector) as opened:
            yield opened
    except CutRefusedError as error:
        fail(str(error), code=1)
    except (LedgerError, MissingRecordError, UnknownConnectorError) as error:
        fail(str(error))


def tell(
    found: Mapping[str, Any], text: Callable[[Mapping[str, Any]], str], *, as_json: bool
) -> None:
    """Print a document, or the text of it."""
    typer.echo(json.dumps(found, indent=2) if as_json else text(found))


@batch_app.command("list")
def batch_list(
    connector: Connector,
    limit: Annotated[int, typer.Option(min=1, help="How many batches.")] = 20,
    state_dir: StateDir = STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Show what waits to become a batch, and for what; then the newest batches."""
    from cleanroom_pipeline.batches import list_text

    with desk(connector, state_dir) as opened:
        tell(opened.list(limit), list_text, as_json=as_json)


@batch_app.command("show")
def batch_show(
    connector: Connector,
    batch_id: Annotated[str, typer.Argument(help="The batch's id, or `open`.")],
    state_dir: StateDir = STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Show one batch: its state, why it was cut, its files. `open` is the one not cut yet."""
    from cleanroom_pipeline.batches import show_text

    with desk(connector, state_dir) as opened:
        tell(opened.show(batch_id), show_text, as_json=as_json)


@batch_app.command("cut")
def batch_cut(
    connector: Connector,
    reason: Annotated[str, typer.Option(help="Why; it is kept in the manifest.")],
    again: Annotated[
        str | None,
        typer.Option(help="A batch that failed: cut what is left of its files as a new one."),
    ] = None,
    state_dir: StateDir = STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Cut what is pending now, though its completion policy still waits."""
    from cleanroom_pipeline.batches import show_text
    from cleanroom_pipeline.inbound.by_hand import cut_again, cut_pending

    with desk(connector, state_dir) as opened:
        if again is None:
            policy = opened.settings.policy
            manifest = cut_pending(opened.intake, connector, policy, reason=reason)
        else:
            manifest = cut_again(opened.intake, opened.batch(again), reason=reason)
        tell(opened.show(manifest.batch_id), show_text, as_json=as_json)


@batch_app.command("rerun")
def batch_rerun(
    connector: Connector,
    batch_id: BatchId,
    state_dir: StateDir = STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Ask for another run of a batch that failed or is published; its sensor requests it."""
    from cleanroom_pipeline.batches import show_text
    from cleanroom_pipeline.inbound.by_hand import run_again

    with desk(connector, state_dir) as opened:
        run_again(opened.intake, opened.batch(batch_id), at=opened.now())
        tell(opened.show(batch_id), show_text, as_json=as_json)
