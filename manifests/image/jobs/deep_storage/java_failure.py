"""Converts Java exceptions to failures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator

from .failures import (
    database_failure,
    store_failure,
    store_silent,
    store_without_tls,
    untrusted,
)
from .transaction import SILENCE

if TYPE_CHECKING:
    from py4j.protocol import Py4JJavaError

    from .errors import Failure
    from .settings import Database, Store

AWS = "com.amazonaws."
TLS = ("javax.net.ssl.", "java.security.cert.", "sun.security.")


def explain(error: Py4JJavaError, database: Database | None, store: Store) -> Failure:
    """Returns the failure behind an exception of Spark, JDBC or the S3 client.

    Raises the exception itself if it is unknown.
    """
    for cause in causes(error.java_exception):
        name = cause.getClass().getName()
        if name.startswith("org.postgresql.") and database is not None:
            return postgres_failure_of(cause, database)
        if name.startswith(AWS) and name.endswith("Exception"):
            return store_failure_of(cause, store)
    raise error


def causes(exception: Any) -> Iterator[Any]:
    """Yields a Java exception and its causes, outermost first."""
    while exception is not None:
        yield exception
        exception = exception.getCause()


def postgres_failure_of(exception: Any, database: Database) -> Failure:
    """Converts an exception of Postgres's driver to a failure."""
    inner = list(causes(exception))[-1]
    name = inner.getClass().getName()
    if name.startswith(TLS):
        return untrusted(inner.getClass().getSimpleName(), database)
    silent = name == "java.net.SocketTimeoutException" and "connect" not in str(
        inner.getMessage()
    )
    return database_failure(
        exception.getSQLState() or "",
        str(exception.getMessage()),
        database,
        silent_for=SILENCE if silent else None,
    )


def store_failure_of(exception: Any, store: Store) -> Failure:
    """Converts an exception of the S3 client to a failure."""
    if not has_method(exception, "getErrorCode"):
        inner = list(causes(exception))[-1].getClass()
        if inner.getName().startswith(TLS):
            return store_without_tls(store, inner.getSimpleName())
        return store_silent(store, inner.getSimpleName())
    # The message can quote the access key. The code and the status cannot.
    code, status = exception.getErrorCode(), exception.getStatusCode()
    return store_failure(str(code), int(status), store)


def has_method(java: Any, method: str) -> bool:
    """Whether a Java object has a method."""
    return any(each.getName() == method for each in java.getClass().getMethods())
