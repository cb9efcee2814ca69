"""What a Java exception means to an operator."""

from __future__ import annotations

from typing import Iterator

from py4j.protocol import Py4JJavaError

from .errors import Failure
from .settings import Database, Store

WRONG_LOGIN = "Set DJANGO_DB_USER and DJANGO_DB_PASSWORD to a login of this database."
DATABASE_REMEDY = {
    "28P01": WRONG_LOGIN,
    "28000": WRONG_LOGIN,
    "3D000": "Set DJANGO_DB_NAME to the database of Robson's backend, usually rbsdb.",
    "42501": 'Let a superuser run: GRANT SELECT ON stop_events TO "{user}";',
    "42P01": "Set DJANGO_DB_NAME to the database of Robson's backend.",
}
STORE_REMEDY = {
    "InvalidAccessKeyId": "Set AWS_ACCESS_KEY_ID to a key of this store.",
    "SignatureDoesNotMatch": "Set AWS_SECRET_ACCESS_KEY to the secret of that key.",
    "AccessDenied": "Let the key read, write, list and delete in S3_BUCKET.",
    "NoSuchBucket": "Set S3_BUCKET to a bucket that exists.",
    "AuthorizationHeaderMalformed": "Set AWS_REGION to the store's region.",
}
AWS = "com.amazonaws."


def explain(error: Py4JJavaError, database: Database | None, store: Store) -> Failure:
    """The failure behind an exception of Spark, JDBC or the S3 client.

    Raises the exception itself where nothing is known about it.
    """
    for cause in causes(error):
        name = cause.getClass().getName()
        if name.startswith("org.postgresql.") and database is not None:
            return database_failure(cause, database)
        if name.startswith(AWS) and name.endswith("Exception"):
            return store_failure(cause, store)
    raise error


def causes(error: Py4JJavaError) -> Iterator[object]:
    """A Java exception and what caused it, outermost first."""
    cause = error.java_exception
    while cause is not None:
        yield cause
        cause = cause.getCause()


def database_failure(cause: object, database: Database) -> Failure:
    """What Postgres, or the way to it, says."""
    state = cause.getSQLState() or ""
    message = str(cause.getMessage()).splitlines()[0].rstrip(".")
    what = f"Cannot read from {database.label}: {message}"
    remedy = DATABASE_REMEDY.get(state)
    if remedy is not None:
        return Failure("configuration", f"{what}. {remedy.format(user=database.user)}")
    # 08 is the network; 53, 57 and 58 are a server that is full, ending or broken.
    if state and state[:2] not in ("08", "53", "57", "58"):
        return Failure("data", f"{what} (SQLSTATE {state}). Compare with the contract.")
    return Failure(
        "unreachable",
        f"{what}. Check that Postgres runs there and that the network policies let "
        "this pod reach it, then run again.",
    )


def store_failure(cause: object, store: Store) -> Failure:
    """What the object store, or the way to it, says."""
    if not hasattr_java(cause, "getErrorCode"):
        return Failure(
            "unreachable",
            f"Cannot reach {store.label}: {type_name(cause)}. Check the endpoint, and "
            "that the network policies let this pod reach it, then run again.",
        )
    # The message of such an answer can quote the key; its code and status cannot.
    code, status = cause.getErrorCode(), cause.getStatusCode()
    remedy = STORE_REMEDY.get(code)
    what = f"Cannot use {store.label}: {code} ({status})"
    if remedy is not None:
        return Failure("configuration", f"{what}. {remedy}")
    return Failure("unreachable", f"{what}. Run again, or ask who keeps the store.")


def hasattr_java(cause: object, method: str) -> bool:
    """Whether a Java object has a method."""
    methods = cause.getClass().getMethods()
    return any(each.getName() == method for each in methods)


def type_name(cause: object) -> str:
    """The innermost exception's class, which says more than the outermost one's."""
    while cause.getCause() is not None:
        cause = cause.getCause()
    return cause.getClass().getSimpleName()
