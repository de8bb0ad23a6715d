"""A connector profile whose token has expired, and the pull that gets a new one.

Here: leaving the old token, showing that AppFlow refuses it, reading back what the pull did. Not
here: how a token is refreshed (`inbound.connector_token`).
"""

import json
import time
import urllib.request
from typing import Any

import dagster as dg
import urllib3

from cleanroom_pipeline.aws.connector_profiles import put_profile
from cleanroom_pipeline.flows import FAILED, flow_desk
from cleanroom_pipeline.inbound.connector_profile import (
    create_profile_request,
    read_credentials,
    update_profile_request,
)
from cleanroom_pipeline.inbound.connector_token import refresh_connector_token
from cleanroom_pipeline.inbound.marketing_cloud import issue_token

LIFETIME_SECONDS = 1


class TokenDemoError(RuntimeError):
    """The walk did not show what it was to show of a token."""


def leave_expired_token(resources: Any, endpoint: str, connector: str, secret: str) -> str:
    """Put a token into the connector's profile, let it expire; return AppFlow's words about it."""
    script = json.dumps({"status": 200, "expires_in": LIFETIME_SECONDS, "times": 1}).encode()
    # The address is that of the local AWS, which listens on loopback alone.
    request = urllib.request.Request(  # noqa: S310
        f"{endpoint}/_local/token/outcomes", data=script, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30), urllib3.PoolManager() as pool:  # noqa: S310
        credentials = read_credentials(secret, resources.secrets.current(secret).text)
        token = issue_token(credentials, pool)
    put_profile(
        resources.appflow.client,
        create_profile_request(connector, credentials, token),
        update_profile_request(connector, credentials, token),
    )
    time.sleep(token.expires_in)
    with flow_desk() as desk:
        (applied,) = desk.apply([connector])
    if applied.action != FAILED:
        raise TokenDemoError(f"AppFlow took flow {applied.flow} in spite of an expired token.")
    return applied.note


def refreshed_token(instance: dg.DagsterInstance, job: str) -> str:
    """Return what the newest run of a pull job says of the token that it got."""
    (record,) = instance.get_run_records(dg.RunsFilter(job_name=job), limit=1)
    for entry in instance.all_logs(record.dagster_run.run_id, dg.DagsterEventType.STEP_OUTPUT):
        event = entry.dagster_event
        if event and event.step_key == refresh_connector_token.name:
            told = event.step_output_data.metadata
            return (
                f"the pull put a new one into profile {told['connector_profile'].value}, good for "
                f"{told['token_lifetime_seconds'].value} s"
            )
    raise TokenDemoError(f"No step of {job} says that it got a token.")
