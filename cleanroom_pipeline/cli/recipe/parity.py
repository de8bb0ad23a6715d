"""`cleanroom recipe parity`.

Here: the command. Not here: running both engines (`both_engines`), comparing (`recipe.parity`).
"""

import json
import uuid
from typing import Annotated

import typer

from cleanroom_pipeline.cli.recipe.diff import comparison_json
from cleanroom_pipeline.cli.recipe.options import ShowValues, tell, told_errors
from cleanroom_pipeline.cli.shared import STATE_DIR, AsJson, StateDir, fail, load_environment
from cleanroom_pipeline.recipe.parity import comparison_text


def recipe_parity(
    connector: Annotated[str, typer.Argument(help="The connector's name.")],
    batch: Annotated[str, typer.Option(help="The batch's id.")],
    first: Annotated[int, typer.Option(min=1, help="How many cells to show.")] = 10,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Have DataBrew run, even where it has before.")
    ] = False,
    show_values: ShowValues = False,
    state_dir: StateDir = STATE_DIR,
    as_json: AsJson = False,
) -> None:
    """Run both engines on a batch and compare: exit code 0 the same rows, 1 different, 2 can't."""
    load_environment(state_dir)
    from cleanroom_pipeline.aws.databrew import DataBrewUnavailableError
    from cleanroom_pipeline.both_engines import both_engines
    from cleanroom_pipeline.external_runs import ExternalRunError
    from cleanroom_pipeline.model import RecordError
    from cleanroom_pipeline.records import MissingRecordError
    from cleanroom_pipeline.status import UnknownConnectorError
    from cleanroom_pipeline.transform.staging import StagingError

    told = (
        DataBrewUnavailableError,
        ExternalRunError,
        MissingRecordError,
        RecordError,
        StagingError,
        UnknownConnectorError,
    )
    with told_errors(recipe_code=2):
        try:
            with both_engines(connector) as opened:
                parity = opened.compare(batch, uuid.uuid4().hex[:8], fresh=fresh, most=first)
                recipe = opened.settings.parsed_recipe()
        except told as error:
            fail(str(error))
    if as_json:
        report = {"same_rows": parity.same, "ours": "local", "theirs": "databrew"}
        report |= comparison_json(parity.found, parity.who, show=show_values)
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        tell(comparison_text(parity.found, recipe, parity.who, show=show_values))
    raise typer.Exit(0 if parity.same else 1)
