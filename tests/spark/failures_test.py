"""Exit codes and remedies for the errors of Postgres and of the store."""

from __future__ import annotations

import unittest
from unittest import mock

from deep_storage.errors import EXIT, page_of
from deep_storage.failures import (
    database_failure,
    store_failure,
    store_silent,
    store_without_tls,
    untrusted,
)
from deep_storage.settings import Database, Store
from deep_storage.tls import Tls, driver_properties, is_loopback
from deep_storage.transaction import adopt, begin, connection_properties

STORE = Store(
    endpoint="https://s3.example",
    region="eu",
    bucket="rbs",
    label="s3://rbs at https://s3.example",
    access_key="KEYID",
    secret_key="s3cr3t",
    session_token=None,
)


def database(host: str = "db.example", tls: Tls | None = None) -> Database:
    """Returns the address of an example database."""
    return Database(
        host=host,
        port=5432,
        name="rbsdb",
        user='the "bot"',
        label=f"bot@{host}:5432/rbsdb",
        tls=tls or Tls(),
        password="p4ss",
    )


class OfTheStore(unittest.TestCase):
    def test_what_may_be_over_with_the_next_run_is_3(self) -> None:
        for code, status in (
            ("ConditionalRequestConflict", 409),
            ("OperationAborted", 409),
            ("BucketAlreadyExists", 409),
            ("TemporaryRedirect", 307),
            ("RequestTimeout", 400),
            ("RequestTimeout", 408),
            ("SlowDown", 503),
            ("SlowDown", 200),
            ("TooManyRequests", 429),
            ("InternalError", 500),
            ("", 502),
            ("BadDigest", 400),
        ):
            with self.subTest(code=code, status=status):
                failure = store_failure(code, status, STORE)
                self.assertEqual(EXIT[failure.kind], 3, failure)

    def test_what_an_operator_has_to_change_is_2_and_says_what(self) -> None:
        for code, status, words in (
            ("ExpiredToken", 400, "the session token has expired (ExpiredToken)"),
            ("ExpiredToken", 403, "AWS_SESSION_TOKEN"),
            ("InvalidToken", 403, "AWS_SESSION_TOKEN"),
            ("NoSuchBucket", 404, "Set S3_BUCKET"),
            ("InvalidAccessKeyId", 403, "Set AWS_ACCESS_KEY_ID"),
            ("SignatureDoesNotMatch", 403, "Set AWS_SECRET_ACCESS_KEY"),
            ("AccessDenied", 403, "list, read, write and delete"),
            ("AuthorizationHeaderMalformed", 400, "Set AWS_REGION"),
            ("PermanentRedirect", 301, "Set AWS_REGION and S3_ENDPOINT"),
            ("RequestTimeTooSkewed", 403, "clock"),
            ("QuotaExceeded", 403, "Raise the quota"),
            ("NotImplemented", 501, "Set S3_ENDPOINT"),
            ("MethodNotAllowed", 405, "Set S3_ENDPOINT"),
        ):
            with self.subTest(code=code):
                failure = store_failure(code, status, STORE)
                self.assertEqual(EXIT[failure.kind], 2)
                self.assertIn(words, str(failure))

    def test_what_the_store_quotes_stays_out(self) -> None:
        failure = store_failure("the key KEYID is unknown", 403, STORE)
        self.assertNotIn("KEYID", str(failure))

    def test_no_answer_is_3(self) -> None:
        self.assertEqual(EXIT[store_silent(STORE, "ConnectException").kind], 3)

    def test_tls_has_advice_about_the_certificate_and_none_about_policies(self) -> None:
        for reason, words in (
            ("SunCertPathBuilderException", "trust store of Java"),
            ("SSLPeerUnverifiedException", "Set S3_ENDPOINT to a name in"),
            ("CertificateExpiredException", "Renew the certificate"),
            ("SSLException", "(SSLException). Set S3_ENDPOINT to an address with TLS"),
        ):
            with self.subTest(reason):
                failure = store_without_tls(STORE, reason)
                self.assertEqual(EXIT[failure.kind], 3)
                self.assertIn(words, str(failure))
                self.assertNotIn("policies", str(failure))


class OfPostgres(unittest.TestCase):
    def test_what_may_be_over_with_the_next_run_is_3(self) -> None:
        for state in ("08006", "40001", "53300", "55P03", "57P01", "57014", "72000"):
            with self.subTest(state):
                failure = database_failure(state, "ERROR: no", database())
                self.assertEqual(EXIT[failure.kind], 3, failure)
        self.assertEqual(database_failure("", "", database()).kind, "unreachable")

    def test_a_server_that_falls_silent_is_3_and_told_as_one(self) -> None:
        failure = database_failure("08006", "I/O error", database(), silent_for="300")
        self.assertEqual(failure.kind, "unreachable")
        self.assertIn("sent nothing for 300 s", str(failure))

    def test_what_an_operator_has_to_change_is_2_and_says_what(self) -> None:
        for state, message, words in (
            ("28P01", "password authentication failed", "DJANGO_DB_PASSWORD"),
            ("3D000", "no such database", "DJANGO_DB_NAME"),
            ("42501", "permission denied", 'GRANT SELECT ON stop_events TO "the ""bot'),
            (
                "42501",
                "query would be affected by row-level security policy",
                'ALTER ROLE "the ""bot""" BYPASSRLS',
            ),
            (
                "08P01",
                "unsupported startup parameter: extra_float_digits",
                "ignore_startup_parameters",
            ),
            ("08P01", "FATAL: disabled in statement pooling mode", "pool_mode"),
            ("08004", "The server does not support SSL.", "PGSSLMODE=prefer"),
            ("08006", "no HostnameVerifier took it", "PGSSLMODE=verify-ca"),
            ("28000", "no pg_hba.conf entry, no encryption", "PGSSLMODE=require"),
        ):
            with self.subTest(message):
                failure = database_failure(state, message, database())
                self.assertEqual(EXIT[failure.kind], 2)
                self.assertIn(words, str(failure))

    def test_anything_else_is_wrong_data(self) -> None:
        message = "ERROR: no column\n  Position: 8"
        failure = database_failure("42703", message, database())
        self.assertEqual(EXIT[failure.kind], 1)
        self.assertNotIn("Position", str(failure))

    def test_a_certificate_that_does_not_count_is_2(self) -> None:
        for root, words in (
            (None, "PGSSLROOTCERT is not set"),
            ("/ca", "any CA in PGSSLROOTCERT"),
        ):
            failure = untrusted("E", database(tls=Tls("verify-full", root)))
            self.assertEqual(EXIT[failure.kind], 2)
            self.assertIn(words, str(failure))


class Connections(unittest.TestCase):
    def test_nothing_is_set_that_outlives_a_transaction(self) -> None:
        for text in (begin("REPEATABLE READ"), adopt("0-1-1")):
            first, *others = (each.strip() for each in text.split(";"))
            self.assertRegex(first, "^(BEGIN|SET TRANSACTION) .*READ ONLY")
            for statement in others:
                self.assertRegex(
                    statement, "^(SET LOCAL |SET TRANSACTION |SELECT set_config.*true)"
                )
        properties = connection_properties(database())
        self.assertEqual(properties["prepareThreshold"], "0")
        self.assertEqual(properties["assumeMinServerVersion"], "12")

    def test_each_mode_of_tls_in_the_words_of_the_driver(self) -> None:
        system = {"sslfactory": "org.postgresql.ssl.DefaultJavaSSLFactory"}
        for tls, expected in (
            (Tls(), {"sslmode": "prefer", "requireAuth": "!password"}),
            (Tls("disable"), {"sslmode": "disable"}),
            (Tls("require"), {"sslmode": "require"}),
            (Tls("verify-full"), {"sslmode": "verify-full", **system}),
            (
                Tls("verify-ca", "/ca.pem"),
                {"sslmode": "verify-ca", "sslrootcert": "/ca.pem"},
            ),
        ):
            self.assertEqual(driver_properties(tls, "db.example"), expected)
        self.assertEqual(driver_properties(Tls(), "127.0.0.1"), {"sslmode": "disable"})

    def test_a_loopback_is_known_by_its_name_and_address(self) -> None:
        for host in ("localhost", "LOCALHOST.", "127.0.0.1", "127.3.2.1", "::1"):
            self.assertTrue(is_loopback(host), host)
        for host in ("localhost.example", "10.0.0.1", "fe80::1%eth0", "db"):
            self.assertFalse(is_loopback(host), host)

    def test_a_missing_or_damaged_list_of_pages_has_no_page(self) -> None:
        message = "Cannot reach bot@db.example:5432/rbsdb."
        read = "deep_storage.errors.pkgutil.get_data"
        with mock.patch(read, side_effect=FileNotFoundError):
            self.assertIsNone(page_of(message))
        for data in (None, b"", b"[{", b"\xff", b"{}", b"[1]", b'[{"failure": "("}]'):
            with self.subTest(data=data), mock.patch(read, return_value=data):
                self.assertIsNone(page_of(message))


if __name__ == "__main__":
    unittest.main()
