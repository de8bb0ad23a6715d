"""What we ask of AppFlow for a flow, and what AppFlow's states mean.

Here: pure functions from settings to requests. Not here: connector profiles
(`inbound.connector_profile`), calls, or waiting.
"""

from collections.abc import Mapping
from typing import Any

from cleanroom_pipeline.external_runs import States

API_VERSION = "v1"

# botocore's AppFlow model, shape ExecutionStatus; a test holds this against it. An execution that
# was started a moment ago may not be listed yet.
NOT_LISTED = "NotListedYet"
EXECUTION_STATES = States(
    service="AppFlow",
    going=frozenset({"InProgress", "CancelStarted", NOT_LISTED}),
    good=frozenset({"Successful"}),
    bad=frozenset({"Error", "Canceled"}),
)


def create_flow_request(
    flow: str, profile: str, entity: str, bucket: str, prefix: str
) -> Mapping[str, Any]:
    """Return the arguments of CreateFlow: all fields of one object, as JSON Lines, on demand.

    Files land under `<prefix><flow>/<execution id>/`, so that a run's files are known by its id.
    """
    return {
        "flowName": flow,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "CustomConnector",
            "apiVersion": API_VERSION,
            "connectorProfileName": profile,
            "sourceConnectorProperties": {"CustomConnector": {"entityName": entity}},
        },
        "destinationFlowConfigList": [
            {
                "connectorType": "S3",
                "destinationConnectorProperties": {
                    "S3": {
                        "bucketName": bucket,
                        "bucketPrefix": prefix.rstrip("/"),
                        "s3OutputFormatConfig": {
                            "fileType": "JSON",
                            "prefixConfig": {
                                "prefixType": "PATH",
                                "pathPrefixHierarchy": ["EXECUTION_ID"],
                            },
                            "aggregationConfig": {"aggregationType": "SingleFile"},
                            "preserveSourceDataTyping": False,
                        },
                    }
                },
            }
        ],
        "tasks": [{"taskType": "Map_all", "sourceFields": []}],
    }


def delivery_prefix(prefix: str, flow: str, execution_id: str) -> str:
    """Return the prefix that an execution's files are under."""
    return f"{prefix}{flow}/{execution_id}/"
