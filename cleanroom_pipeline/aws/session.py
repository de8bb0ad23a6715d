"""The connection that every AWS resource shares: region, endpoint, time-outs, retries.

Here: how a client is made. Not here: what is done with one; that is the service's own module.
"""

import os
import threading
from typing import Any

import boto3
import dagster as dg
from botocore.config import Config

CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "adaptive", "total_max_attempts": 6},
    user_agent_extra="cleanroom-pipeline",
    # DuckDB, old SDKs and local stand-ins don't read the newer trailing checksums.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)
# What a client is bound to when it is made; the key's id stands for its secret.
BOUND_BY = ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_ACCESS_KEY_ID")

_sessions: dict[tuple[str | None, ...], Any] = {}
_clients: dict[tuple[str | None, ...], Any] = {}
_lock = threading.Lock()


class AwsSession(dg.ConfigurableResource[Any]):
    """Gives boto3 clients, one per service and process; credentials come as boto3 finds them.

    Dagster makes resources anew for every tick, and a client takes longer to make than a tick to
    do: so clients outlive the resource. `AWS_ENDPOINT_URL`, where it is set, sends all of them to
    the local AWS.
    """

    region: str

    def client(self, service: str) -> Any:
        """Return the one client of `service`; clients are safe to share between threads."""
        bound = (self.region, *(os.environ.get(name) for name in BOUND_BY))
        with _lock:
            if bound not in _sessions:
                _sessions[bound] = boto3.session.Session(region_name=self.region)
            if (service, *bound) not in _clients:
                _clients[service, *bound] = _sessions[bound].client(service, config=CONFIG)
            return _clients[service, *bound]
