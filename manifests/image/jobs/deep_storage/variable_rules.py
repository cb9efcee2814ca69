"""The rules for the values of environment variables.

Operators set variables with shells, files and YAML. Each of these can leave typical
faults in a value.
"""

from __future__ import annotations

import json
import re
from typing import Callable, NamedTuple
from urllib.parse import urlsplit

from .errors import Failure

LARGEST_PORT = 65535


class Rule(NamedTuple):
    """A rule for the value of a variable.

    `fault` returns the fault of a value. `remedy` is a sentence with the fix. With
    `blanks`, the value may contain blanks; with `quotes`, it may begin and end with
    quotes. Messages do not show a `hidden` value.
    """

    remedy: str
    fault: Callable[[str], str | None] = lambda _: None
    blanks: bool = False
    quotes: bool = False
    hidden: bool = False


def value_of(name: str, value: str | None, rule: Rule) -> str | None:
    """Returns a variable's value. None if the variable is not set or empty.

    Raises a failure that names the variable and the fault, without a login.
    """
    if not value:
        return None
    fault = syntax_fault(value, rule) or rule.fault(value)
    if fault is None:
        return value
    shown = "" if rule.hidden else f"={quoted(without_login(value))}"
    raise Failure("configuration", f"Cannot use {name}{shown}: {fault}. {rule.remedy}")


def required_value(name: str, value: str | None, meaning: str, rule: Rule) -> str:
    """Returns a value without a default. Raises a failure if it is not set."""
    found = value_of(name, value, rule)
    if found is not None:
        return found
    state = "empty" if value == "" else "not set"
    raise Failure(
        "configuration", f"Cannot start: {name} is {state}. Set it to {meaning}."
    )


def syntax_fault(value: str, rule: Rule) -> str | None:
    """Returns the fault that a shell, a file or copying left in a value."""
    what = "its value" if rule.hidden else "it"
    found = None
    if re.search(r"[\r\n]\Z", value):
        found = f"{what} ends with a line break"
    elif re.search(r"[\r\n\0]", value):
        found = f"{what} contains a line break or a zero byte"
    elif rule.hidden and rule.blanks:
        found = None  # a password may consist of blanks
    elif value[-1].isspace():
        found = f"{what} ends with a blank"
    elif value[0].isspace():
        found = f"{what} begins with a blank"
    elif not rule.quotes and re.fullmatch(r"([\"']).*\1", value):
        found = f"{what} is enclosed in quotes, which are part of the value"
    elif not rule.blanks and re.search(r"\s", value):
        found = f"{what} contains a blank"
    elif not rule.hidden and re.match(r"\$[({]|`", value):
        found = "it is a shell expression that no shell has expanded"
    return found


def quoted(text: str) -> str:
    """Puts a text between double quotes, with visible line breaks."""
    return json.dumps(text, ensure_ascii=False)


def without_login(text: str) -> str:
    """Removes a login from a value, so that messages can show it."""
    login = re.compile(r"^([a-z][a-z0-9+.-]*:[/\\]*)?.*@", re.I | re.S)
    return login.sub(r"\1…@", text)


def host_fault(host: str) -> str | None:
    """Returns the fault in the name of a host."""
    for found, fault in (
        ("://" in host, "it is a URL"),
        ("@" in host, "it has a login before the host"),
        (
            host.startswith("/"),
            "it is the path of a socket, and only TCP is supported",
        ),
        ("/" in host, "it has a path after the host"),
        ("," in host, "it names several hosts"),
    ):
        if found:
            return fault
    digits = "[0-9a-fA-F:.]*"
    if re.fullmatch(rf"{digits}:{digits}:{digits}", host):
        return None
    if re.fullmatch(r"\[.*\]", host):
        return "an IPv6 address must not have brackets here"
    if re.search(r":[0-9]*\Z", host):
        return "it has a port after the host"
    name = re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?", host)
    return None if name else "it has a character that is not allowed in a host name"


def port_fault(port: str) -> str | None:
    """Returns the fault in a port."""
    number = int(port) if re.fullmatch("[0-9]{1,5}", port) else 0
    return None if 1 <= number <= LARGEST_PORT else "it is not a port"


def url_fault(value: str) -> str | None:
    """Returns the fault of a name that is a URL."""
    return "it is a URL" if "://" in value else None


def endpoint_fault(text: str) -> str | None:
    """Returns the fault in the address of a store."""
    if "@" in text:
        return "it contains a login"
    try:
        url = urlsplit(text)
        plain = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        plain = False
    if not plain:
        return "it is not an http or https address"
    bare = url.path in ("", "/") and not text.endswith(("?", "#"))
    if bare and not url.query and not url.fragment:
        return None
    return "it has more after the address"


def bucket_fault(bucket: str) -> str | None:
    """Returns the fault in the name of a bucket."""
    if bucket.lower().startswith("s3:"):
        return "it begins with s3:"
    if "://" in bucket:
        return "it is a URL"
    if "/" in bucket:
        return "it has a slash"
    if re.fullmatch(r"\.+", bucket):
        return "it is not a name"
    name = re.fullmatch(r"[A-Za-z0-9._:-]+", bucket)
    return None if name else "it has a character that is not allowed in a bucket name"


def region_fault(region: str) -> str | None:
    """Returns the fault in a region."""
    name = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?", region)
    return None if name else "it has a character that is not allowed in a region"


def key_fault(key: str) -> str | None:
    """Returns the fault in an access key of the store."""
    printable = re.fullmatch(r"[\x21-\x7e]+", key)
    fault = "its value has a character that is not allowed in a key"
    return None if printable else fault


def minutes_fault(minutes: str) -> str | None:
    """Returns the fault in a number of minutes."""
    number = re.fullmatch("[0-9]{1,6}", minutes)
    return None if number else "it is not a number of minutes"
