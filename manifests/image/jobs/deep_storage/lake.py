"""The bucket, accessed with the S3 client that hadoop-aws adds to the image."""

from __future__ import annotations

import base64
import hashlib
import re
import tempfile
from typing import TYPE_CHECKING, Any, Iterable, NamedTuple

from py4j.protocol import Py4JJavaError

from .errors import Failure

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from .settings import Store

PRECONDITION_FAILED, NOT_IMPLEMENTED = 412, 501
# Number of attempts of a put if the store reports another put of the key in progress.
ATTEMPTS = 4
BLOCK = 1 << 20
# The maximum of S3.
KEYS_PER_REQUEST = 1000


class Entry(NamedTuple):
    """One object of a listing. `age` is in seconds, by this pod's clock."""

    key: str
    bytes: int
    age: float


class Lake:
    """One bucket. The methods raise Java exceptions. See `java_failure`."""

    def __init__(self, spark: SparkSession, store: Store) -> None:
        self.bucket = store.bucket
        self.name = store.label
        jvm: Any = spark._jvm
        self._jvm = jvm
        self._model = jvm.com.amazonaws.services.s3.model
        aws = jvm.com.amazonaws
        pair = (store.access_key, store.secret_key)
        keys = (
            aws.auth.BasicAWSCredentials(*pair)
            if store.session_token is None
            else aws.auth.BasicSessionCredentials(*pair, store.session_token)
        )
        provider = aws.auth.AWSStaticCredentialsProvider(keys)
        place = getattr(aws.client.builder, "AwsClientBuilder$EndpointConfiguration")
        self._client = (
            aws.services.s3.AmazonS3ClientBuilder.standard()
            .withCredentials(provider)
            .withEndpointConfiguration(place(store.endpoint, store.region))
            .withPathStyleAccessEnabled(True)
            # Ceph RGW accepts a body of a known length and verifies its Content-MD5.
            # It can refuse an upload in signed chunks.
            .withChunkedEncodingDisabled(True)
            .withPayloadSigningEnabled(True)
            .build()
        )

    def url(self, key: str) -> str:
        """The URL of an object for messages."""
        return f"s3://{self.bucket}/{key}"

    def spark_path(self, key: str) -> str:
        """The path of an object for Spark."""
        return f"s3a://{self.bucket}/{key}"

    def get(self, key: str) -> tuple[bytes, str] | None:
        """Reads an object and its ETag. None if the object does not exist."""
        with tempfile.NamedTemporaryFile() as scratch:
            etag = self.download(key, scratch.name)
            if etag is None:
                return None
            with open(scratch.name, "rb") as stored:
                return stored.read(), etag

    def download(self, key: str, path: str) -> str | None:
        """Writes an object to a file. Returns its ETag, or None if it does not exist.

        The driver never has a whole part in memory.
        """
        request = self._model.GetObjectRequest(self.bucket, key)
        try:
            metadata = self._client.getObject(request, self._jvm.java.io.File(path))
        except Py4JJavaError as error:
            if has_code(error, "NoSuchKey"):
                return None
            raise  # any other 404 does not prove that the object is missing
        return unquoted(metadata.getETag())

    def put(
        self, key: str, body: bytes, condition: dict[str, str] | None = None
    ) -> bool:
        """Stores an object in one request. False if the condition did not hold.

        `condition` is a header: `{"If-None-Match": "*"}` or `{"If-Match": etag}`. The
        client has no field for it, but signs any custom header.
        """
        with tempfile.NamedTemporaryFile() as scratch:
            scratch.write(body)
            scratch.flush()
            return self.upload(key, scratch.name, condition)

    def upload(
        self, key: str, path: str, condition: dict[str, str] | None = None
    ) -> bool:
        """Stores a file as an object. See `put`."""
        metadata = self._model.ObjectMetadata()
        metadata.setContentMD5(base64.b64encode(digest("md5", path)).decode())
        source = self._jvm.java.io.File(path)
        request = self._model.PutObjectRequest(self.bucket, key, source)
        request.setMetadata(metadata)
        for header, value in (condition or {}).items():
            request.putCustomRequestHeader(header, value)
        return self._send(request, condition is not None)

    def _send(self, request: Any, conditional: bool) -> bool:
        """Sends a put. False if its condition did not hold."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._client.putObject(request)
                break
            except Py4JJavaError as error:
                # NoSuchKey: the object of the If-Match condition no longer exists.
                gone = has_code(error, "NoSuchKey")
                if conditional and (gone or has_status(error, PRECONDITION_FAILED)):
                    return False
                if conditional and has_status(error, NOT_IMPLEMENTED):
                    raise unconditional(self.name) from error
                busy = has_code(error, "ConditionalRequestConflict")
                if not busy or attempt == ATTEMPTS:
                    raise
        return True

    def list(self, prefix: str) -> list[Entry]:
        """Lists all objects with a key that begins with the prefix."""
        request = self._model.ListObjectsV2Request()
        request.withBucketName(self.bucket).withPrefix(prefix)
        now = self._jvm.java.lang.System.currentTimeMillis()
        entries = []
        while True:
            page = self._client.listObjectsV2(request)
            for each in page.getObjectSummaries():
                age = (now - each.getLastModified().getTime()) / 1000
                entries.append(Entry(each.getKey(), each.getSize(), age))
            if not page.isTruncated():
                return entries
            request.setContinuationToken(page.getNextContinuationToken())

    def remove(self, key: str) -> None:
        """Removes an object. A missing object is not an error."""
        self._client.deleteObject(self.bucket, key)

    def remove_all(self, keys: Iterable[str]) -> None:
        """Removes several objects, many in each request. See `remove`."""
        left = list(keys)
        while left:
            some, left = left[:KEYS_PER_REQUEST], left[KEYS_PER_REQUEST:]
            request = self._model.DeleteObjectsRequest(self.bucket)
            request.setKeys(self._versions(some))
            request.setQuiet(True)
            try:
                self._client.deleteObjects(request)
            except Py4JJavaError:
                # The answer does not say why. A request for one key does.
                for key in some:
                    self.remove(key)

    def _versions(self, keys: Iterable[str]) -> Any:
        """Returns a Java list of keys for a request that removes objects."""
        versions = self._jvm.java.util.ArrayList()
        version = getattr(self._model, "DeleteObjectsRequest$KeyVersion")
        for key in keys:
            versions.add(version(key))
        return versions

    def state(self) -> str | None:
        """The setting of the bucket that can make its store ignore conditions.

        `object-locked` or `versioned`. None if the bucket has neither setting, or if
        the settings cannot be read.
        """
        lock = self._model.GetObjectLockConfigurationRequest()
        lock.setBucketName(self.bucket)
        try:
            locked = self._client.getObjectLockConfiguration(lock)
            if locked.getObjectLockConfiguration() is not None:
                return "object-locked"
        except Py4JJavaError:
            pass  # most buckets have no such configuration
        try:
            versioning = self._client.getBucketVersioningConfiguration(self.bucket)
            return None if versioning.getStatus() == "Off" else "versioned"
        except Py4JJavaError:
            return None


def digest(algorithm: str, path: str) -> bytes:
    """Returns the digest of a file."""
    found = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            found.update(block)
    return found.digest()


def unquoted(etag: str) -> str:
    """Removes the quotes of an ETag, and the W/ that compressing proxies add."""
    return re.sub(r'^(?:[Ww]/)?"?(.*?)"?$', r"\1", etag)


def unconditional(name: str) -> Failure:
    """Returns the failure for a store that does not support conditional puts."""
    return Failure(
        "configuration",
        f"Cannot publish in {name}: the store answered 501: it does not support "
        "conditional puts, so two runs could overwrite each other. Set S3_ENDPOINT "
        "to a store that honours If-None-Match and If-Match.",
    )


def has_status(error: Py4JJavaError, status: int) -> bool:
    """Whether the store answered with this HTTP status."""
    return is_answer(error) and bool(error.java_exception.getStatusCode() == status)


def has_code(error: Py4JJavaError, code: str) -> bool:
    """Whether the store answered with this error code."""
    return is_answer(error) and bool(error.java_exception.getErrorCode() == code)


def is_answer(error: Py4JJavaError) -> bool:
    """Whether the store answered at all."""
    name = error.java_exception.getClass().getName()
    return bool(name.endswith(".AmazonS3Exception"))
