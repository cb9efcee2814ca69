"""What can stop a job, and the exit code that it ends with."""

from __future__ import annotations

# The same codes as every command of the toolkit has. The Jobs' podFailurePolicy reads
# them: only a job with an unknown result is worth a retry.
EXIT = {"data": 1, "configuration": 2, "unreachable": 3}


class Failure(Exception):
    """An expected failure: what failed, why, and what the operator can do.

    Its message holds no secret and needs no stack trace. `kind` is a key of EXIT.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def plural(count: int, noun: str) -> str:
    """A count in words, such as `1 row` or `20,000 rows`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def unexpected(error: BaseException, secrets: list[str]) -> str:
    """The first line of an unexpected error, without the secrets in it."""
    java = getattr(error, "java_exception", None)
    text = str(java.toString() if java is not None else error).strip()
    line = text.splitlines()[0] if text else ""
    for secret in secrets:
        line = line.replace(secret, "…")
    return f"{type(error).__name__}: {line}"
