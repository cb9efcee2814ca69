"""The TLS settings of the connection to Postgres, with the names of libpq."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from .errors import Failure
from .variable_rules import Rule, quoted, value_of

MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")
SYSTEM = "system"

MODE = Rule(
    f"Set it to one of {', '.join(MODES)}; verify-full is the safest.",
    lambda mode: None if mode_of(mode) in MODES else "it is not a TLS mode",
)
ROOT = Rule(
    "Set it to a file with PEM certificates, or to system for the certificates of "
    "this machine.",
    blanks=True,
)


class Tls(NamedTuple):
    """The TLS settings.

    `root` is the path of the trusted authorities; None means the system's. `chosen` is
    None if no mode was set.
    """

    chosen: str | None = None
    root: str | None = None

    @property
    def mode(self) -> str:
        """The mode that was set, or else the default."""
        return self.chosen or "prefer"


def tls_of(django_mode: str | None, libpq_mode: str | None, root: str | None) -> Tls:
    """Reads `DJANGO_DB_SSLMODE`, `PGSSLMODE` and `PGSSLROOTCERT`.

    The values have the same meaning as in libpq, with one exception: a certificate
    without a mode means `verify-full`. The executors read the file from the same path.
    """
    given = {
        "DJANGO_DB_SSLMODE": value_of("DJANGO_DB_SSLMODE", django_mode, MODE),
        "PGSSLMODE": value_of("PGSSLMODE", libpq_mode, MODE),
    }
    modes = {name: text for name, text in given.items() if text is not None}
    if len({mode_of(text) for text in modes.values()}) > 1:
        one, other = (f"{name}={text}" for name, text in modes.items())
        raise Failure(
            "configuration",
            f"Cannot use {one} with {other}: they contradict each other. Set one of "
            "them.",
        )
    name, text = next(iter(modes.items()), ("PGSSLMODE", None))
    path = value_of("PGSSLROOTCERT", root, ROOT)
    if path is None:
        return Tls() if text is None else Tls(mode_of(text))
    mode = "verify-full" if text is None else mode_of(text)
    if path == SYSTEM:
        if mode != "verify-full":
            raise Failure(
                "configuration",
                f"Cannot use {name}={text} with PGSSLROOTCERT=system: anyone can get a "
                "certificate that this machine trusts, so only verify-full proves who "
                f"the server is. Set {name}=verify-full.",
            )
        return Tls(mode)
    read_certificate(path)
    # As in libpq, a named authority is always verified.
    return Tls("verify-ca" if mode == "require" else mode, path)


def mode_of(text: str) -> str:
    """Returns a mode that is supported: `allow` becomes `prefer`."""
    return "prefer" if text == "allow" else text


def read_certificate(path: str) -> None:
    """Raises a failure if a file contains no certificate."""
    name = f"PGSSLROOTCERT={quoted(path)}"
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            text = file.read()
    except OSError as error:
        why = f"the file cannot be read ({type(error).__name__})"
        raise Failure(
            "configuration", f"Cannot use {name}: {why}. {ROOT.remedy}"
        ) from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise Failure(
            "configuration",
            f"Cannot use {name}: the file has no certificate. {ROOT.remedy}",
        )


def is_loopback(host: str) -> bool:
    """Whether the name or address of a host is this machine's."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def driver_properties(tls: Tls, host: str) -> dict[str, str]:
    """Converts the settings to properties of Postgres's JDBC driver."""
    if tls.chosen is None and is_loopback(host):
        return {"sslmode": "disable"}
    properties = {"sslmode": tls.mode}
    if tls.root is not None:
        properties["sslrootcert"] = tls.root
    elif tls.mode.startswith("verify-"):
        # Without this class, the driver looks for a file in the user's home.
        properties["sslfactory"] = "org.postgresql.ssl.DefaultJavaSSLFactory"
    if tls.mode == "prefer":
        # The server may not use TLS, so the driver must not send a clear-text password.
        properties["requireAuth"] = "!password"
    return properties
