"""Connector type `S3PushConnector`: a provider writes objects under our inbound prefix.

Here: what a push adds to the common chain, which is nothing. Not here: the chain.
"""

from cleanroom_pipeline.connector_types.base import ConnectorBase


class S3PushConnector(ConnectorBase):
    """Data that BigQuery, Adobe Experience Platform or anyone else pushes to S3."""
