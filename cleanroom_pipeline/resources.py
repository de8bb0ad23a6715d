"""Binds every resource once, from environment variables that are read when a run needs them.

Here: which variable feeds which resource. Not here: what a resource does (`aws`, `ledger`).
"""

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
from cleanroom_pipeline.aws.sqs import InboundQueue
from cleanroom_pipeline.inbound.sensors import InboundRoutes
from cleanroom_pipeline.ledger import Ledger


def build_resources(prefixes: Mapping[str, str]) -> dict[str, Any]:
    """Return the resources; `prefixes` maps each connector to its inbound prefix.

    A variable that is not set is named by Dagster in the error of the run or tick that needs it.
    """
    session = AwsSession(region=dg.EnvVar("AWS_REGION"))
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
        "glue": GlueCatalog(session=session),
        "notifications": SnsTopic(session=session, topic_arn=dg.EnvVar("CLEANROOM_TOPIC_ARN")),
    }
