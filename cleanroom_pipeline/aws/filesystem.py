"""S3 as a file system that pyarrow reads from.

Here: the connection, with the session's own credentials and endpoint. Not here: what is read.
"""

from urllib.parse import urlsplit

import pyarrow.fs as pafs

from cleanroom_pipeline.aws.session import AwsSession


def s3_filesystem(session: AwsSession) -> pafs.S3FileSystem:
    """Return the file system; paths in it are `bucket/key`."""
    endpoint = urlsplit(session.client("s3").meta.endpoint_url)
    credentials = session.credentials()
    return pafs.S3FileSystem(
        access_key=credentials.access_key if credentials else None,
        secret_key=credentials.secret_key if credentials else None,
        session_token=credentials.token if credentials else None,
        region=session.region,
        endpoint_override=endpoint.netloc,
        scheme=endpoint.scheme,
    )
