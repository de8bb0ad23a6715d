"""A Marketing Cloud account to pull from: one connector profile, one on-demand flow."""

import json
from typing import Any

from cleanroom_pipeline.local_aws.clients import Clients
from cleanroom_pipeline_tests.local_aws.conftest import REGION
from cleanroom_pipeline_tests.local_aws.http_client import send

PROFILE = "sfmc"
FLOW = "clicks-flow"
SOURCE = "_local/appflow/sources/SalesforceMarketingCloud/ClickEvent"


def client_of(clients: Clients) -> dict[str, Any]:
    """Return the token request of the client that the secret names."""
    secret = clients.get("secretsmanager", REGION).get_secret_value(SecretId="cleanroom/sfmc")
    known = json.loads(secret["SecretString"])
    return {
        "grant_type": "client_credentials",
        "client_id": known["client_id"],
        "client_secret": known["client_secret"],
    }


def profile_config(endpoint: str, token: str | None) -> dict[str, Any]:
    oauth2 = {"clientId": "id", "clientSecret": "hunter2", "accessToken": token}
    return {
        "connectorProfileProperties": {
            "CustomConnector": {
                "profileProperties": {"instanceUrl": endpoint},
                "oAuth2Properties": {
                    "tokenUrl": f"{endpoint}/v2/token",
                    "oAuth2GrantType": "CLIENT_CREDENTIALS",
                },
            }
        },
        "connectorProfileCredentials": {
            "CustomConnector": {
                "authenticationType": "OAUTH2",
                "oauth2": {k: v for k, v in oauth2.items() if v},
            }
        },
    }


def flow_definition(bucket: str = "cleanroom-inbound") -> dict[str, Any]:
    return {
        "flowName": FLOW,
        "triggerConfig": {"triggerType": "OnDemand"},
        "sourceFlowConfig": {
            "connectorType": "CustomConnector",
            "apiVersion": "v1",
            "connectorProfileName": PROFILE,
            "sourceConnectorProperties": {"CustomConnector": {"entityName": "ClickEvent"}},
        },
        "destinationFlowConfigList": [
            {
                "connectorType": "S3",
                "destinationConnectorProperties": {
                    "S3": {
                        "bucketName": bucket,
                        "bucketPrefix": "inbound/sfmc_click_events",
                        "s3OutputFormatConfig": {"fileType": "JSON"},
                    }
                },
            }
        ],
        "tasks": [{"taskType": "Map_all", "sourceFields": []}],
    }


class Marketing:
    """A Marketing Cloud account with a connector profile and an on-demand flow."""

    def __init__(self, endpoint: str, clients: Clients) -> None:
        self.endpoint = endpoint
        self.clients = clients
        self.appflow = clients.get("appflow", REGION)
        self.appflow.create_connector_profile(
            connectorProfileName=PROFILE,
            connectorType="CustomConnector",
            connectorLabel="SalesforceMarketingCloud",
            connectionMode="Public",
            connectorProfileConfig=profile_config(endpoint, self.new_token()),
        )
        self.appflow.create_flow(**flow_definition())

    def new_token(self) -> str:
        answer = send("POST", f"{self.endpoint}/v2/token", client_of(self.clients))
        return str(answer.content["access_token"])

    def update_profile(self, token: str | None) -> None:
        self.appflow.update_connector_profile(
            connectorProfileName=PROFILE,
            connectionMode="Public",
            connectorProfileConfig=profile_config(self.endpoint, token),
        )

    def fill(self, *records: dict[str, Any], method: str = "PUT", query: str = "") -> None:
        lines = "".join(f"{json.dumps(record)}\n" for record in records).encode()
        assert send(method, f"{self.endpoint}/{SOURCE}{query}", lines).status == 200

    def script(self, **outcome: Any) -> None:
        url = f"{self.endpoint}/_local/appflow/outcomes/{FLOW}"
        assert send("PUT", url, outcome).status == 200

    def start(self, **params: Any) -> str:
        return str(self.appflow.start_flow(flowName=FLOW, **params)["executionId"])

    def records(self) -> list[dict[str, Any]]:
        answer = self.appflow.describe_flow_execution_records(flowName=FLOW)
        executions: list[dict[str, Any]] = answer["flowExecutions"]
        return executions

    def objects(self) -> dict[str, list[dict[str, Any]]]:
        s3 = self.clients.get("s3", REGION)
        bucket = "cleanroom-inbound"
        return {
            entry["Key"]: [
                json.loads(line)
                for line in s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].iter_lines()
            ]
            for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        }
