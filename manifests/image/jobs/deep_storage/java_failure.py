"""What a Java exception means to an operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Iterator

from .failures import database_failure, store_failure, store_silent, untrusted
from .transaction import SILENCE

if TYPE_CHECKING:
    from py4j.protocol import Py4JJavaError

    from .errors import Failure
    from .settings import Database, Store

AWS = "com.amazonaws."
TLS = ("javax.net.ssl.", "java.security.cert.", "sun.security.")


def explain(error: Py4JJavaError, database: Database | None, store: Store) -> Failure:
    """The failure behind an exception of Spark, JDBC or the S3 client.

    Raises the exception itself if it is unknown.
    """
    for cause in causes(error.java_exception):
        name = cause.getClass().getName()
        if name.startswith("org.postgresql.") and database is not None:
            return of_postgres(cause, database)
        if name.startswith(AWS) and name.endswith("Exception"):
            return of_store(cause, store)
    raise error


def causes(exception: Any) -> Iterator[Any]:
    """A Java exception and what caused it, outermost first."""
    while exception is not None:
        yield exception
        exception = exception.getCause()


def of_postgres(exception: Any, database: Database) -> Failure:
    """What the driver of Postgres says."""
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


def of_store(exception: Any, store: Store) -> Failure:
    """What the object store, or the way to it, says."""
    if not has_method(exception, "getErrorCode"):
        inner = list(causes(exception))[-1]
        return store_silent(store, inner.getClass().getSimpleName())
    # The message of such an answer can quote the key; its code and status cannot.
    code, status = exception.getErrorCode(), exception.getStatusCode()
    return store_failure(str(code), int(status), store)


def has_method(java: Any, method: str) -> bool:
    """Whether a Java object has a method."""
    return any(each.getName() == method for each in java.getClass().getMethods())
