"""boto3 clients of the local AWS to itself, with throw-away credentials.

Here: how they are made. Not here: what is asked of them.
"""

import threading
from functools import cache
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

ACCESS_KEY_ID = "local"
SECRET_ACCESS_KEY = "local"  # noqa: S105  # no credential: the local AWS takes any that isn't empty
IN_PERSON = "local-aws/in-person"
"""In the user agent of who sets a local AWS up or looks into it: no call of the pipeline's."""
ITSELF = "local-aws/itself"
"""In the user agent of what a service does by itself: no fault stands in its way."""
CONFIG = Config(
    connect_timeout=2,
    read_timeout=30,
    retries={"mode": "standard", "total_max_attempts": 2},
    proxies={},
    s3={"addressing_style": "path"},
)


_making = threading.Lock()


@cache
def _session() -> boto3.session.Session:
    """Return the one session of the process: it keeps the services' descriptions once read.

    It knows no profile: AWS_PROFILE is the caller's for a real account.
    """
    without_profile = botocore.session.Session(session_vars={"profile": (None, None, None, None)})
    return boto3.session.Session(
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        botocore_session=without_profile,
    )


class Clients:
    """One client per service and region, made on first use, shared by all threads.

    `agent` says in whose name they ask.
    """

    def __init__(self, endpoint: str, agent: str = IN_PERSON) -> None:
        self.endpoint = endpoint
        self._config = CONFIG.merge(Config(user_agent_extra=agent))
        self._clients: dict[tuple[str, str], Any] = {}

    def get(self, service: str, region: str) -> Any:
        """Return the client of `service` in `region`."""
        with _making:
            if (service, region) not in self._clients:
                self._clients[service, region] = _session().client(
                    service, region_name=region, endpoint_url=self.endpoint, config=self._config
                )
            return self._clients[service, region]


def error_code(error: ClientError) -> str:
    """Return the error code that a service gave, or an empty text."""
    return str(error.response.get("Error", {}).get("Code", ""))
