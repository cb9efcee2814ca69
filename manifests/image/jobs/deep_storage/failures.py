"""Converts errors of Postgres and of the object store to failures."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .errors import Failure
from .settings import OUTBOX_TABLE
from .sql import identifier

if TYPE_CHECKING:
    from .settings import Database, Store

OTHER_LOGIN = "Set DJANGO_DB_USER and DJANGO_DB_PASSWORD to a login of this database."
TABLE_REMEDY = (
    "Set DJANGO_DB_NAME to the database of the outbox and OUTBOX_TABLE to its table, "
    "and run the migrations of the backend."
)
DATABASE_REMEDY = {
    "28P01": OTHER_LOGIN,
    "28000": OTHER_LOGIN,
    "3D000": "Set DJANGO_DB_NAME to the database of the outbox.",
    "42P01": TABLE_REMEDY,
}
# Codes of problems that may be gone at the next run: the connection, a rollback by the
# server, no space left, an old snapshot, the operator, the disk, a timeout of the
# transaction, an object that another session uses.
TRANSIENT = re.compile(r"(08|40|53|57|58|72)|(25P03|25P04|55006|55P03)$")

CHECK_NETWORK = (
    "Check S3_ENDPOINT, and that the network policies let this pod reach it, then run "
    "again"
)
# For the exceptions of Java about a TLS connection: the fault, and the remedy.
STORE_TLS = {
    "SunCertPathBuilderException": (
        "its certificate is signed by an unknown CA",
        "Add the certificate of that CA to the trust store of Java in the image of "
        "the jobs",
    ),
    "SSLPeerUnverifiedException": (
        "its certificate is for a different name",
        "Set S3_ENDPOINT to a name in the certificate",
    ),
    "CertificateExpiredException": (
        "its certificate has expired",
        "Renew the certificate, or correct the clock of the node",
    ),
    "CertificateNotYetValidException": (
        "its certificate is not valid yet",
        "Correct the clock of the node, or renew the certificate",
    ),
}
OTHER_TLS = (
    "the connection with TLS failed",
    "Set S3_ENDPOINT to an address with TLS and a valid certificate",
)
FRESH_TOKEN = (
    "Set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN to new ones, "
    "and run again"
)
# For each error code of a store: the fault, and the remedy.
STORE_CONFIGURATION = {
    "NoSuchBucket": (
        "the store has no bucket {bucket}",
        "Set S3_BUCKET to a bucket that exists there, or create this one",
    ),
    "InvalidBucketName": (
        "the store has no bucket {bucket}",
        "Set S3_BUCKET to a bucket that exists there, or create this one",
    ),
    "InvalidAccessKeyId": (
        "the store does not know the access key",
        "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY to a key of this store",
    ),
    "SignatureDoesNotMatch": (
        "the secret key does not match the access key",
        "Set AWS_SECRET_ACCESS_KEY to the secret that belongs to AWS_ACCESS_KEY_ID",
    ),
    "ExpiredToken": ("the session token has expired", FRESH_TOKEN),
    "ExpiredTokenException": ("the session token has expired", FRESH_TOKEN),
    "TokenRefreshRequired": ("the session token has expired", FRESH_TOKEN),
    "InvalidToken": ("the store does not know the session token", FRESH_TOKEN),
    "RequestTimeTooSkewed": (
        "this pod's clock is off by more than the store accepts",
        "Set the node's clock, and run again",
    ),
    "AuthorizationHeaderMalformed": (
        "the bucket is in a different region or at a different address",
        "Set AWS_REGION and S3_ENDPOINT to those of the bucket",
    ),
    "PermanentRedirect": (
        "the bucket is in a different region or at a different address",
        "Set AWS_REGION and S3_ENDPOINT to those of the bucket",
    ),
    "QuotaExceeded": (
        "the quota of the bucket or its user is used up",
        "Raise the quota of S3_BUCKET, then run again",
    ),
}
TRANSIENT_CODES = frozenset(
    (
        "BadDigest",
        "InternalError",
        "OperationAborted",
        "RequestTimeout",
        "ServiceUnavailable",
        "SlowDown",
        "TemporaryRedirect",
        "ConditionalRequestConflict",
    )
)
# A temporary redirect, a timeout, a conflict, and too many requests.
TRANSIENT_STATUS = frozenset((307, 408, 409, 429))
FORBIDDEN, SERVER_ERROR, NOT_IMPLEMENTED = 403, 500, 501


def database_failure(
    state: str, message: str, database: Database, *, silent_for: str | None = None
) -> Failure:
    """Returns the failure for an error of Postgres or of the connection to it.

    `state` is the SQLSTATE, or empty. `silent_for` is the number of seconds without an
    answer if the driver closed the connection for this reason.
    """
    what = f"Cannot read from {database.label}"
    if silent_for is not None:
        return Failure(
            "unreachable",
            f"{what}: Postgres sent nothing for {silent_for} s. Check the server "
            "and the network, then run again.",
        )
    lines = message.splitlines() or ["no answer"]
    said = f"{what}: {lines[0].rstrip('.')}"
    refusal = refused_login(what, said, message, state, database)
    if refusal is not None:
        return refusal
    remedy = DATABASE_REMEDY.get(state)
    if remedy is not None:
        return Failure("configuration", f"{said}. {remedy}")
    if state and not TRANSIENT.match(state):
        return Failure(
            "data", f"{said} (SQLSTATE {state}). Compare the table with the contract."
        )
    if state and not state.startswith("08"):
        return Failure(
            "unreachable",
            f"{said} (SQLSTATE {state}). Run again when Postgres is available.",
        )
    return Failure(
        "unreachable",
        f"{said}. Check that Postgres runs at that address and that the network "
        "policies let this pod reach it, then run again.",
    )


def refused_login(
    what: str, said: str, message: str, state: str, database: Database
) -> Failure | None:
    """Returns the failure for an error whose code alone is ambiguous."""
    user = identifier(database.user)
    if state == "42501" and "row-level security" in message:
        text = rows_hidden(what, database.user)
    elif state == "42501":
        grant = f"GRANT SELECT ON {OUTBOX_TABLE} TO {user};"
        text = f"{said}. Let a superuser run: {grant}"
    elif "statement pooling" in message.lower():
        text = (
            f"{what}: the pooler uses statement pooling, so two reads can see "
            "different states. Set pool_mode to transaction or session for this "
            "database, or set DJANGO_DB_HOST and DJANGO_DB_PORT to Postgres itself."
        )
    elif "unsupported startup parameter" in message:
        text = (
            f"{said}. Add extra_float_digits to ignore_startup_parameters of the "
            "pooler, or set DJANGO_DB_HOST and DJANGO_DB_PORT to Postgres itself."
        )
    elif "requireAuth" in message or "require_auth" in message:
        text = (
            f"{what}: {database.host} asks for the password in clear text, and the "
            "connection may have no TLS, so anyone on the network path could read it. "
            "Set PGSSLMODE=verify-full (and PGSSLROOTCERT), or let the server ask for "
            "scram-sha-256. On a network that you trust, set PGSSLMODE=disable."
        )
    elif "hostnameverifier" in message.lower():
        text = (
            f"{what}: the server's certificate is not for {database.host}. Set "
            "DJANGO_DB_HOST to a name in the certificate, or PGSSLMODE=verify-ca "
            "to check the CA only."
        )
    elif state == "28000" and "no encryption" in message:
        text = f"{said}. {OTHER_LOGIN[:-1]}, or PGSSLMODE=require if it wants TLS."
    elif "does not support SSL" in message:
        text = (
            f"{what}: the server has no TLS, and PGSSLMODE={database.tls.mode} "
            "requires it. Turn on ssl on the server. On a network that you trust, set "
            "PGSSLMODE=prefer."
        )
    else:
        return None
    return Failure("configuration", text)


def rows_hidden(what: str, user: str) -> str:
    """Returns the message for row-level security that would hide rows."""
    return (
        f"{what}: row-level security of {OUTBOX_TABLE} would hide rows from {user}, "
        "but a copy needs all of them. Let a superuser run: ALTER ROLE "
        f"{identifier(user)} BYPASSRLS;"
    )


def untrusted(problem: str, database: Database) -> Failure:
    """Returns the failure for a server certificate that is not trusted."""
    trusted = (
        "any CA of the system, and PGSSLROOTCERT is not set"
        if database.tls.root is None
        else "any CA in PGSSLROOTCERT"
    )
    return Failure(
        "configuration",
        f"Cannot read from {database.label}: the server's certificate is not signed "
        f"by {trusted}, or is not valid today ({problem}). Set PGSSLROOTCERT to the "
        "file with the CA that signed it.",
    )


def store_failure(code: str, status: int, store: Store) -> Failure:
    """Returns the failure for an error code and HTTP status of the store."""
    what = f"Cannot use {store.label}"
    # The code comes from the store. Text that does not look like a code is left out.
    word = code if re.fullmatch("[A-Za-z]{1,60}", code) else ""
    known = STORE_CONFIGURATION.get(word)
    if known is not None:
        problem, remedy = known[0].format(bucket=store.bucket), known[1]
        return Failure("configuration", f"{what}: {problem} ({word}). {remedy}.")
    answer = f"{what}: the store answered {status} {word}".rstrip()
    passing = word in TRANSIENT_CODES or status in TRANSIENT_STATUS
    if passing or (status >= SERVER_ERROR and status != NOT_IMPLEMENTED):
        return Failure("unreachable", f"{answer}. {CHECK_NETWORK}.")
    if status == FORBIDDEN:
        return Failure(
            "configuration",
            f"{answer}. Let the user of AWS_ACCESS_KEY_ID list, read, write and delete "
            f"in the bucket S3_BUCKET={store.bucket}.",
        )
    return Failure(
        "configuration",
        f"{answer}. Set S3_ENDPOINT to the address of an S3 store.",
    )


def store_without_tls(store: Store, reason: str) -> Failure:
    """Returns the failure for a connection that Java refused because of TLS."""
    problem, remedy = STORE_TLS.get(reason, OTHER_TLS)
    return Failure(
        "unreachable", f"Cannot reach {store.label}: {problem} ({reason}). {remedy}."
    )


def store_silent(store: Store, reason: str) -> Failure:
    """Returns the failure for an object store that did not respond."""
    return Failure(
        "unreachable", f"Cannot reach {store.label}: {reason}. {CHECK_NETWORK}."
    )
