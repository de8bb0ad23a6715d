"""The connection that every AWS resource shares: region, endpoint, role, time-outs, retries.

Here: how a client is made, and what is the same for all of them: the request id of a failed call is
in its error, and no body is ever logged. Not here: what is done with a client; that is the
service's own module.
"""

import logging
import os
import threading
from functools import partial
from typing import Any

import boto3
import botocore.session
import dagster as dg
from botocore.config import Config
from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
    ReadOnlyCredentials,
)
from botocore.exceptions import BotoCoreError, ClientError

CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "adaptive", "total_max_attempts": 6},
    user_agent_extra="cleanroom-pipeline",
    # DuckDB, old SDKs and local stand-ins don't read the newer trailing checksums.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
# For the few calls that must not be made twice, as their service takes no client token.
SINGLE_ATTEMPT = CONFIG.merge(Config(retries={"mode": "standard", "total_max_attempts": 1}))
# What a client is bound to when it is made; the key's id stands for its secret.
BOUND_BY = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")
ROLE_SESSION_NAME = "cleanroom-pipeline"
AWS_ERRORS = (ClientError, BotoCoreError)
# They write requests and answers as they are, at DEBUG: secrets, tokens and rows among them.
LOGGERS_OF_BODIES = ("botocore.endpoint", "botocore.parsers", "botocore.auth")

_sessions: dict[tuple[str | None, ...], Any] = {}
_clients: dict[tuple[str | None, ...], Any] = {}
_lock = threading.Lock()


def _forget_in_child() -> None:
    """Start anew after a fork: connections are the parent's, and so may be a lock that is held."""
    global _lock
    _lock = threading.Lock()
    _sessions.clear()
    _clients.clear()


os.register_at_fork(after_in_child=_forget_in_child)


class AwsSession(dg.ConfigurableResource[Any]):
    """Gives boto3 clients, one per service and process.

    Credentials come as boto3 finds them. `endpoint_url` and `profile` are `AWS_ENDPOINT_URL` and
    `AWS_PROFILE` where they are not given: boto3 reads those by itself, and the first one sends
    everything to the local AWS. With `assume_role_arn`, those credentials are used for AssumeRole
    alone, and the role's for all else; they are got when first needed, and again some minutes
    before they expire.

    Dagster makes resources anew for every tick, and a client takes longer to make than a tick to
    do: so clients outlive the resource. One of each is enough for all threads: a client is
    thread-safe, a session is not, and neither may cross a fork
    (https://boto3.amazonaws.com/v1/documentation/api/latest/guide/clients.html#multithreading-or-multiprocessing-with-clients).
    So sessions are used under a lock, and a forked child begins without any. The same page takes
    its promise back for clients with event hooks: ours is put on the session before there is a
    client, keeps nothing, and changes only the answer that it is given. And it is better than one
    per thread: adaptive retries slow down by what they see, and so see every call to the service.
    """

    region: str
    endpoint_url: str | None = None
    profile: str | None = None
    assume_role_arn: str | None = None
    assume_role_external_id: str | None = None
    assume_role_session_name: str | None = None

    def client(self, service: str) -> Any:
        """Return the one client of `service`; clients are safe to share between threads."""
        return self._client(service, CONFIG)

    def single_attempt_client(self, service: str) -> Any:
        """Return the client of `service` that sends each request once, whatever comes of it."""
        return self._client(service, SINGLE_ATTEMPT, "single attempt")

    def _client(self, service: str, config: Config, kind: str = "") -> Any:
        bound = self._bound()
        with _lock:
            if (service, kind, *bound) not in _clients:
                _clients[service, kind, *bound] = self._session(bound).client(
                    service, config=config, endpoint_url=self.endpoint_url or None
                )
            return _clients[service, kind, *bound]

    def credentials(self) -> ReadOnlyCredentials | None:
        """Return the credentials that clients sign with now, for who is no boto3 client."""
        bound = self._bound()
        with _lock:
            found = self._session(bound).get_credentials()
        # The role may have to be assumed first: not while others wait for the lock.
        return found.get_frozen_credentials() if found else None

    def _bound(self) -> tuple[str | None, ...]:
        chosen = (
            self.region,
            self.endpoint_url,
            self.profile,
            self.assume_role_arn,
            self.assume_role_external_id,
            self.assume_role_session_name,
        )
        return (*chosen, *(os.environ.get(name) for name in BOUND_BY))

    def _session(self, bound: tuple[str | None, ...]) -> Any:
        """Return the session of these settings; the caller holds the lock."""
        if bound not in _sessions:
            silence_bodies()
            base = self._botocore_session()
            if self.assume_role_arn:
                role = _AssumedRole(self._botocore_session(), self._role(), self.endpoint_url)
                base.register_component("credential_provider", CredentialResolver([role]))
            _sessions[bound] = boto3.session.Session(region_name=self.region, botocore_session=base)
        return _sessions[bound]

    def _botocore_session(self) -> botocore.session.Session:
        session = botocore.session.Session(profile=self.profile or None)
        session.set_config_variable("region", self.region)
        session.register("after-call", add_request_id)
        return session

    def _role(self) -> dict[str, str]:
        """Return the arguments of AssumeRole."""
        asked = {
            "RoleArn": self.assume_role_arn,
            "RoleSessionName": self.assume_role_session_name or ROLE_SESSION_NAME,
            "ExternalId": self.assume_role_external_id,
        }
        return {name: value for name, value in asked.items() if value}


class _AssumedRole(CredentialProvider):
    """A role's credentials, refreshed by botocore; nothing of them is written to a file.

    botocore's own way for a profile with `role_arn`, without the profile: the same fetcher, the
    same refreshing credentials.
    """

    METHOD = "assume-role"
    CANONICAL_NAME = None

    def __init__(
        self, source: botocore.session.Session, role: dict[str, str], endpoint_url: str | None
    ) -> None:
        super().__init__()
        self._source = source
        self._role = role
        self._endpoint_url = endpoint_url or None

    def load(self) -> DeferredRefreshableCredentials | None:
        """Return credentials that assume the role when they are first read."""
        own = self._source.get_credentials()
        if own is None:
            return None
        arguments = dict(self._role)
        fetcher = AssumeRoleCredentialFetcher(
            partial(self._source.create_client, config=CONFIG, endpoint_url=self._endpoint_url),
            own,
            arguments.pop("RoleArn"),
            extra_args=arguments,
        )
        return DeferredRefreshableCredentials(
            method=self.METHOD, refresh_using=fetcher.fetch_credentials
        )


def add_request_id(**event: Any) -> None:
    """Put the request id of a failed call into its error's message; AWS support asks for it.

    A handler of botocore's event `after-call`, which comes just before the error is made. It is
    called once per call, after the retries.
    """
    parsed: dict[str, Any] = event["parsed"]
    metadata = parsed.get("ResponseMetadata", {})
    request_id = metadata.get("RequestId")
    error = parsed.get("Error")
    if not error or not request_id or metadata.get("HTTPStatusCode", 0) < 300:
        return
    error["Message"] = f"{error.get('Message', '')} (request id {request_id})".lstrip()


def error_code(error: Exception) -> str:
    """Return the code that AWS answered with, or the class of an error that came before that."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code") or type(error).__name__)
    return type(error).__name__


def request_id_of(error: Exception) -> str | None:
    """Return the request id of a failed call, if it got as far as AWS."""
    if not isinstance(error, ClientError):
        return None
    found = error.response.get("ResponseMetadata", {}).get("RequestId")
    return str(found) if found else None


def _holds_no_body(record: logging.LogRecord) -> bool:
    return record.levelno > logging.DEBUG


def silence_bodies() -> None:
    """Drop what botocore would log of requests and answers, whatever level someone sets."""
    for name in LOGGERS_OF_BODIES:
        logging.getLogger(name).addFilter(_holds_no_body)
