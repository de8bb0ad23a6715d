"""Access tokens of Salesforce Marketing Cloud.

Here: the one HTTP request that issues a token, its time-outs and retries. Not here: what is asked
for (`inbound.appflow_requests`), or what a token is used for (`inbound.appflow`).
"""

import json

import urllib3

from cleanroom_pipeline.inbound.appflow_requests import (
    AccessToken,
    Credentials,
    token_request,
    token_url,
)

TIMEOUT = urllib3.Timeout(connect=5, read=10)
RETRIES = urllib3.Retry(
    total=4,
    status_forcelist=(429, 500, 502, 503, 504),
    allowed_methods=None,
    backoff_factor=0.5,
    backoff_jitter=0.5,
    raise_on_status=False,
)
REFUSED = {
    400: "the request is not understood: check scope and account_id in the secret",
    401: "the client id or the client secret is wrong, or the package was removed",
    403: "the package lacks a permission, or this address is not on its allow list",
}


class TokenError(RuntimeError):
    """Marketing Cloud issued no token. The message never holds a credential."""


def issue_token(credentials: Credentials, pool: urllib3.PoolManager) -> AccessToken:
    """Ask for a token; TokenError says what to check. 5xx, 429 and broken connections are retried.

    A token lives about 18 minutes and there is no refresh token: each run asks for its own.
    """
    url = token_url(credentials)
    try:
        answer = pool.request(
            "POST", url, json=token_request(credentials), timeout=TIMEOUT, retries=RETRIES
        )
    except urllib3.exceptions.HTTPError as error:
        raise TokenError(
            f"{url} can't be reached ({type(error).__name__}). Check auth_base_uri in the secret."
        ) from None
    if answer.status != 200:
        why = REFUSED.get(answer.status, "try again later, or ask Salesforce's status page")
        raise TokenError(f"{url} answered {answer.status}: {why}.")
    try:
        document = json.loads(answer.data)
        return AccessToken(
            value=document["access_token"],
            expires_in=int(document["expires_in"]),
            rest_instance_url=document["rest_instance_url"],
        )
    except (ValueError, KeyError, TypeError):
        raise TokenError(f"{url} answered 200 without a token. Check auth_base_uri.") from None
