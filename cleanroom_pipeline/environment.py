"""Where the command line finds its AWS.

Here: the environment's own variables, or the file that a running local AWS leaves. Not here: how a
run in Dagster is configured (`resources`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NEEDED = (
    "AWS_REGION",
    "CLEANROOM_INBOUND_BUCKET",
    "CLEANROOM_TRANSFORMED_BUCKET",
    "CLEANROOM_INBOUND_QUEUE_URL",
    "CLEANROOM_LEDGER_TABLE",
    "CLEANROOM_TOPIC_ARN",
    "CLEANROOM_KMS_KEY_ARN",
    "CLEANROOM_DATABREW_ROLE_ARN",
)
# Shown where they are set; none of them is a credential.
ALSO_SHOWN = (
    "AWS_ENDPOINT_URL",
    "AWS_PROFILE",
    "CLEANROOM_ASSUME_ROLE_ARN",
    "CLEANROOM_DATABREW_EVENTS_QUEUE",
)


class MissingEnvironmentError(LookupError):
    """Neither the environment nor a local AWS says where the pipeline is."""


@dataclass(frozen=True, slots=True)
class Environment:
    """Variables to set, and those that may be shown: on real AWS, no credential is among them."""

    variables: dict[str, str]
    shown: dict[str, str]


def read_env_file(path: Path) -> dict[str, str]:
    """Read `KEY=value` lines; ValueError names a line that is none."""
    environment = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        name, equals, value = line.partition("=")
        if line and not equals:
            raise ValueError(f"{path}, line {number}: no KEY=value.")
        if line:
            environment[name] = value
    return environment


def resolve_environment(environ: Mapping[str, str], local_file: Path) -> Environment:
    """Return the environment's own settings, or those of the local AWS where it has none at all.

    A half-set environment is an error: mixing a real account with the local AWS helps nobody.
    """
    have = {name: environ[name] for name in NEEDED if environ.get(name)}
    missing = [name for name in NEEDED if name not in have]
    if not missing:
        shown = have | {name: environ[name] for name in ALSO_SHOWN if name in environ}
        return Environment({}, shown)
    if any(name.startswith("CLEANROOM_") for name in have):
        raise MissingEnvironmentError(
            f"The environment sets some of the pipeline's variables and lacks {', '.join(missing)}."
        )
    if local_file.is_file():
        local = read_env_file(local_file)
        return Environment(local, local)
    raise MissingEnvironmentError(
        f"No pipeline is in sight: the environment lacks {', '.join(missing)}, and no local AWS "
        f"has left {local_file}. Start one with `make ui`, or set the variables."
    )
