"""The op that gives an AppFlow connector profile a fresh token.

Here: in which order secret, token and profile are dealt with, and what a rotation changes. Not
here: what a secret must hold (`inbound.connector_profile`), the request for a token
(`inbound.marketing_cloud`), AppFlow's calls (`aws.connector_profiles`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import dagster as dg
import urllib3

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.aws.connector_profiles import put_profile
from cleanroom_pipeline.aws.secrets_manager import Secrets, SecretVersion
from cleanroom_pipeline.inbound.connector_profile import (
    AccessToken,
    Credentials,
    create_profile_request,
    read_credentials,
    update_profile_request,
)
from cleanroom_pipeline.inbound.marketing_cloud import PATIENCE, TokenRefusedError, issue_token
from cleanroom_pipeline.model import utc_text

UNAUTHORIZED = 401


class TokenSettings(dg.Config):
    """Whose credentials make a token, and which connector profile gets it."""

    secret: str
    profile: str
    minimum_lifetime_seconds: int = 60


@dataclass(frozen=True, slots=True)
class Granted:
    """A token, the credentials that it was given for, and the version of the secret they are of."""

    credentials: Credentials = field(repr=False)
    token: AccessToken
    version_id: str


def grant_token(
    secret: str,
    read: Callable[[], SecretVersion],
    issue: Callable[[Credentials], AccessToken],
    say: Callable[[str], None],
) -> Granted:
    """Read the secret and get a token for it, once more if it was rotated just then.

    A 401 may mean that the old credentials ended between our reading and our asking. So the secret
    is read once more, and asked with once more if it has another version or another value.
    """
    first = read()
    try:
        return _granted(secret, first, issue)
    except TokenRefusedError as refused:
        if refused.status != UNAUTHORIZED:
            raise
        fresh = read()
        if fresh == first:
            raise TokenRefusedError(
                f"{refused} The secret {secret!r} was read again and is the same.", refused.status
            ) from None
    say(f"Secret {secret!r} was rotated meanwhile: version {fresh.version_id} is asked with.")
    return _granted(secret, fresh, issue)


def _granted(
    secret: str, version: SecretVersion, issue: Callable[[Credentials], AccessToken]
) -> Granted:
    credentials = read_credentials(secret, version.text)
    return Granted(credentials, issue(credentials), version.version_id)


@dg.op(
    out=dg.Out(dg.Nothing),
    description="Get a fresh token and put it into the AppFlow connector profile.",
)
def refresh_connector_token(
    context: dg.OpExecutionContext, config: TokenSettings, secrets: Secrets, appflow: AppFlow
) -> None:
    """Read the credentials now, get a token, and update the profile, or create it.

    One op for all of it, so that no token is ever an op's output: outputs are stored. No token is
    kept for a later run either: one that expires while a flow runs is replaced by the next run.
    The op is not retried as a whole: what may pass is tried again inside, and what may not is not.
    """
    with urllib3.PoolManager() as pool:
        granted = grant_token(
            config.secret,
            lambda: secrets.current(config.secret),
            lambda credentials: issue_token(credentials, pool, patience=PATIENCE),
            context.log.info,
        )
    token = granted.token
    expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=token.expires_in)
    if token.expires_in < config.minimum_lifetime_seconds:
        context.log.warning(
            f"The new token lives {token.expires_in} s, less than the "
            f"{config.minimum_lifetime_seconds} s that it should: the flow may outlive it."
        )
    done = put_profile(
        appflow.client,
        create_profile_request(config.profile, granted.credentials, token),
        update_profile_request(config.profile, granted.credentials, token),
    )
    context.log.info(
        f"Connector profile {config.profile} {done}; its token lives {token.expires_in} s, until "
        f"{utc_text(expires_at)}. Each run gets a new one."
    )
    context.add_output_metadata(
        {
            "connector_profile": config.profile,
            "token_expires_at": dg.MetadataValue.timestamp(expires_at),
            "token_lifetime_seconds": token.expires_in,
            "secret_version": granted.version_id,
        }
    )
