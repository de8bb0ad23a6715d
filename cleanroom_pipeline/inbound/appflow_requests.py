"""What we ask of AppFlow for a flow.

Here: pure functions from settings to requests. Not here: connector profiles
(`inbound.connector_profile`), calls, or what the state of an execution means
(`inbound.appflow_execution`).
"""

from collections.abc import Mapping
from typing import Any

API_VERSION = "v1"


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
