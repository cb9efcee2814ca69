"""Expected failures of a job, and their exit codes."""

from __future__ import annotations

import json
import pkgutil
import re

# Every command of the toolkit uses these exit codes. The podFailurePolicy of the Jobs
# reads them, so that Kubernetes retries a job only if its result is unknown.
EXIT = {"data": 1, "configuration": 2, "unreachable": 3}


class Failure(Exception):
    """An expected failure: what failed, why, and what the operator can do.

    The message contains no secret and needs no stack trace. `kind` is a key of EXIT.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def plural(count: int, noun: str) -> str:
    """Formats a count with its noun, such as `1 row` or `20,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def command(*words: str) -> str:
    """Formats a command of the toolkit for readers with the package or a checkout."""
    text = " ".join(words)
    return f"deep-storage {text} (in a checkout: deno task {text})"


def page_of(message: str) -> str | None:
    """Returns the page of the runbook about a failure, or None if it has no page.

    The toolkit's TypeScript reads the same list of pages. A missing or damaged list
    has no page: it must not replace the exit code of the failure.
    """
    try:
        data = pkgutil.get_data("deep_storage", "failure_pages.json")
        for entry in json.loads(data or b"[]"):
            if re.search(entry["failure"], message, re.DOTALL):
                return str(entry["page"])
    except Exception:
        return None
    return None


def unexpected(error: BaseException, secrets: list[str]) -> str:
    """Returns the first line of an unexpected error, with secrets removed."""
    java = getattr(error, "java_exception", None)
    text = str(java.toString() if java is not None else error).strip()
    line = text.splitlines()[0] if text else ""
    for secret in secrets:
        line = line.replace(secret, "…")
    return f"{type(error).__name__}: {line}"
