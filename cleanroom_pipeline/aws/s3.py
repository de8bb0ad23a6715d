"""S3: list, read and write objects of the inbound and the transformed bucket.

Here: calls, their paging and their encryption. Not here: what a listing means for a batch.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
from botocore.exceptions import ClientError

from cleanroom_pipeline.aws.session import AwsSession
from cleanroom_pipeline.model import Arrival, TransformedFile

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MOST_LISTED = 1000
MISSING = {"404", "405", "MethodNotAllowed", "NoSuchKey", "NoSuchVersion", "NotFound"}


@dataclass(frozen=True, slots=True)
class ListingPage:
    """A page of the current objects under a prefix, in key order, and S3's time when it gave it.

    `last_key` is where the page ends; None: no page follows it.
    """

    objects: tuple[Arrival, ...]
    at: datetime
    last_key: str | None


class UnversionedBucketError(RuntimeError):
    """The inbound bucket keeps no versions, so that no batch could pin what it read."""


class ObjectGoneError(LookupError):
    """An object version that was pinned is no longer there."""


def error_code(error: ClientError) -> str:
    """Return the error code that the service gave, or an empty text."""
    return str(error.response.get("Error", {}).get("Code", ""))


class S3Storage(dg.ConfigurableResource[Any]):
    """The two buckets: inbound, which providers fill, and transformed, which we alone write."""

    session: dg.ResourceDependency[AwsSession]
    inbound_bucket: str
    transformed_bucket: str
    kms_key_arn: str

    @property
    def client(self) -> "S3Client":
        """The shared S3 client."""
        client: S3Client = self.session.client("s3")
        return client

    @property
    def encryption(self) -> dict[str, Any]:
        """What each write says about encryption: SSE-KMS under the project's key.

        Bucket keys are the bucket's own setting: boto3's file transfers can't ask for them.
        """
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self.kms_key_arn}

    def list_inbound_page(
        self, prefix: str, *, after: str = "", most: int = MOST_LISTED
    ) -> ListingPage:
        """List the current version of objects under `prefix` whose key comes after `after`."""
        marker: dict[str, Any] = {"KeyMarker": after} if after else {}
        page = self.client.list_object_versions(
            Bucket=self.inbound_bucket, Prefix=prefix, MaxKeys=most, **marker
        )
        objects = [
            Arrival(
                key=version["Key"],
                version_id=version["VersionId"],
                etag=version["ETag"].strip('"'),
                size=version["Size"],
                last_modified=version["LastModified"].astimezone(UTC),
            )
            for version in page.get("Versions", [])
            if version["IsLatest"]
        ]
        date = page["ResponseMetadata"]["HTTPHeaders"]["date"]
        return ListingPage(
            tuple(objects),
            parsedate_to_datetime(date),
            page["NextKeyMarker"] if page["IsTruncated"] else None,
        )

    def check_versioned(self) -> None:
        """Raise UnversionedBucketError unless each overwrite of an inbound object is a version."""
        answer = self.client.get_bucket_versioning(Bucket=self.inbound_bucket)
        if answer.get("Status") != "Enabled":
            raise UnversionedBucketError(
                f"Bucket {self.inbound_bucket} keeps no versions, so that an object which is "
                "overwritten would be lost. Enable its versioning."
            )

    def inbound_clock(self, prefix: str) -> datetime:
        """Return S3's own time, in whole seconds, as it answers for the inbound bucket."""
        return self.list_inbound_page(prefix, most=1).at

    def read_inbound(self, arrival: Arrival, *, most_bytes: int) -> bytes | None:
        """Return the first `most_bytes` of the pinned version; None if it is gone."""
        if arrival.size == 0:
            return b""
        try:
            answer = self.client.get_object(
                Bucket=self.inbound_bucket,
                Key=arrival.key,
                VersionId=arrival.version_id,
                Range=f"bytes=0-{most_bytes - 1}",
            )
        except ClientError as error:
            if error_code(error) in MISSING:
                return None
            raise
        return answer["Body"].read()

    def head_inbound(self, key: str, version_id: str | None = None) -> Arrival | None:
        """Return what is known of an object, its newest version by default; None if it is gone."""
        pinned: dict[str, Any] = {"VersionId": version_id} if version_id else {}
        try:
            head = self.client.head_object(Bucket=self.inbound_bucket, Key=key, **pinned)
        except ClientError as error:
            if error_code(error) in MISSING:
                return None
            raise
        return Arrival(
            key=key,
            version_id=head.get("VersionId", "null"),
            etag=head["ETag"].strip('"'),
            size=head["ContentLength"],
            last_modified=head["LastModified"].astimezone(UTC),
        )

    def download_inbound(self, arrival: Arrival, path: Path) -> None:
        """Write the pinned version to `path`; ObjectGoneError if it is no longer there."""
        try:
            self.client.download_file(
                self.inbound_bucket,
                arrival.key,
                str(path),
                ExtraArgs={"VersionId": arrival.version_id},
            )
        except ClientError as error:
            if error_code(error) in MISSING:
                raise ObjectGoneError(
                    f"s3://{self.inbound_bucket}/{arrival.key} (version {arrival.version_id}) is "
                    "pinned by the batch and is gone."
                ) from error
            raise

    def download_transformed(self, key: str, path: Path) -> None:
        """Write an object of the transformed bucket to `path`."""
        self.client.download_file(self.transformed_bucket, key, str(path))

    def copy_inbound(self, arrival: Arrival, key: str) -> None:
        """Copy the pinned version into the transformed bucket, without the data passing here."""
        self.client.copy(
            {
                "Bucket": self.inbound_bucket,
                "Key": arrival.key,
                "VersionId": arrival.version_id,
            },
            self.transformed_bucket,
            key,
            ExtraArgs=self.encryption,
        )

    def upload(self, path: Path, key: str) -> TransformedFile:
        """Write a file to the transformed bucket, encrypted, and return what was written."""
        self.client.upload_file(
            str(path), self.transformed_bucket, key, ExtraArgs=dict(self.encryption)
        )
        return TransformedFile(key, path.stat().st_size)

    def list_transformed(self, prefix: str) -> tuple[TransformedFile, ...]:
        """List the objects under `prefix` of the transformed bucket, in key order."""
        return tuple(
            TransformedFile(entry["Key"], entry["Size"])
            for page in self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self.transformed_bucket, Prefix=prefix
            )
            for entry in page.get("Contents", [])
        )

    def delete_transformed(self, prefix: str) -> None:
        """Delete the objects under `prefix` of the transformed bucket; older versions stay."""
        for file in self.list_transformed(prefix):
            self.client.delete_object(Bucket=self.transformed_bucket, Key=file.key)

    def kms_key_of(self, key: str) -> str | None:
        """Return the ARN of the KMS key that an object of the transformed bucket is under."""
        head = self.client.head_object(Bucket=self.transformed_bucket, Key=key)
        return head.get("SSEKMSKeyId")

    def range_reader(self, key: str) -> Callable[[int, int], bytes]:
        """Return a function of start and length that reads a part of one object."""
        return lambda start, length: self.read_range(key, start, length)

    def read_range(self, key: str, start: int, length: int) -> bytes:
        """Read `length` bytes at `start` of an object of the transformed bucket."""
        answer = self.client.get_object(
            Bucket=self.transformed_bucket, Key=key, Range=f"bytes={start}-{start + length - 1}"
        )
        return answer["Body"].read()

    def put_record(self, key: str, record: Mapping[str, Any]) -> None:
        """Write a JSON record beside the data; writing the same record again changes nothing."""
        body = json.dumps(record, indent=1, sort_keys=True).encode()
        self.client.put_object(
            Bucket=self.transformed_bucket,
            Key=key,
            Body=body,
            ContentType="application/json",
            **self.encryption,
        )

    def put_new_record(self, key: str, record: Mapping[str, Any]) -> bool:
        """Write a JSON record that nothing may replace; return False where one stands already."""
        try:
            self.client.put_object(
                Bucket=self.transformed_bucket,
                Key=key,
                Body=json.dumps(record, indent=1, sort_keys=True).encode(),
                ContentType="application/json",
                IfNoneMatch="*",
                **self.encryption,
            )
        except ClientError as error:
            if error_code(error) in {"PreconditionFailed", "412"}:
                return False
            raise
        return True

    def get_record(self, key: str) -> dict[str, Any] | None:
        """Read a JSON record; None if there is none."""
        try:
            answer = self.client.get_object(Bucket=self.transformed_bucket, Key=key)
        except ClientError as error:
            if error_code(error) in MISSING:
                return None
            raise
        record: dict[str, Any] = json.loads(answer["Body"].read())
        return record
