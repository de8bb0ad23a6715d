"""Binds every resource once, from environment variables that are read when a run needs them.

Here: which variable feeds which resource. Not here: what a resource does (`aws`, `ledger`).
"""

import os
from collections.abc import Mapping
from typing import Any

import dagster as dg

from cleanroom_pipeline.aws.appflow import AppFlow
from cleanroom_pipeline.aws.databrew import DataBrew
from cleanroom_pipeline.aws.dynamodb import KeyedTable
from cleanroom_pipeline.aws.glue import GlueCatalog
from cleanroom_pipeline.aws.message_encryption import MessageEncryption
from cleanroom_pipeline.aws.s3 import S3Storage
from cleanroom_pipeline.aws.secrets_manager import Secrets
from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.aws.sns import SnsTopic
from cleanroom_pipeline.aws.sqs import EventQueue, InboundQueue
from cleanroom_pipeline.inbound.sensors import InboundRoutes
from cleanroom_pipeline.ledger import Ledger

# AWS_ENDPOINT_URL, AWS_PROFILE and all other ways to credentials are read by boto3 itself.
OPTIONAL_OF_SESSION = {
    "assume_role_arn": "CLEANROOM_ASSUME_ROLE_ARN",
    "assume_role_external_id": "CLEANROOM_ASSUME_ROLE_EXTERNAL_ID",
    "assume_role_session_name": "CLEANROOM_ASSUME_ROLE_SESSION_NAME",
}


def build_resources(
    prefixes: Mapping[str, str], environ: Mapping[str, str] = os.environ
) -> dict[str, Any]:
    """Return the resources; `prefixes` maps each connector to its inbound prefix.

    A variable that is not set is named by Dagster in the error of the run or tick that needs it.
    An optional one is bound where it is set now, and read, as the others, when a run needs it.
    """
    optional: dict[str, Any] = {
        setting: dg.EnvVar(name)
        for setting, name in OPTIONAL_OF_SESSION.items()
        if environ.get(name)
    }
    session = AwsSession(region=dg.EnvVar("AWS_REGION"), **optional)
    table = KeyedTable(session=session, table_name=dg.EnvVar("CLEANROOM_LEDGER_TABLE"))
    kms_key_arn = dg.EnvVar("CLEANROOM_KMS_KEY_ARN")
    return {
        "storage": S3Storage(
            session=session,
            inbound_bucket=dg.EnvVar("CLEANROOM_INBOUND_BUCKET"),
            transformed_bucket=dg.EnvVar("CLEANROOM_TRANSFORMED_BUCKET"),
            kms_key_arn=kms_key_arn,
        ),
        "inbound_queue": InboundQueue(
            session=session, queue_url=dg.EnvVar("CLEANROOM_INBOUND_QUEUE_URL")
        ),
        "inbound_routes": InboundRoutes(prefixes=dict(prefixes)),
        "ledger": Ledger(table=table),
        "secrets": Secrets(session=session),
        "message_encryption": MessageEncryption(session=session),
        "appflow": AppFlow(session=session),
        "databrew": DataBrew(
            session=session,
            role_arn=dg.EnvVar("CLEANROOM_DATABREW_ROLE_ARN"),
            kms_key_arn=kms_key_arn,
        ),
        "databrew_events": EventQueue(session=session),
        "glue": GlueCatalog(session=session),
        "notifications": SnsTopic(session=session, topic_arn=dg.EnvVar("CLEANROOM_TOPIC_ARN")),
    }
