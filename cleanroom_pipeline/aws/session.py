"""The connection that every AWS resource shares: region, endpoint, time-outs, retries.

Here: how a client is made. Not here: what is done with one; that is the service's own module.
"""

import threading
from typing import Any

import boto3
import dagster as dg
from botocore.config import Config
from pydantic import PrivateAttr

CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    retries={"mode": "adaptive", "total_max_attempts": 6},
    user_agent_extra="cleanroom-pipeline",
    # DuckDB, old SDKs and local stands-in don't read the newer trailing checksums.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


class AwsSession(dg.ConfigurableResource[Any]):
    """Makes boto3 clients on first use, one per service; credentials come the way boto3 finds them.

    `AWS_ENDPOINT_URL`, where it is set, sends all of them to the local AWS.
    """

    region: str

    _session: Any = PrivateAttr(default=None)
    _clients: dict[str, Any] = PrivateAttr(default_factory=dict)
    _lock: Any = PrivateAttr(default_factory=threading.Lock)

    def client(self, service: str) -> Any:
        """Return the one client of `service`; clients are safe to share between threads."""
        with self._lock:
            if service not in self._clients:
                # A session reads the services' models, and keeps what its clients share of them.
                self._session = self._session or boto3.session.Session(region_name=self.region)
                self._clients[service] = self._session.client(service, config=CONFIG)
            return self._clients[service]
