"""How the connection to Postgres is encrypted, in the words of libpq."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from .errors import Failure
from .judge import Rule, judged, quoted

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
    """How to encrypt. `root` is the path of the authorities that count in place of the
    system's. Where no mode was chosen, it is None."""

    chosen: str | None = None
    root: str | None = None

    @property
    def mode(self) -> str:
        """The mode, chosen or not."""
        return self.chosen or "prefer"


def tls_of(django_mode: str | None, libpq_mode: str | None, root: str | None) -> Tls:
    """Reads `DJANGO_DB_SSLMODE`, `PGSSLMODE` and `PGSSLROOTCERT`.

    They mean what they mean to libpq, but for one thing: a certificate without a mode
    means `verify-full`. The executors find the file at the same path.
    """
    given = {
        "DJANGO_DB_SSLMODE": judged("DJANGO_DB_SSLMODE", django_mode, MODE),
        "PGSSLMODE": judged("PGSSLMODE", libpq_mode, MODE),
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
    path = judged("PGSSLROOTCERT", root, ROOT)
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
    # As libpq has it, an authority that is named counts.
    return Tls("verify-ca" if mode == "require" else mode, path)


def mode_of(text: str) -> str:
    """A mode's own name. libpq's `allow` begins without TLS, and is taken as prefer."""
    return "prefer" if text == "allow" else text


def read_certificate(path: str) -> None:
    """Raises a failure where a file has no certificate."""
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
    """Whether a host is this machine itself, by its name or address."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def driver_properties(tls: Tls, host: str) -> dict[str, str]:
    """The same in the words of Postgres's JDBC driver."""
    if tls.chosen is None and is_loopback(host):
        return {"sslmode": "disable"}
    properties = {"sslmode": tls.mode}
    if tls.root is not None:
        properties["sslrootcert"] = tls.root
    elif tls.mode.startswith("verify-"):
        # Otherwise the driver looks for a file in the user's home.
        properties["sslfactory"] = "org.postgresql.ssl.DefaultJavaSSLFactory"
    if tls.mode == "prefer":
        # No password in clear text to a server that may have no TLS.
        properties["requireAuth"] = "!password"
    return properties
